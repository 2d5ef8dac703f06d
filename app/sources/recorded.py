"""What all recordings have in common: numbering, time stamps, starting over, the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from app.sources.base import ClipTitle, SourceError
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from fercore.structures import FloatArray, Intrinsics, UInt8Array


class Recorded(NamedTuple):
    """One moment of a recording."""

    rgb: UInt8Array  # (H, W, 3)
    depth_m: FloatArray | None  # (H, W), metres, NaN where unknown; None: recorded without
    intrinsics: Intrinsics | None
    time_s: float  # seconds since the recording's first frame
    origin: str = ""  # file that it came from, where each has its own
    remark: str = ""  # what was converted or left out; empty: nothing


class RecordedSource(ABC):
    """A `Replay` without clips; subclasses fetch the moments one after another."""

    clips: tuple[ClipTitle, ...] = ()
    position = 0

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_open = self._has_ended = False
        self._index = 0
        self._offset_s = self._last_s = 0.0

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

    def open(self) -> None:
        """Get ready to read from the start.

        Raises:
            SourceError: it is missing, damaged or no recording.
        """
        self.close()
        self._start()
        self._is_open, self._has_ended = True, False
        self._index, self._offset_s, self._last_s = 0, 0.0, 0.0

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
        # Writers number some frames alike; a later frame is never earlier.
        self._last_s = max(self._last_s, self._offset_s + moment.time_s)
        frame = RGBDFrame(
            moment.rgb, moment.depth_m, moment.intrinsics, self._last_s, self._index,
            origin=moment.origin, remark=moment.remark,
        )  # fmt: skip
        self._index += 1
        return frame

    def seek(self, clip: int) -> None:
        """Start over; numbers and time stamps run on."""
        self._rewind()
        self._has_ended = False
        self._offset_s = self._last_s + 1 / self.frame_rate_hz if self._index else 0.0

    def skip(self, frames: int) -> None:
        """Pass over frames without decoding them where that can be helped."""
        if not self._has_ended:
            self._index += self._pass_over(frames)

    def close(self) -> None:
        """Let go of the files."""
        self._is_open = False
        self._stop()

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

    @abstractmethod
    def _stop(self) -> None:
        """Let go of everything; safe to call twice, and before `_start`."""
