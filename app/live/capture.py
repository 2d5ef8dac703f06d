"""Grabs frames in a thread of its own into a one-slot mailbox, in which the newest item wins.

A camera must never wait for a slow consumer, and a slow consumer must never
work through a backlog of stale frames. So `put` overwrites and counts what it
overwrote, and `take` always yields the newest item.

A replay is paced here: too late, it passes over frames rather than play slowly.
A camera paces itself, and tells by itself when it is lost. Orders (play, pause, step,
speed, jump) come from the window's thread and are carried out between two reads.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from app.sources.base import (
    Arrival,
    FrameSource,
    LiveSource,
    Replay,
    Seekable,
    SourceError,
    SourceTimeout,
)
from app.sources.camera_care import Backoff
from app.start.logs import log_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.structures import RGBDFrame

T = TypeVar("T")
READ_TIMEOUT_S = 1.0
_LONGEST_PAUSE_S = 2.0  # between two looks for a camera that somebody is about to plug in
STALL_FRAMES = 6
"""Later than this, a clip was being loaded: the clock is set anew, nothing is passed over."""

logger = logging.getLogger(__name__)


class Latest(Generic[T]):
    """Thread-safe slot holding at most one item."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Number of items overwritten before anyone took them."""
        return self._dropped

    def put(self, item: T) -> None:
        """Offer `item`, replacing one that nobody has taken yet."""
        with self._changed:
            self._dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def put_back(self, item: T) -> None:
        """Offer an item that was taken once more, unless a newer one has come."""
        with self._changed:
            if self._item is None:
                self._item = item
                self._changed.notify()

    def take(self, timeout_s: float) -> T | None:
        """Remove and return the newest item.

        Returns None once the mailbox is closed and empty.

        Raises:
            TimeoutError: nothing arrived within `timeout_s` seconds.
        """
        with self._changed:
            arrived = self._changed.wait_for(self._has_news, timeout_s)
            if not arrived:
                raise TimeoutError(f"no item within {timeout_s} s")
            item, self._item = self._item, None
            return item

    def clear(self) -> None:
        """Throw away an item that nobody has taken yet, without counting it."""
        with self._changed:
            self._item = None

    def close(self) -> None:
        """Wake every waiting consumer; safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_news(self) -> bool:
        return self._item is not None or self._closed


@dataclass(slots=True)
class _Orders:
    """What the capture thread is to do next; guarded by `Capture._changed`."""

    playing: bool = False
    steps: int = 0
    speed: float = 1.0
    jump: int | None = None
    place: int | None = None
    looping: bool = False
    stopped: bool = False


class Capture(threading.Thread):
    """Opens a source and reads it until stopped; begins paused, without a frame.

    With `waits`, a source that cannot be opened is tried again until it can be.
    """

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        frames: Latest[Arrival],
        waits: bool = False,
    ) -> None:
        super().__init__(name="capture", daemon=True)
        self._open_source = open_source
        self._waits = waits
        self._frames = frames
        self._changed = threading.Condition()
        self._orders = _Orders()
        self._due_s: float | None = None
        self._last_excuse = ""
        self._has_shown = False  # a frame, since it began or began anew
        self.source: FrameSource | None = None  # None until it is open
        self.excuse = ""  # why a source that is waited for is not open yet, in a sentence
        self.ended = False  # the source has no more frames, for the time being
        self.failed = False  # the source cannot be opened or broke; this thread has ended
        self.skipped = 0  # frames passed over for being late

    @property
    def playing(self) -> bool:
        """Whether frames are read without being asked for one by one."""
        return self._orders.playing

    def play(self) -> None:
        """Go on, from the start if the source has ended."""
        with self._changed:
            if self.ended:
                self._orders.jump = 0
            self._orders.playing = True
            self._changed.notify()

    def pause(self) -> None:
        """Stop after the frame that is being read."""
        with self._changed:
            self._orders.playing = False

    def step(self) -> None:
        """Pause, and read one more frame."""
        with self._changed:
            self._orders.playing = False
            self._orders.steps += 1
            self._changed.notify()

    def set_speed(self, factor: float) -> None:
        """Play a replay `factor` times as fast as it was taken."""
        with self._changed:
            self._orders.speed = factor
            self._due_s = None

    def set_looping(self, looping: bool) -> None:
        """Begin anew at the end, or stop there."""
        with self._changed:
            self._orders.looping = looping

    def jump(self, clip: int) -> None:
        """Go on with another clip; while paused, show its first frame."""
        with self._changed:
            self._orders.jump = clip
            self._orders.steps += not self._orders.playing
            self._changed.notify()

    def go_to(self, place: int) -> None:
        """Go on with another frame; while paused, show it."""
        with self._changed:
            self._orders.place = place
            self._orders.steps = max(self._orders.steps, int(not self._orders.playing))
            self._changed.notify()

    def stop(self) -> None:
        """Ask the thread to end; returns at once, and no frame is handed on any more."""
        with self._changed:
            self._orders.stopped = True
            self._changed.notify()

    def run(self) -> None:
        """Open, and read until stopped; whatever goes wrong ends in the log."""
        what, problem = "The source cannot be opened", None
        try:
            source = self._opened()
            if source is None:
                return
            self.source, self.excuse = source, ""
            what = "The source stopped"
            while self._await_order():
                self._deliver(source)
        except Exception as error:
            problem = error
        finally:
            if self.source is not None:
                self.source.close()
        if problem is not None:
            self._fail(what, problem)

    def _opened(self) -> FrameSource | None:
        """Return the source, None where it was given up before it was there."""
        pauses = Backoff(longest_s=_LONGEST_PAUSE_S)
        while True:
            try:
                return self._open_source()
            except SourceError as error:
                if not self._waits:
                    raise
                if str(error) != self.excuse:
                    logger.warning("%s", error)
                    self.excuse = str(error)
            pauses.failed(time.monotonic())
            with self._changed:
                self._changed.wait_for(
                    lambda: self._orders.stopped, pauses.due_s - time.monotonic()
                )
                if self._orders.stopped:
                    return None

    def _fail(self, what: str, error: Exception) -> None:
        # Nobody waits any more for a source that was given up meanwhile.
        if not self._orders.stopped:
            log_failure(logger, what, error)
        # Last, so that whoever sees it finds the source closed and the reason in the log.
        self.failed = True

    def _await_order(self) -> bool:
        """Wait until a frame is wanted and due; return False when asked to stop."""
        with self._changed:
            if not self._wants_frame():
                self._due_s = None
                self._changed.wait_for(self._wants_frame)
            self._changed.wait_for(self._is_urgent, self._time_left_s())
            return not self._orders.stopped

    def _wants_frame(self) -> bool:
        orders = self._orders
        return self._is_urgent() or orders.playing or orders.steps > 0

    def _is_urgent(self) -> bool:
        orders = self._orders
        return orders.stopped or orders.jump is not None or orders.place is not None

    def _time_left_s(self) -> float:
        return 0.0 if self._due_s is None else max(0.0, self._due_s - time.monotonic())

    def _deliver(self, source: FrameSource) -> None:
        self._follow_jump(source)
        if isinstance(source, Replay):
            self._keep_pace(source)
        try:
            frame = source.read(READ_TIMEOUT_S)
        except SourceTimeout as error:
            self._excuse(source, str(error))
            return
        self._last_excuse = ""
        self._hand_on(source, frame, time.monotonic())

    def _excuse(self, source: FrameSource, reason: str) -> None:
        """Log once why no frames come; a camera has a condition that says so."""
        if not isinstance(source, LiveSource) and reason != self._last_excuse:
            logger.warning("%s", reason)
        self._last_excuse = reason

    def _follow_jump(self, source: FrameSource) -> None:
        with self._changed:
            clip, self._orders.jump = self._orders.jump, None
            place, self._orders.place = self._orders.place, None
        if clip is not None and isinstance(source, Replay):
            source.seek(clip)
            self._due_s = None
        if place is not None and isinstance(source, Seekable):
            source.go_to(place)
            self._due_s = None

    def _keep_pace(self, source: Replay) -> None:
        """Set when the next frame is due; pass over those that are too late already."""
        now_s = time.monotonic()
        with self._changed:
            period_s = 1 / (source.frame_rate_hz * self._orders.speed)
            if self._due_s is None or not self._orders.playing:
                self._due_s = now_s
            late = int((now_s - self._due_s) / period_s)
            if late > STALL_FRAMES:
                late, self._due_s = 0, now_s
            self._due_s += (late + 1) * period_s
        if late:
            self.skipped += late
            source.skip(late)

    def _hand_on(self, source: FrameSource, frame: RGBDFrame | None, arrived_s: float) -> None:
        clip = source.position if isinstance(source, Replay) else 0
        place = source.place if isinstance(source, Seekable) else 0
        with self._changed:
            self.ended = frame is None and not self._begins_anew()
            self._has_shown = frame is not None
            self._orders.steps = max(0, self._orders.steps - 1)
            self._orders.playing &= not self.ended
            if frame is not None and not self._orders.stopped:
                self._frames.put(Arrival(frame, source, clip, arrived_s, place))

    def _begins_anew(self) -> bool:
        """Go back to the start where that is wanted; a source without frames cannot go round."""
        if not (self._orders.looping and self._orders.playing and self._has_shown):
            return False
        if self._orders.jump is None:
            self._orders.jump = 0
        return True
