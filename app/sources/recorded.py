"""What all recordings have in common: numbering, time stamps, starting over, the end."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from app.sources.base import ClipTitle, SourceError, SourceFacts, Span
from app.sources.camera_care import LONGEST_GAP_S, FrameClock
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from fercore.structures import FloatArray, Intrinsics, UInt8Array


class Recorded(NamedTuple):
    """One moment of a recording."""

    rgb: UInt8Array  # (H, W, 3)
    depth_m: FloatArray | None  # (H, W), metres, NaN where unknown; None: recorded without
    intrinsics: Intrinsics | None
    time_s: float  # seconds on the recording's own clock, which may be set or stand still
    origin: str = ""  # file that it came from, where each has its own
    remark: str = ""  # what was converted or left out; empty: nothing


_STILL_FRAMES = 2  # so many frames at the time of the one before: there is no clock
_LEAPT = "the recording's clock leapt; timed by the frame rate here"
_STILL = "the recording's clock stands still; timed by the frame rate"


class RecordedSource(ABC):
    """A `Replay` without clips; subclasses fetch the moments one after another.

    Where a recording's clock leaps or stands still, time goes on by the frame rate.
    """

    clips: tuple[ClipTitle, ...] = ()
    position = 0

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_open = self._has_ended = False
        self._index = 0  # of the next frame that is read
        self._even_s = 0.0  # its time by the frame rate alone
        self._coming = 0  # number of the next moment in the recording
        self._clock = FrameClock()
        self._last_s, self._still = 0.0, 0  # the last moment's time, frames that have shared it

    @property
    def facts(self) -> SourceFacts:
        """Nothing that is known beside its name."""
        return SourceFacts()

    @property
    def name(self) -> str:
        """The recording's path."""
        return self._name

    @property
    @abstractmethod
    def frame_rate_hz(self) -> float:
        """Frames a second at normal speed; known once it is open."""

    @property
    @abstractmethod
    def frame_count(self) -> int:
        """Number of frames, or the best guess; known once it is open."""

    def span(self, clip: int) -> Span:
        """Return among which frames one goes: all of the recording, at its frame rate."""
        return Span(self.frame_count, self.frame_count / self.frame_rate_hz)

    @property
    def place(self) -> int:
        """Number of the last moment, from 0."""
        return max(0, self._coming - 1)

    def open(self) -> None:
        """Get ready to read from the start.

        Raises:
            SourceError: it is missing, damaged or no recording.
        """
        self.close()
        self._start()
        self._is_open, self._has_ended = True, False
        self._index, self._coming, self._clock = 0, 0, FrameClock()
        self._even_s = 0.0
        self._jumped()

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Return the next frame, None at the end; `timeout_s` is not used.

        Raises:
            SourceError: it is not open, or damaged from here on.
        """
        if not self._is_open:
            raise SourceError(f"{self._name} is read before it was opened.")
        moment = None if self._has_ended else self._next()
        if moment is None:
            self._has_ended = True
            return None
        stamp_s, of_clock = self._stamp(moment.time_s)
        remark = "; ".join(filter(None, (moment.remark, of_clock)))
        frame = RGBDFrame(
            moment.rgb, moment.depth_m, moment.intrinsics, stamp_s, self._index,
            origin=moment.origin, remark=remark,
        )  # fmt: skip
        self._pass(1)
        return frame

    def seek(self, clip: int) -> None:
        """Start over; numbers and time stamps run on."""
        self._rewind()
        self._coming, self._has_ended = 0, False
        self._jumped()

    def go_to(self, place: int) -> None:
        """Go on with a moment, at most the last; numbers and time stamps run on."""
        wanted = max(0, min(place, self.frame_count - 1))
        self._coming, self._has_ended = self._find(wanted), False
        self._jumped()

    def skip(self, frames: int) -> None:
        """Pass over frames without decoding them where that can be helped."""
        if not self._has_ended:
            passed = self._pass_over(frames)
            self._pass(passed)
            if frames / self.frame_rate_hz >= LONGEST_GAP_S / 2:
                self._clock.restart()  # a long way is no leap of the clock

    def close(self) -> None:
        """Let go of the files."""
        self._is_open = False
        self._stop()

    def _pass(self, frames: int) -> None:
        self._index += frames
        self._coming += frames
        self._even_s += frames / self.frame_rate_hz  # which another run may change

    def _jumped(self) -> None:
        """Compare the next moment's time with none before: what was gone to may come again."""
        self._clock.restart()
        self._last_s, self._still = math.nan, 0

    def _stamp(self, time_s: float) -> tuple[float, str]:
        """Return a frame's time stamp, and a remark where it is not the recording's own."""
        # Writers number some frames alike; only more of them mean that there is no clock.
        self._still = self._still + 1 if time_s == self._last_s else 0
        self._last_s = time_s
        stands_still = self._still >= _STILL_FRAMES
        if stands_still:
            self._clock.restart()
        stamp_s, jump_s = self._clock.stamp(time_s, self._even_s)
        return stamp_s, _STILL if stands_still else _LEAPT if jump_s else ""

    @abstractmethod
    def _start(self) -> None:
        """Open the recording, or raise a `SourceError`."""

    @abstractmethod
    def _next(self) -> Recorded | None:
        """Return the next moment, None at the end."""

    @abstractmethod
    def _pass_over(self, frames: int) -> int:
        """Leave moments out; return how many."""

    @abstractmethod
    def _rewind(self) -> None:
        """Go back to the first moment."""

    def _find(self, place: int) -> int:
        """Get ready to return a moment next; return which it will be."""
        self._rewind()
        return self._pass_over(place)

    @abstractmethod
    def _stop(self) -> None:
        """Let go of everything; safe to call twice, and before `_start`."""
