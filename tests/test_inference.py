"""The inference thread keeps to one face of a stream, and passes a click on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app_doubles import FakeAnalyser, TickSource, sample_frame
from session_driver import PATIENCE_S

from app.live.capture import Latest
from app.live.inference import Inference, Judged
from app.sources.base import Arrival
from fercore.faces.tracking import TrackedFace
from fercore.structures import FaceBox

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from fercore.structures import Analysis, RGBDFrame

FACE = TrackedFace(4, FaceBox(1, 2, 3, 4, 0.5), 0.6, followed=True)


class FollowingAnalyser(FakeAnalyser):
    """Knows the face that it follows once it was told to follow."""

    def __init__(self) -> None:
        super().__init__()
        self.faces: tuple[TrackedFace, ...] = ()
        self.follows = False
        self.selected: list[tuple[float, float]] = []

    def follow_faces(self) -> None:
        self.follows = True

    def select_face(self, x: float, y: float) -> None:
        self.selected.append((x, y))

    def analyse(self, frame: RGBDFrame) -> Analysis:
        assert self.follows
        self.faces = (FACE,)
        return super().analyse(frame)


def judged_by(
    analyser: FakeAnalyser,
    click: tuple[float, float] | None = None,
    listener: Callable[[Judged], None] | None = None,
) -> Judged:
    frames: Latest[Arrival] = Latest()
    results: Latest[Judged] = Latest()
    inference = Inference(lambda: analyser, frames, results, listener)
    inference.select_face(0, 0)  # while the networks load: nobody is there to be chosen
    inference.start()
    frames.put(Arrival(sample_frame(), TickSource(), 0, time.monotonic()))
    judged = results.take(PATIENCE_S)
    if click is not None:
        inference.select_face(*click)
    inference.stop()
    inference.join()
    assert judged is not None
    return judged


def test_a_stream_is_followed_and_its_faces_come_with_the_verdict() -> None:
    analyser = FollowingAnalyser()
    assert judged_by(analyser, (7.0, 8.0)).faces == (FACE,)
    assert analyser.selected == [(7.0, 8.0)]


def test_an_analyser_without_faces_is_used_as_it_is() -> None:
    assert judged_by(FakeAnalyser(), (7.0, 8.0)).faces == ()


def test_a_listener_gets_what_the_window_gets() -> None:
    heard: list[Judged] = []
    assert judged_by(FakeAnalyser(), listener=heard.append) is heard[0]


def test_a_failing_listener_is_logged_once_and_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_judged: Judged) -> None:
        raise RuntimeError("the disk is gone")

    frames: Latest[Arrival] = Latest()
    results: Latest[Judged] = Latest()
    inference = Inference(FakeAnalyser, frames, results, fail)
    inference.start()
    for index in range(3):
        frames.put(Arrival(sample_frame(index), TickSource(), 0, time.monotonic()))
        judged = results.take(PATIENCE_S)
        assert judged is not None and judged.arrival.frame.index == index
    inference.stop()
    inference.join()
    assert caplog.text.count("A verdict could not be passed on: the disk is gone") == 1
