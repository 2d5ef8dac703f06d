"""What the window talks to: one source and one predictor, each in its own thread.

The session owns threads and mailboxes and knows no Qt. The view calls `poll`
on a timer and gets the newest frame with all that is known about it. Another
source is opened beside the present one, which plays on until the other is there.
A camera that is not there yet can be waited for.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from app.live.capture import Capture, Latest
from app.live.inference import Analyser, Inference, Judged
from app.sources.base import Condition, Health, LiveSource
from fercore.structures import Analysis

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.sources.base import Arrival, FrameSource

LOADING_REASON = "loading networks…"
NO_NETWORKS_REASON = "no networks"
_RATE_WINDOW_S = 2.0
_JOIN_TIMEOUT_S = 20.0
_SEARCH_TIMEOUT_S = 2.0  # a search through a whole disk cannot be stopped

logger = logging.getLogger(__name__)


class State(StrEnum):
    """What the session is doing; the value is shown in the status line."""

    EMPTY = "no source"
    OPENING = "opening…"
    WAITING = "waiting for the camera…"
    LOADING = "loading networks…"
    LIVE = "live"
    RECONNECTING = "reconnecting…"
    PLAYING = "playing"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "source failed"


class Statistics(NamedTuple):
    """How the live path is doing."""

    frames_per_second: float  # shown, over the last two seconds
    latency_s: float  # from receiving the last frame to its verdict
    dropped: int  # frames of this source that were never judged


class Session:
    """Runs a source through a predictor; every method returns at once but `close`."""

    def __init__(self, load_analyser: Callable[[], Analyser]) -> None:
        self._frames: Latest[Arrival] = Latest()
        self._results: Latest[Judged] = Latest()
        self._inference = Inference(load_analyser, self._frames, self._results)
        self._capture: Capture | None = None
        self._camera: LiveSource | None = None  # its source, where that is one: to ask is slow
        self._opening: Capture | None = None
        self._left: list[Capture] = []  # asked to end
        self._begins = False
        self._speed, self._looping = 1.0, False
        self._shown_s: deque[float] = deque()
        self._latency_s = 0.0
        self._dropped_before = 0
        self._preview: Arrival | None = None

    @property
    def state(self) -> State:
        """What the session is doing."""
        capture = self._capture
        if self._opening is not None:
            return State.WAITING if self._opening.excuse else State.OPENING
        if capture is None:
            return State.EMPTY
        if capture.failed:
            return State.FAILED
        if self.condition is not None and self.condition.health is Health.LOST:
            return State.RECONNECTING
        if self._loading:
            return State.LOADING
        if capture.ended:
            return State.ENDED
        if self.condition is not None:
            return State.LIVE
        return State.PLAYING if capture.playing else State.PAUSED

    @property
    def will_play(self) -> bool:
        """Whether it plays, or will once the networks are loaded."""
        return self._begins or (self._capture is not None and self._capture.playing)

    @property
    def source(self) -> FrameSource | None:
        """The source that frames come from; only `poll` changes it."""
        return self._capture.source if self._capture else None

    @property
    def condition(self) -> Condition | None:
        """How the camera is doing, None where the source is none."""
        return self._camera.condition if self._camera is not None else None

    @property
    def networks_problem(self) -> str:
        """Why no networks can be loaded, in a sentence; empty while they load, and once they do."""
        return self._inference.problem

    def unjudged(self) -> str:
        """Return why what would be recorded now is not judged by known networks."""
        if self.changes_networks:
            return "Other networks are being loaded; wait a moment."
        return self.networks_problem

    @property
    def excuse(self) -> str:
        """Why the camera that is waited for is not there, in a sentence; empty where none is."""
        return self._opening.excuse if self._opening is not None else ""

    @property
    def loaded_by(self) -> Callable[[], Analyser]:
        """What loaded the networks that judge, or is loading the first."""
        return self._inference.loaded_by

    @property
    def changes_networks(self) -> bool:
        """Whether other networks are being loaded than those of `loaded_by`."""
        load = self.asked_for
        return load is not None and load is not self.loaded_by

    @property
    def asked_for(self) -> Callable[[], Analyser] | None:
        """What loads the networks that were asked for last, None where none could be loaded."""
        return self._inference.asked_for

    def change_networks(self, load: Callable[[], Analyser]) -> None:
        """Judge by other networks, once they are loaded."""
        self._inference.change(load)

    def select_face(self, x: float, y: float) -> None:
        """Judge the face at this pixel of the colour picture from the next frame on."""
        self._inference.select_face(x, y)

    def set_listener(self, listener: Callable[[Judged], None] | None) -> None:
        """Have every result passed on, in the judging thread: `listener` must be quick."""
        self._inference.listener = listener

    def start(self) -> None:
        """Begin to load the networks."""
        self._inference.start()

    def open(self, open_source: Callable[[], FrameSource], wait: bool = False) -> None:
        """Leave the present source for another, once that has been opened.

        `open_source` is called in a thread of its own and returns a source that is
        ready to be read. It plays as soon as the networks are loaded; if it cannot be
        opened, the log says why and the present source stays. With `wait` it is tried
        again and again until it can be, or until another source is opened.
        """
        self._leave(self._opening)
        self._opening = Capture(open_source, self._frames, wait)
        self._opening.start()

    def poll(self) -> Judged | None:
        """Return the newest frame with its arrival and verdicts, None when there is none new."""
        self._change_source()
        self._begin_when_ready()
        judged = self._newest_result() if self._inference.ready else self._newest_preview()
        # The frame that was being judged while the source changed comes late.
        if judged is None or judged.arrival.source is not self.source:
            return None
        self._latency_s = judged.analysis.latency_s
        self._shown_s.append(time.monotonic())
        return judged

    def statistics(self) -> Statistics:
        """Return how the live path is doing."""
        now_s = time.monotonic()
        while self._shown_s and self._shown_s[0] < now_s - _RATE_WINDOW_S:
            self._shown_s.popleft()
        skipped = self._capture.skipped if self._capture else 0
        dropped = skipped + self._frames.dropped - self._dropped_before
        return Statistics(len(self._shown_s) / _RATE_WINDOW_S, self._latency_s, dropped)

    def play(self) -> None:
        """Go on, from the start after the end; while networks load, as soon as they are.

        A camera is always live: it neither pauses nor steps.
        """
        if self._capture is None:
            return
        if self._loading and self.condition is None:
            self._begins = True
        else:
            self._capture.play()

    def pause(self) -> None:
        """Stop at the present frame."""
        self._begins = False
        if self._capture is not None and self.condition is None:
            self._capture.pause()

    def step(self) -> None:
        """Show the next frame and pause there."""
        self._begins = False
        if self._capture is not None and self.condition is None:
            self._capture.step()

    def set_speed(self, factor: float) -> None:
        """Play a replay `factor` times as fast; kept for later sources."""
        self._speed = factor
        if self._capture is not None:
            self._capture.set_speed(factor)

    def set_looping(self, looping: bool) -> None:
        """Begin a replay anew at its end, or stop there; kept for later sources."""
        self._looping = looping
        if self._capture is not None:
            self._capture.set_looping(looping)

    def jump(self, clip: int) -> None:
        """Go on with another clip of a replay."""
        if self._capture is not None:
            self._capture.jump(clip)

    def go_to(self, place: int) -> None:
        """Go on with another frame of a source that can be sought in; while paused, show it."""
        if self._capture is not None:
            self._capture.go_to(place)

    def close(self) -> None:
        """End all threads and the source; safe to call twice, or before `start`."""
        self._inference.stop()
        self._leave(self._opening)
        self._leave(self._capture)
        self._opening = self._capture = self._camera = None
        for capture in self._left:
            _join(capture, _JOIN_TIMEOUT_S if capture.source else _SEARCH_TIMEOUT_S)
        self._left.clear()
        _join(self._inference, _JOIN_TIMEOUT_S)

    @property
    def _loading(self) -> bool:
        return not (self._inference.ready or self._inference.problem)

    def _change_source(self) -> None:
        opening = self._opening
        if opening is None:
            return
        if opening.source is not None:
            self._opening = None
            self._leave(self._capture)
            self._take_up(opening)
        elif opening.failed:
            self._opening = None

    def _take_up(self, capture: Capture) -> None:
        self._frames.clear()
        self._dropped_before = self._frames.dropped
        self._shown_s.clear()
        self._latency_s, self._preview = 0.0, None
        self._capture, source = capture, capture.source
        self._camera = source if isinstance(source, LiveSource) else None
        capture.set_speed(self._speed)
        capture.set_looping(self._looping)
        if self.condition is None:
            self._begins = True
            capture.step()
        else:
            # A camera is shown at once; its verdicts follow when the networks are there.
            capture.play()

    def _leave(self, capture: Capture | None) -> None:
        """Ask a capture to end, without waiting for it."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        if capture is not None:
            capture.stop()
            self._left.append(capture)

    def _begin_when_ready(self) -> None:
        if self._loading:
            return
        if self._preview is not None and self._inference.ready:
            # It was shown without a verdict; while paused nothing else would come.
            self._frames.put(self._preview._replace(arrived_s=time.monotonic()))
            self._preview = None
        if self._begins and self._capture is not None:
            self._begins = False
            self._capture.play()

    def _newest_result(self) -> Judged | None:
        try:
            return self._results.take(0)
        except TimeoutError:
            return None

    def _newest_preview(self) -> Judged | None:
        """Take a frame past the networks that are not there (yet)."""
        try:
            arrival = self._frames.take(0)
        except TimeoutError:
            return None
        if arrival is None:
            return None
        self._preview = arrival
        reason = NO_NETWORKS_REASON if self._inference.problem else LOADING_REASON
        return Judged(arrival, Analysis(arrival.frame, None, None, reason, 0.0))


def _join(thread: Capture | Inference, timeout_s: float) -> None:
    if not thread.is_alive():
        return
    thread.join(timeout_s)
    if thread.is_alive():
        logger.error("The %s thread does not end; it is left behind.", thread.name)
