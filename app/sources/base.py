"""What every source of frames promises, whether camera, recording or replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.structures import RGBDFrame


class SourceError(FercoreError):
    """A source cannot be opened or read; the message names it and says what to do."""


class SourceTimeout(SourceError):
    """No frame arrived in time; a later read may succeed."""


@runtime_checkable
class FrameSource(Protocol):
    """A stream of frames, used from one thread at a time."""

    @property
    def name(self) -> str:
        """What to call it in the window's title: a path, a device."""
        ...

    def open(self) -> None:
        """Get ready to read; a source is opened before its first read.

        Raises:
            SourceError: it cannot be used.
        """
        ...

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Return the next frame, None once the source has ended.

        Raises:
            SourceTimeout: none arrived within `timeout_s` seconds.
            SourceError: the source broke off.
        """
        ...

    def close(self) -> None:
        """Give everything back; safe to call twice, and on a source never opened."""
        ...


class ClipTitle(Protocol):
    """How a clip of a replay is named in a chooser."""

    @property
    def subject(self) -> str:
        """Whom it shows, such as `F0001`."""
        ...

    @property
    def label(self) -> str:
        """What it shows, such as `anger, level 4`."""
        ...


@runtime_checkable
class Replay(FrameSource, Protocol):
    """A source that waits for its reader: it can be paced, passed over and sought in."""

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second at normal speed."""
        ...

    @property
    def frame_count(self) -> int:
        """Number of frames of all clips that play one after another."""
        ...

    @property
    def clips(self) -> Sequence[ClipTitle]:
        """What can be chosen; played one after another but for those that stand alone."""
        ...

    @property
    def position(self) -> int:
        """Index of the clip that the last frame belonged to."""
        ...

    def seek(self, clip: int) -> None:
        """Go on with the first frame of a clip; numbers and time stamps run on."""
        ...

    def skip(self, frames: int) -> None:
        """Pass over frames of the present clip without rendering them, at most to its end."""
        ...


class Arrival(NamedTuple):
    """A frame on its way through the application, and where it comes from."""

    frame: RGBDFrame
    source: FrameSource
    clip: int  # index of the replay's clip it belongs to, else 0
    arrived_s: float  # when the source delivered it, by time.monotonic()
