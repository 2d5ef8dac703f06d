"""What keeps a camera usable: stamps that only run forward, faults that are named, ways back.

Drivers can block for seconds, or for ever, when a cable is pulled. So whatever calls them runs in
a daemon thread that can be waited for, and be left behind.
"""

from __future__ import annotations

import threading
import zlib
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TOLERANCE_S = 0.001  # jitter of one clock; not yet time running backwards
LONGEST_GAP_S = 60.0  # a device's clock that leaps further than this has been set
LASTING_S = 1.0  # how long a fault must last
READING_S = 5.0  # how long a momentary one stays in view
_SAMPLED = 12  # every so many rows and columns tell whether a picture has changed
T = TypeVar("T")
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 4.0


class FrameClock:
    """Stamps the frames of one source; the first is at 0 seconds."""

    def __init__(self) -> None:
        self._last: tuple[float, float, float] | None = None  # stamp, device's time, host's time
        self._offset_s = 0.0  # what is added to the device's time
        self._is_new_device = False

    def stamp(self, device_s: float, host_s: float) -> tuple[float, float]:
        """Return a frame's time stamp, and by how much the device's clock jumped (0: not at all).

        `device_s` is the device's time, `host_s` that of `time.monotonic()`, both in seconds.
        """
        if self._last is None:
            self._last = (0.0, device_s, host_s)
            self._offset_s = -device_s
        last_stamp_s, last_device_s, last_host_s = self._last
        step_s = device_s - last_device_s
        jumped = not -TOLERANCE_S <= step_s < LONGEST_GAP_S
        if jumped or self._is_new_device:
            self._offset_s = last_stamp_s + (host_s - last_host_s) - device_s
        stamp_s = max(device_s + self._offset_s, last_stamp_s)
        jump_s = step_s if jumped and not self._is_new_device else 0.0
        self._last, self._is_new_device = (stamp_s, device_s, host_s), False
        return stamp_s, jump_s

    def restart(self) -> None:
        """Expect another time, without calling it a jump: the device is opened anew."""
        self._is_new_device = self._last is not None


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


class Backoff:
    """When the next attempt is due: soon at first, then less and less often.

    Times are those of `time.monotonic()`.
    """

    def __init__(self, first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._pause_s = first_s
        self._due_s = 0.0

    @property
    def due_s(self) -> float:
        """When the next attempt is due; 0 before any has failed."""
        return self._due_s

    def failed(self, now_s: float) -> None:
        """Put the next attempt off, twice as long each time."""
        self._due_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._longest_s)

    def succeeded(self) -> None:
        """Begin anew."""
        self._pause_s, self._due_s = self._first_s, 0.0


class BackgroundTask(Generic[T]):
    """A call that runs in a thread of its own and may be left behind."""

    def __init__(self, call: Callable[[], T], name: str) -> None:
        self._call = call
        self._guard = threading.Lock()
        self._result: T | None = None
        self._error: Exception | None = None
        self._leftover: Callable[[T], object] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended, after at most so many seconds."""
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def result(self) -> T:
        """Return what the ended call returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        assert self._result is not None, "the call has not ended"
        return self._result

    def abandon(self, leftover: Callable[[T], object]) -> None:
        """Want the result no more; `leftover` gets rid of it, now or when it comes."""
        with self._guard:
            self._leftover = leftover
            result = self._result
        if result is not None:
            leftover(result)

    def _run(self) -> None:
        try:
            result = self._call()
        except Exception as error:
            self._error = error
            return
        with self._guard:
            self._result = result
            leftover = self._leftover
        if leftover is not None:
            leftover(result)
