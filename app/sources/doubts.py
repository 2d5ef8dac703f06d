"""What can be wrong with a camera that still delivers: noticed, named, with its cure.

A fault must last before it is spoken of, for single bad frames are no fault; one
that passes in a moment stays in view long enough to be read.
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LASTING_S = 1.0  # how long a fault must last
READING_S = 5.0  # how long a momentary one stays in view
_SAMPLED = 12  # every so many rows and columns tell whether a picture has changed


class Fault(Enum):
    """What can be wrong, the worst first; the value is the rest of a sentence on the camera."""

    WRONG_SIZE = "sends pictures of another size than it promised; unplug it and plug it in again."
    NO_COLOUR = "sends depth but no colour; close other programs that use it, or plug it in again."
    NO_DEPTH = "sends colour but no depth; close other programs that use it, or plug it in again."
    UNSYNCHRONISED = (
        "sends colour and depth of different moments; use another USB port, without a hub."
    )
    FROZEN = "sends the same picture again and again; unplug it and plug it in again."
    BLIND = "measures no depth at all; switch its laser on and see that nothing covers it."
    CLOCK = "has set its clock back; its frames are timed by this computer for the time being."
    SLOW_CABLE = "runs on USB 2; plug it into a USB 3 port, with the cable that came with it."


MOMENTARY = frozenset({Fault.CLOCK})
CERTAIN = frozenset({Fault.SLOW_CABLE})


class Doubts:
    """Faults as they are observed; times are those of `time.monotonic()`."""

    def __init__(self) -> None:
        self._since_s: dict[Fault, float] = {}
        self._until_s: dict[Fault, float] = {}

    def observe(self, fault: Fault, present: bool, now_s: float) -> None:
        """Say whether a fault is there."""
        if present:
            self._since_s.setdefault(fault, now_s)
            if fault in MOMENTARY:
                self._until_s[fault] = now_s + READING_S
        elif self._until_s.get(fault, 0.0) <= now_s:
            self._since_s.pop(fault, None)

    def worst(self, now_s: float) -> Fault | None:
        """Return the worst fault that has lasted, None when all is well."""
        return next((fault for fault in Fault if self._lasts(fault, now_s)), None)

    def forget(self) -> None:
        """Begin anew: the camera is opened again."""
        self._since_s.clear()
        self._until_s.clear()

    def _lasts(self, fault: Fault, now_s: float) -> bool:
        since_s = self._since_s.get(fault)
        if since_s is None:
            return False
        return fault in MOMENTARY | CERTAIN or now_s - since_s >= LASTING_S


class Sameness:
    """Whether pictures differ from one to the next; real sensors are never still."""

    def __init__(self) -> None:
        self._last: int | None = None

    def is_same(self, *pictures: NDArray[np.generic] | None) -> bool:
        """Return whether these show, to the bit, what the last ones did."""
        mark = 0
        for picture in pictures:
            if picture is not None:
                sample = np.ascontiguousarray(picture[::_SAMPLED, ::_SAMPLED])
                mark = zlib.crc32(sample.tobytes(), mark)
        same, self._last = mark == self._last, mark
        return same
