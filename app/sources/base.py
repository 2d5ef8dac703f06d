"""What every source of frames promises, whether camera, recording or replay."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fercore.structures import RGBDFrame, Verdicts


class SourceError(FercoreError):
    """A source cannot be opened or read; the message names it and says what to do."""


class SourceTimeout(SourceError):
    """No frame arrived in time; a later read may succeed."""


class SourceFacts(NamedTuple):
    """What a record says of a source beside its name."""

    clock: str = "source"  # that frames are stamped by: "camera", "host", or the source's own
    synthetic: bool = False  # whether those it shows are no people
    knows_truth: bool = False  # whether a frame without a true expression shows a neutral face
    device: Mapping[str, Any] = MappingProxyType({})  # model, serial number, firmware, filters …


@runtime_checkable
class FrameSource(Protocol):
    """A stream of frames, used from one thread at a time."""

    @property
    def name(self) -> str:
        """What to call it in the window's title: a path, a device."""
        ...

    @property
    def facts(self) -> SourceFacts:
        """What is known of it; may be asked from any thread."""
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
        """What can be chosen; played one after another but for those that stand alone.

        Empty for a recording: there is nothing to choose, and `seek(0)` is its start.
        """
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


@dataclass(frozen=True, slots=True)
class Span:
    """The frames among which one goes to and fro, and when each was taken."""

    frame_count: int
    length_s: float
    times_s: tuple[float, ...] = ()  # of the frames, from the start; none: evenly over the length
    number: int = 0  # of the span, where a source has several, one after another

    def time_of(self, place: int) -> float:
        """Return when a frame was taken, in seconds from the start."""
        if self.times_s:
            return self.times_s[max(0, min(place, len(self.times_s) - 1))]
        return place * self.length_s / max(1, self.frame_count)

    def place_at(self, time_s: float) -> int:
        """Return the number of the frame that was taken nearest to a time."""
        after = self.frame_count - 1
        if self.times_s:
            after = min(bisect.bisect_left(self.times_s, time_s), after)
        elif self.length_s > 0:
            after = min(int(time_s * self.frame_count / self.length_s) + 1, after)
        before = max(0, after - 1)
        nearer = time_s - self.time_of(before) < self.time_of(after) - time_s
        return before if nearer else max(0, after)


@runtime_checkable
class Seekable(Replay, Protocol):
    """A replay in which one can go to any frame."""

    def span(self, clip: int) -> Span:
        """Return among which frames one goes while a clip plays; any thread may ask."""
        ...

    @property
    def place(self) -> int:
        """Number of the last frame in the present span, from 0."""
        ...

    def go_to(self, place: int) -> None:
        """Go on with a frame of the present span, at most its last; time stamps run on."""
        ...


@runtime_checkable
class Remembering(Seekable, Protocol):
    """A recording of this application: it knows what was said and what happened.

    Any thread may ask, also of a clip that plays no more.
    """

    def stored(self, clip: int, place: int) -> Verdicts | None:
        """Return what the networks said when a frame was recorded, None where nothing."""
        ...

    def moments(self, clip: int) -> Sequence[tuple[float, str]]:
        """Return seconds from a clip's start, and what happened then."""
        ...


class Health(StrEnum):
    """How a camera is doing; the value is shown in the status line."""

    GOOD = "live"
    DOUBTFUL = "check the camera"
    LOST = "reconnecting…"


class Condition(NamedTuple):
    """How a camera is doing, and why."""

    health: Health
    sentence: str = ""  # for the user; empty when all is well


@runtime_checkable
class LiveSource(FrameSource, Protocol):
    """A camera: it sets the pace, cannot be paused, and comes back when it was lost.

    While it is lost, `read` raises `SourceTimeout`: a later read may succeed.
    """

    @property
    def condition(self) -> Condition:
        """How it is doing; may be asked from any thread."""
        ...


class Control(NamedTuple):
    """One setting of a camera, as a window offers it."""

    name: str  # what `adjust` takes, such as `laser_power`
    label: str  # what the user reads, such as `Laser power`
    value: float  # as it is now
    minimum: float
    maximum: float
    step: float  # 0: any value between
    unit: str = ""  # such as `µs`; empty: a plain number, a switch or a choice
    choices: tuple[tuple[float, str], ...] = ()  # values and their names, where it is a choice

    @property
    def is_switch(self) -> bool:
        """Whether it is only on (1) or off (0)."""
        return not self.choices and (self.minimum, self.maximum, self.step) == (0, 1, 1)


@runtime_checkable
class Adjustable(Protocol):
    """A camera with settings; both members may be used from any thread."""

    @property
    def controls(self) -> tuple[Control, ...]:
        """What can be set, and how it is set; changes after `adjust` was carried out."""
        ...

    def adjust(self, name: str, value: float) -> None:
        """Ask for a setting; carried out with the next frame, or refused with a warning."""
        ...


class Arrival(NamedTuple):
    """A frame on its way through the application, and where it comes from."""

    frame: RGBDFrame
    source: FrameSource
    clip: int  # index of the replay's clip it belongs to, else 0
    arrived_s: float  # when the source delivered it, by time.monotonic()
    place: int = 0  # its number in the span that one can go about in
