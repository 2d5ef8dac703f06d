"""Turns a camera's time into time stamps that only ever run forward.

A device's clock starts anew when it is plugged in again, and some run backwards
after an overflow. The stamps go on from the last one then, by the host's clock.
"""

from __future__ import annotations

TOLERANCE_S = 0.001  # jitter of one clock; not yet time running backwards
LONGEST_GAP_S = 60.0  # a device's clock that leaps further than this has been set


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
