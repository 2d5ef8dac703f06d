"""Finds a RealSense device, opens it, and gets it back after it was lost.

Whatever may block runs in threads of its own, so that nobody waits for a driver.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from app.sources.base import SourceError
from app.sources.camera_care import BackgroundTask, Backoff
from app.sources.realsense.frames import explained
from app.sources.realsense.streams import STOP_TIMEOUT_S, CameraFacts, DeviceStreams, facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Bus = Callable[[], Sequence[Any]]

OPEN_TIMEOUT_S = 15.0
_LOOK_TIMEOUT_S = 0.5

logger = logging.getLogger(__name__)


def connected_devices() -> list[Any]:
    """Return the RealSense devices that are plugged in."""
    return list(_context().query_devices())


@cache
def _context() -> Any:
    """Return the SDK's view of the bus: one for all, for each costs threads of its own."""
    import pyrealsense2 as rs

    return rs.context()


class Connection:
    """One camera, by serial number or the first one found; `bus` returns those plugged in."""

    def __init__(self, serial: str, bus: Bus) -> None:
        self._bus = bus
        self._serial = serial
        self.title = f"RealSense {serial}".rstrip()
        self._backoff = Backoff()
        self._attempt: BackgroundTask[DeviceStreams] | None = None
        self._stopping: BackgroundTask[bool] | None = None

    def open(self) -> DeviceStreams:
        """Return the camera's streams, running.

        Raises:
            SourceError: there is none, it is in use, or it may not be used.
        """
        self._backoff = Backoff()
        attempt = BackgroundTask(self._connect, "camera-open")
        if not attempt.wait(OPEN_TIMEOUT_S):
            attempt.abandon(DeviceStreams.stop)
            raise SourceError(f"{self.title} does not answer; unplug it and plug it in again.")
        return self._known(attempt.result())

    def lose(self, streams: DeviceStreams) -> None:
        """Let go of streams that are dead, without waiting for it."""
        self._stopping = BackgroundTask(lambda: _stopped(streams), "camera-leave")
        self._backoff.failed(time.monotonic())

    def try_again(self, until_s: float) -> DeviceStreams | None:
        """Return the camera's streams once it is back, None if not by `until_s`."""
        if self._attempt is None:
            time.sleep(max(0.0, min(self._backoff.due_s, until_s) - time.monotonic()))
            if time.monotonic() < self._backoff.due_s:
                return None
            self._attempt = BackgroundTask(self._connect, "camera-open")
        if not self._attempt.wait(until_s - time.monotonic()):
            return None
        attempt, self._attempt = self._attempt, None
        try:
            streams = self._known(attempt.result())
        except (SourceError, RuntimeError) as error:
            self._backoff.failed(time.monotonic())
            logger.info("not yet back: %s", error)
            return None
        self._backoff.succeeded()
        return streams

    def is_present(self) -> bool:
        """Return whether the camera is plugged in; False as well where nobody answers."""
        look = BackgroundTask(self._present_serials, "camera-look")
        return look.wait(_LOOK_TIMEOUT_S) and self._serial in look.result()

    def close(self) -> None:
        """Give up an attempt to get it back."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.abandon(DeviceStreams.stop)
            attempt.wait(STOP_TIMEOUT_S)
        if self._stopping is not None:
            self._stopping.wait(STOP_TIMEOUT_S)

    def _connect(self) -> DeviceStreams:
        """Open the wanted device; runs in a thread of its own."""
        if self._stopping is not None:
            self._stopping.wait(STOP_TIMEOUT_S)
        device = self._wanted(list(self._bus()))
        try:
            return DeviceStreams(device)
        except RuntimeError as error:
            raise explained(facts_of(device).title, error) from error

    def _wanted(self, devices: list[Any]) -> Any:
        serials = [facts_of(device).serial for device in devices]
        if not devices:
            raise SourceError(
                "No RealSense camera is connected; plug one into a USB 3 port"
                " (`fercore doctor` says more)."
            )
        if self._serial and self._serial not in serials:
            raise SourceError(
                f"No RealSense camera has the serial number {self._serial};"
                f" connected: {', '.join(serials)}."
            )
        return devices[serials.index(self._serial) if self._serial else 0]

    def _known(self, streams: DeviceStreams) -> DeviceStreams:
        """Remember which camera it is: after a loss no other one takes its place."""
        facts: CameraFacts = streams.facts
        self.title, self._serial = facts.title, facts.serial
        return streams

    def _present_serials(self) -> list[str]:
        return [facts_of(device).serial for device in self._bus()]


def _stopped(streams: DeviceStreams) -> bool:
    streams.stop()
    return True
