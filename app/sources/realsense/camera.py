"""A RealSense depth camera, live; it survives unplugging, silence and nonsense.

What is wrong but bearable is told as a `Condition`, and frames go on. While the camera
is lost, reading it tries to get it back, less and less often.
"""

from __future__ import annotations

import logging
import queue
import time
from typing import TYPE_CHECKING, Any

from app.sources.base import Condition, Control, Health, SourceError, SourceFacts, SourceTimeout
from app.sources.camera_care import FrameClock
from app.sources.realsense.connection import Connection, connected_devices
from app.sources.realsense.frames import (
    FrameTimes,
    WrongSizeError,
    colour_rgb,
    depth_m,
    explained,
    times_of,
)
from app.sources.realsense.options import RealSenseOptions
from app.sources.realsense.watch import Watch, lasting_facts
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from app.sources.realsense.connection import Bus
    from app.sources.realsense.filters import DepthFilters
    from app.sources.realsense.streams import DeviceStreams, FrameSet
    from fercore.structures import FloatArray, UInt8Array

_STEP_S = 0.1

logger = logging.getLogger(__name__)


class RealSenseSource:
    """A `LiveSource` and `Adjustable`: one camera, by serial number or the first one found.

    `bus` returns the devices that are plugged in.
    """

    def __init__(self, serial: str = "", bus: Bus = connected_devices) -> None:
        self._connection = Connection(serial, bus)
        self._is_open = False
        self._streams: DeviceStreams | None = None
        self._options: RealSenseOptions | None = None
        self._orders: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        self._chosen: dict[str, float] = {}  # what the user set, for when it comes back
        self._clock, self._watch, self._index = FrameClock(), Watch(), 0
        self.controls: tuple[Control, ...] = ()
        self.condition = Condition(Health.GOOD)
        self.times: FrameTimes | None = None  # of the last frame
        self._facts: dict[str, Any] = {}  # kept while it is lost
        self._filters: DepthFilters | None = None

    @property
    def name(self) -> str:
        """Model and serial number, once they are known."""
        return self._connection.title

    @property
    def facts(self) -> SourceFacts:
        """Model, serial number, firmware, streams, filters, clock; no device before it is open.

        May be asked from any thread: nothing is asked of the camera.
        """
        if self._filters is None:
            return SourceFacts(clock="camera")
        domain = self.times.domain if self.times is not None else ""
        device = {**self._facts, "clock_domain": domain, "filters": self._filters.facts}
        return SourceFacts(clock="camera", device=device)

    def open(self) -> None:
        """Open and start the camera.

        Raises:
            SourceError: there is none, it is in use, or it may not be used.
        """
        self.close()
        self._clock, self._index = FrameClock(), 0
        streams = self._connection.open()
        try:
            self._begin(streams)
        except RuntimeError as error:
            self.close()
            raise explained(self.name, error) from error
        self._is_open = True

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Return the newest frame; while the camera is lost, try to get it back.

        Raises:
            SourceTimeout: none came; the message says why.
            SourceError: it is not open.
        """
        if not self._is_open:
            raise SourceError(f"{self.name} is read before it was opened.")
        end_s = time.monotonic() + timeout_s
        while True:
            frame = self._try_frame(min(end_s, time.monotonic() + _STEP_S))
            if frame is not None:
                return frame
            if time.monotonic() >= end_s:
                raise SourceTimeout(
                    self.condition.sentence or f"{self.name} has sent no frame for {timeout_s:g} s."
                )

    def adjust(self, name: str, value: float) -> None:
        """Ask for a setting; carried out before the next frame."""
        self._orders.put((name, value))

    def close(self) -> None:
        """Stop the camera; one that does not answer is left behind."""
        self._is_open = False
        self._connection.close()
        streams, self._streams, self._options = self._streams, None, None
        if streams is not None:
            streams.stop()

    def _begin(self, streams: DeviceStreams) -> None:
        self._streams, self._options = streams, RealSenseOptions(streams)
        logger.info("%s", streams.description())
        self._options.apply_preset(streams.model.preset)
        for name, value in self._chosen.items():
            self._options.set(name, value)
        self.controls = self._options.read()
        self._facts, self._filters = lasting_facts(streams), streams.filters
        self._clock.restart()
        self._watch.restart(streams.facts.is_slow_usb)
        self.condition = self._watch.condition(self.name, time.monotonic())

    def _try_frame(self, until_s: float) -> RGBDFrame | None:
        try:
            if self._streams is None:
                self._try_again(until_s)
                return None
            self._carry_out_orders()
            return self._next_frame(self._streams, until_s)
        except RuntimeError as error:
            self._lose(str(explained(self.name, error)))
            return None

    def _try_again(self, until_s: float) -> None:
        streams = self._connection.try_again(until_s)
        if streams is not None:
            self._begin(streams)
            logger.warning("%s is back.", self.name)

    def _next_frame(self, streams: DeviceStreams, until_s: float) -> RGBDFrame | None:
        sets = streams.take_all(until_s - time.monotonic())
        now_s = time.monotonic()
        self._watch.note(sets, now_s)
        if self._watch.is_silent(now_s):
            self._lose(self._absence())
            return None
        frames = self._watch.usable(sets, now_s)
        frame = None if frames is None else self._frame(streams, frames, now_s)
        self.condition = self._watch.condition(self.name, now_s)
        return frame

    def _frame(self, streams: DeviceStreams, frames: FrameSet, now_s: float) -> RGBDFrame | None:
        times = times_of(frames.colour, frames.depth, now_s)
        try:
            rgb, depth = self._pixels(streams, frames, times)
        except WrongSizeError as error:
            logger.info("a frame of %s is left out: %s", self.name, error)
            self._watch.note_size(is_wrong=True, now_s=now_s)
            return None
        self._watch.note_size(is_wrong=False, now_s=now_s)
        self._watch.note_pixels(rgb, depth, now_s)
        stamp_s, jump_s = self._clock.stamp(times.device_s, times.host_s)
        self._watch.note_jump(jump_s, now_s)
        frame = RGBDFrame(rgb, depth, streams.intrinsics, stamp_s, self._index, origin=self.name)
        self.times = times
        self._index += 1
        return frame

    def _pixels(
        self, streams: DeviceStreams, frames: FrameSet, times: FrameTimes
    ) -> tuple[UInt8Array, FloatArray | None]:
        rgb = colour_rgb(frames.colour, streams.intrinsics)
        if not frames.is_complete or not self._watch.is_one_moment(
            times, 1 / streams.frame_rate_hz
        ):
            return rgb, None
        return rgb, depth_m(streams.aligned_depth(frames), streams.intrinsics)

    def _carry_out_orders(self) -> None:
        if self._options is None or self._orders.empty():
            return
        while not self._orders.empty():
            name, value = self._orders.get()
            self._options.set(name, value)
            self._chosen[name] = value
        self.controls = self._options.read()

    def _lose(self, sentence: str) -> None:
        """Let go of a camera that is gone or silent; the next reads try to get it back."""
        self.condition = Condition(Health.LOST, sentence)
        logger.warning("%s", sentence)
        streams, self._streams, self._options = self._streams, None, None
        if streams is not None:
            self._connection.lose(streams)

    def _absence(self) -> str:
        if self._connection.is_present():
            return f"{self.name} has fallen silent; it is being opened again."
        return f"{self.name} was unplugged; plug it in again, it goes on by itself."
