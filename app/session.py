"""What the window talks to: one source and one predictor, each in its own thread.

The session owns threads and mailboxes and knows no Qt. The view calls `poll`
on a timer and gets the newest frame with all that is known about it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from app.capture import Capture
from app.inference import Analyser, Inference
from app.latest import Latest
from app.sources.base import FrameSource, Replay
from fercore.structures import Analysis, RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.sources.base import ClipTitle

LOADING_REASON = "loading networks…"
NO_NETWORKS_REASON = "no networks, see the status line"
_RATE_WINDOW_S = 2.0
_JOIN_TIMEOUT_S = 20.0

logger = logging.getLogger(__name__)


class State(StrEnum):
    """What the session is doing; the value is shown in the status line."""

    EMPTY = "no source"
    LOADING = "loading networks…"
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
        self._frames: Latest[RGBDFrame] = Latest()
        self._results: Latest[Analysis] = Latest()
        self._inference = Inference(load_analyser, self._frames, self._results)
        self._capture: Capture | None = None
        self._source: FrameSource | None = None
        self._begins = False
        self._speed = 1.0
        self._shown_s: deque[float] = deque()
        self._latency_s = 0.0
        self._dropped_before = 0
        self._preview: RGBDFrame | None = None

    @property
    def state(self) -> State:
        """What the session is doing."""
        capture = self._capture
        if capture is None:
            return State.EMPTY
        if capture.failed:
            return State.FAILED
        if not (self._inference.ready or self._inference.failed):
            return State.LOADING
        if capture.ended:
            return State.ENDED
        return State.PLAYING if capture.playing else State.PAUSED

    @property
    def will_play(self) -> bool:
        """Whether it plays, or will once the networks are loaded."""
        return self._begins or (self._capture is not None and self._capture.playing)

    @property
    def source_name(self) -> str:
        """What the source calls itself, empty without one."""
        return self._source.name if self._source else ""

    @property
    def clips(self) -> Sequence[ClipTitle]:
        """What can be chosen from; nothing for a camera."""
        return self._source.clips if isinstance(self._source, Replay) else ()

    def start(self) -> None:
        """Begin to load the networks."""
        self._inference.start()

    def open(self, source: FrameSource) -> None:
        """Leave the present source for another, which plays once the networks are loaded."""
        self._close_source()
        self._source = source
        self._capture = Capture(source, self._frames)
        self._capture.set_speed(self._speed)
        self._dropped_before = self._frames.dropped
        self._begins = True
        self._capture.start()

    def poll(self) -> Analysis | None:
        """Return the newest frame with its verdicts, None when there is nothing new."""
        self._begin_when_ready()
        analysis = self._newest_result() if self._inference.ready else self._newest_preview()
        if analysis is not None:
            self._latency_s = analysis.latency_s
            self._shown_s.append(time.monotonic())
        return analysis

    def clip_of(self, frame: RGBDFrame) -> int:
        """Return the index of the clip that a frame from `poll` belongs to."""
        return self._capture.clip_of(frame) if self._capture else 0

    def statistics(self) -> Statistics:
        """Return how the live path is doing."""
        now_s = time.monotonic()
        while self._shown_s and self._shown_s[0] < now_s - _RATE_WINDOW_S:
            self._shown_s.popleft()
        skipped = self._capture.skipped if self._capture else 0
        dropped = skipped + self._frames.dropped - self._dropped_before
        return Statistics(len(self._shown_s) / _RATE_WINDOW_S, self._latency_s, dropped)

    def play(self) -> None:
        """Go on, from the start after the end; while networks load, as soon as they are."""
        if self.state is State.LOADING:
            self._begins = True
        elif self._capture is not None:
            self._capture.play()

    def pause(self) -> None:
        """Stop at the present frame."""
        self._begins = False
        if self._capture is not None:
            self._capture.pause()

    def step(self) -> None:
        """Show the next frame and pause there."""
        self._begins = False
        if self._capture is not None:
            self._capture.step()

    def set_speed(self, factor: float) -> None:
        """Play a replay `factor` times as fast; kept for later sources."""
        self._speed = factor
        if self._capture is not None:
            self._capture.set_speed(factor)

    def jump(self, clip: int) -> None:
        """Go on with another clip of a replay."""
        if self._capture is not None:
            self._capture.jump(clip)

    def close(self) -> None:
        """End both threads and the source; safe to call twice, or before `start`."""
        self._inference.stop()
        self._close_source()
        _join(self._inference)

    def _begin_when_ready(self) -> None:
        if not (self._inference.ready or self._inference.failed):
            return
        if self._preview is not None and self._inference.ready:
            # It was shown without a verdict; while paused nothing else would come.
            self._frames.put(self._preview)
            self._preview = None
        if self._begins and self._capture is not None:
            self._begins = False
            self._capture.play()

    def _newest_result(self) -> Analysis | None:
        try:
            return self._results.take(0)
        except TimeoutError:
            return None

    def _newest_preview(self) -> Analysis | None:
        """Take a frame past the networks that are not there (yet)."""
        try:
            frame = self._frames.take(0)
        except TimeoutError:
            return None
        if frame is None:
            return None
        self._preview = frame
        reason = NO_NETWORKS_REASON if self._inference.failed else LOADING_REASON
        return Analysis(frame, None, None, reason, 0.0)

    def _close_source(self) -> None:
        if self._capture is not None:
            self._capture.stop()
            _join(self._capture)
        self._capture = self._source = self._preview = None
        self._shown_s.clear()


def _join(thread: Capture | Inference) -> None:
    if not thread.is_alive():
        return
    thread.join(_JOIN_TIMEOUT_S)
    if thread.is_alive():
        logger.error("The %s thread does not end; it is left behind.", thread.name)
