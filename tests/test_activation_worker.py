"""The thread that explains verdicts: how often, which, how it ends."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import analysis_of, sample_frame

from app.live.activation_worker import ActivationWorker, Explained, Wanted
from fercore.errors import CheckpointError
from fercore.inference.activation_maps import ActivationMaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fercore.structures import FacePair, Verdicts

PATIENCE_S = 20.0
MAPS = ActivationMaps(np.ones((3, 3), np.float32), None)


class Stub:
    """Explains at once, or takes its time; knows when it was asked, and for what."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.asked_s: list[float] = []
        self.asked: list[float] = []  # timestamps of the faces
        self.free = threading.Event()
        self.free.set()

    def explain(self, pair: FacePair, verdicts: Verdicts) -> ActivationMaps:
        self.asked_s.append(time.monotonic())
        self.asked.append(pair.timestamp_s)
        assert self.free.wait(PATIENCE_S)
        time.sleep(self.takes_s)
        return MAPS


def wanted(index: int) -> Wanted:
    analysis = analysis_of(sample_frame(index))
    assert analysis.pair is not None and analysis.verdicts is not None
    return Wanted(analysis.pair, analysis.verdicts, (1, 0, None), time.monotonic())


def until(done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


@pytest.fixture
def start() -> Iterator[Callable[..., ActivationWorker]]:
    """Return what starts a worker on a stand-in; in the end it is stopped."""
    workers: list[ActivationWorker] = []

    def build(stub: Stub, period_s: float = 0.05) -> ActivationWorker:
        worker = ActivationWorker(lambda: stub, period_s)
        workers.append(worker)
        worker.start()
        return worker

    yield build
    for worker in workers:
        worker.stop()
        worker.join(PATIENCE_S)
        assert not worker.is_alive()


def keep_offering(worker: ActivationWorker, done: Callable[[], bool]) -> list[Explained]:
    """Offer like a camera until `done`; return what came back."""
    found, index = [], 0

    def step() -> bool:
        nonlocal index
        index += 1
        worker.offer(wanted(index))
        explained = worker.take()
        if explained is not None:
            found.append(explained)
        return done()

    until(step)
    return found


def test_there_are_no_more_maps_than_the_rate_allows(
    start: Callable[..., ActivationWorker],
) -> None:
    stub = Stub()
    keep_offering(start(stub, period_s=0.1), lambda: len(stub.asked) > 4)
    assert np.diff(stub.asked_s).min() >= 0.095


def test_it_rests_twice_as_long_as_it_works(start: Callable[..., ActivationWorker]) -> None:
    stub = Stub(takes_s=0.05)
    keep_offering(start(stub, period_s=0.001), lambda: len(stub.asked) > 3)
    assert np.diff(stub.asked_s).min() >= 0.15


def test_the_newest_verdict_is_explained_and_none_waits(
    start: Callable[..., ActivationWorker],
) -> None:
    stub = Stub()
    stub.free.clear()
    worker = start(stub, period_s=0.0)
    worker.offer(wanted(0))
    until(lambda: len(stub.asked) == 1)
    for index in range(1, 30):
        worker.offer(wanted(index))
    stub.free.set()
    until(lambda: len(stub.asked) == 2)
    time.sleep(0.1)
    assert stub.asked == [0.0, pytest.approx(29 / 30)]
    explained = worker.take()
    assert explained is not None and explained.maps is MAPS
    assert explained.wanted.pair.timestamp_s == pytest.approx(29 / 30)
    assert worker.take() is None


def test_what_is_forgotten_is_not_explained(start: Callable[..., ActivationWorker]) -> None:
    stub = Stub()
    stub.free.clear()
    worker = start(stub, period_s=0.0)
    worker.offer(wanted(0))
    until(lambda: len(stub.asked) == 1)
    worker.offer(wanted(1))
    worker.forget()
    stub.free.set()
    time.sleep(0.1)
    assert stub.asked == [0.0]


def test_stopping_does_not_wait_for_the_rest(start: Callable[..., ActivationWorker]) -> None:
    stub = Stub()
    worker = start(stub, period_s=600.0)
    worker.offer(wanted(0))
    until(lambda: worker.take() is not None)
    began_s = time.monotonic()
    worker.stop()
    worker.join(PATIENCE_S)
    assert not worker.is_alive() and time.monotonic() - began_s < 5


def test_it_ranks_below_an_application_that_ranks_low() -> None:
    class Low(Stub):
        rank = 0

        def explain(self, pair: FacePair, verdicts: Verdicts) -> ActivationMaps:
            self.rank = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            return super().explain(pair, verdicts)

    def load() -> Low:
        # Each thread has its own; what a process started with, all of its threads have.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
        return stub

    stub = Low()
    worker = ActivationWorker(load)
    worker.start()
    worker.offer(wanted(0))
    until(lambda: bool(stub.asked) or bool(worker.problem))
    worker.stop()
    worker.join(PATIENCE_S)
    assert (worker.problem, stub.rank) == ("", 19)


def test_networks_that_cannot_be_loaded_are_said_in_their_sentence() -> None:
    def load() -> Stub:
        raise CheckpointError("a.json does not exist; a checkpoint needs its model card.")

    worker = ActivationWorker(load)
    worker.start()
    worker.join(PATIENCE_S)
    assert not worker.is_alive() and not worker.ready
    assert worker.problem == "a.json does not exist; a checkpoint needs its model card."


def test_a_failure_ends_the_thread_with_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Stub):
        def explain(self, pair: FacePair, verdicts: Verdicts) -> ActivationMaps:
            raise RuntimeError("out of memory")

    worker = ActivationWorker(Failing)
    worker.start()
    worker.offer(wanted(0))
    worker.join(PATIENCE_S)
    assert not worker.is_alive() and "(out of memory)" in worker.problem
    assert "cannot be found out" in caplog.text
