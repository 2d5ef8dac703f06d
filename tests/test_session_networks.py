"""What a session shows while networks load or fail, and how its threads end."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from app_doubles import BrokenAnalyser, FakeAnalyser, TickSource, opening, sample_frame
from session_driver import PATIENCE_S, next_shown, until

from app.live.capture import Latest
from app.live.inference import Inference, Judged
from app.live.session import LOADING_REASON, NO_NETWORKS_REASON, Session, State
from app.sources.base import Arrival
from fercore.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.structures import Analysis, RGBDFrame


def test_shows_the_first_frame_while_the_networks_load(
    make_session: Callable[..., Session],
) -> None:
    loaded = threading.Event()

    def load() -> FakeAnalyser:
        loaded.wait(PATIENCE_S)
        return FakeAnalyser()

    session = make_session(load)
    session.open(opening(TickSource()))
    preview = next_shown(session)
    assert (preview.frame.index, preview.verdicts) == (0, None)
    assert preview.reason == LOADING_REASON
    assert session.state is State.LOADING and session.will_play
    loaded.set()
    judged = next_shown(session)
    assert judged.verdicts is not None
    until(session, lambda: session.state is State.PLAYING)


def test_paused_while_loading_the_first_frame_still_gets_its_verdict(
    make_session: Callable[..., Session],
) -> None:
    loaded = threading.Event()

    def load() -> FakeAnalyser:
        loaded.wait(PATIENCE_S)
        return FakeAnalyser()

    session = make_session(load)
    session.open(opening(TickSource()))
    next_shown(session)
    session.pause()
    loaded.set()
    judged = next_shown(session)
    assert judged.frame.index == 0 and judged.verdicts is not None
    assert session.state is State.PAUSED and not session.will_play


def test_without_networks_it_plays_on_and_says_so(
    make_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> FakeAnalyser:
        raise CheckpointError("weights of fusion-resnet50 are damaged; fetch them again")

    session = make_session(load)
    session.open(opening(TickSource()))
    shown = until(session, lambda: session.statistics().frames_per_second > 2)
    assert shown[-1].verdicts is None
    assert shown[-1].reason == NO_NETWORKS_REASON
    assert session.networks_problem.startswith("The networks cannot be loaded: weights of fusion")
    assert session.state is State.PLAYING
    assert "weights of fusion-resnet50 are damaged" in caplog.text
    assert "Traceback" not in caplog.text


class Judge(FakeAnalyser):
    """Networks with a name, which take their time to load."""

    begun, may_end = threading.Event(), threading.Event()

    def __init__(self, name: str, fails: bool = False) -> None:
        super().__init__()
        self.name = name
        if name == "slow":
            self.begun.set()
            assert self.may_end.wait(PATIENCE_S)
        if fails:
            raise CheckpointError(f"{name} is damaged")

    def analyse(self, frame: RGBDFrame) -> Analysis:
        return replace(super().analyse(frame), reason=self.name)


@pytest.mark.parametrize("fails", [False, True], ids=["loads", "fails"])
@pytest.mark.parametrize("others_judge", [False, True], ids=["first", "later"])
def test_networks_that_are_asked_for_while_others_load_are_loaded_next(
    make_session: Callable[..., Session],
    monkeypatch: pytest.MonkeyPatch,
    fails: bool,
    others_judge: bool,
) -> None:
    monkeypatch.setattr(Judge, "begun", threading.Event())
    monkeypatch.setattr(Judge, "may_end", threading.Event())
    slow, last = partial(Judge, "slow", fails), partial(Judge, "last")
    session = make_session(partial(Judge, "before") if others_judge else slow)
    session.open(opening(TickSource(clip_frames=1000)))
    if others_judge:
        until(session, lambda: session.state is State.PLAYING)
        session.change_networks(slow)
    assert Judge.begun.wait(PATIENCE_S)
    session.change_networks(last)
    assert session.changes_networks and session.asked_for is last
    Judge.may_end.set()
    until(session, lambda: session.loaded_by is last)
    next_shown(session)  # it may have been judged before
    assert next_shown(session).reason == "last"
    assert not session.changes_networks and session.networks_problem == ""


def test_where_no_networks_could_be_loaded_others_can_be_asked_for(
    make_session: Callable[..., Session],
) -> None:
    session = make_session(partial(Judge, "first", fails=True))
    session.open(opening(TickSource(clip_frames=1000)))
    until(session, lambda: session.networks_problem != "")
    assert session.asked_for is None and not session.changes_networks
    session.change_networks(partial(Judge, "second"))
    until(session, lambda: session.networks_problem == "")
    while (shown := next_shown(session)).reason == NO_NETWORKS_REASON:
        pass
    assert shown.reason == "second"


def test_networks_are_used_by_the_thread_that_loaded_them(
    make_session: Callable[..., Session],
) -> None:
    threads: set[str] = set()

    class Witness(FakeAnalyser):
        def analyse(self, frame: RGBDFrame) -> Analysis:
            threads.add(threading.current_thread().name)
            return super().analyse(frame)

    session = make_session(Witness)
    session.open(opening(TickSource()))
    next_shown(session)
    assert threads == {"inference"}


def test_a_network_that_raises_is_logged_once_and_frames_go_on(
    make_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session(BrokenAnalyser)
    session.open(opening(TickSource()))
    shown: list[Analysis] = []
    while len(shown) < 5:
        shown.append(next_shown(session))
    assert shown[-1].reason == "analysis failed: the network exploded"
    failures = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(failures) == 1


def test_latency_counts_from_the_frames_arrival() -> None:
    frames: Latest[Arrival] = Latest()
    results: Latest[Judged] = Latest()
    inference = Inference(lambda: FakeAnalyser(delay_s=0.02), frames, results)
    waited_s = 0.5
    frames.put(Arrival(sample_frame(), TickSource(), 3, time.monotonic() - waited_s))
    inference.start()
    judged = results.take(PATIENCE_S)
    inference.stop()
    inference.join()
    assert judged is not None and judged.arrival.clip == 3
    assert waited_s + 0.02 <= judged.analysis.latency_s < PATIENCE_S


def test_close_ends_all_threads_and_gives_everything_back() -> None:
    made: list[FakeAnalyser] = []

    def load() -> FakeAnalyser:
        made.append(FakeAnalyser())
        return made[-1]

    before = set(threading.enumerate())
    session, source = Session(load), TickSource()
    session.start()
    session.open(opening(source))
    until(session, lambda: session.state is State.PLAYING)
    session.close()
    session.close()
    assert set(threading.enumerate()) <= before
    assert made[0].closed and not source.is_open


def test_a_session_that_never_started_closes() -> None:
    session = Session(FakeAnalyser)
    session.close()
    assert session.poll() is None
