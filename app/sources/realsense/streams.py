"""A RealSense device's colour and depth, running: sensors, syncer, filters, alignment.

Not `rs.pipeline`: that cannot open the SDK's `software_device` nor say which of its
two streams is silent. Cameras, recordings and the tests' device all run through this.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Any, NamedTuple

from app.sources.base import SourceError
from app.sources.camera_care import BackgroundTask
from app.sources.realsense.filters import DepthFilters, Model, model_of
from app.sources.realsense.frames import explained, intrinsics_of, require_size

QUEUE_SIZE = 4
"""Sets that wait to be read. One alone is overwritten by the single frames of the start."""

STOP_TIMEOUT_S = 3.0
_NO_WAIT_S = 0.001
LEAST_RATE_HZ = 15  # fewer, and expressions are missed between frames

logger = logging.getLogger(__name__)


class CameraFacts(NamedTuple):
    """What a device says of itself; empty where it does not say."""

    name: str
    serial: str
    firmware: str
    usb: str  # such as `3.2` or `2.1`

    @property
    def title(self) -> str:
        """What to call it: model and serial number."""
        return f"{self.name} ({self.serial})" if self.serial else self.name

    @property
    def is_slow_usb(self) -> bool:
        """Whether it hangs on USB 2, port or cable."""
        return self.usb.startswith("2")


class FrameSet(NamedTuple):
    """What the syncer put together; colour or depth may be missing."""

    frames: Any
    colour: Any | None
    depth: Any | None

    @property
    def is_complete(self) -> bool:
        """Whether both are there."""
        return self.colour is not None and self.depth is not None


def facts_of(device: Any) -> CameraFacts:
    """Return what a device says of itself."""
    import pyrealsense2 as rs

    fields = ("name", "serial_number", "firmware_version", "usb_type_descriptor")
    return CameraFacts(*(_info(device, getattr(rs.camera_info, field)) for field in fields))


class DeviceStreams:
    """Opens a device and starts it; `stop` before letting go of it.

    Raises:
        SourceError: it lacks a stream, is in use, or may not be used.
    """

    def __init__(self, device: Any) -> None:
        import pyrealsense2 as rs

        self.device = device
        self.facts = facts_of(device)
        self.model = model_of(self.facts.name)
        self._offered = list(device.query_sensors())
        self._sensors: list[Any] = []
        self.depth_sensor, self.depth_profile = self._choose(rs.stream.depth)
        self.colour_sensor, self.colour_profile = self._choose(rs.stream.color)
        self.intrinsics = intrinsics_of(self.colour_profile)
        is_stereo = bool(self.depth_sensor.supports(rs.option.stereo_baseline))
        self.filters = DepthFilters(is_stereo, self.model.nearest_m)
        self._align = rs.align(rs.stream.color)
        self._syncer = rs.syncer(QUEUE_SIZE)
        try:
            self._start()
        except RuntimeError as error:
            self.stop()
            raise explained(self.facts.title, error) from error

    @property
    def frame_rate_hz(self) -> float:
        """Colour pictures a second, as promised."""
        return float(self.colour_profile.fps())

    def description(self) -> str:
        """Return what is running, for the log."""
        facts, size = self.facts, self.intrinsics
        return (
            f"{facts.title}, firmware {facts.firmware or 'unknown'}, USB {facts.usb or 'unknown'}: "
            f"{size.width}×{size.height} at {self.frame_rate_hz:g} Hz"
        )

    def take(self, timeout_s: float) -> FrameSet | None:
        """Return the next set that the syncer has, None if none comes in time.

        Raises:
            RuntimeError: the device is gone.
        """
        came, frames = self._syncer.try_wait_for_frames(max(1, round(1000 * timeout_s)))
        if not came:
            return None
        return FrameSet(frames, frames.get_color_frame() or None, frames.get_depth_frame() or None)

    def take_all(self, timeout_s: float) -> list[FrameSet]:
        """Return the next set and all that wait behind it; empty if none comes in time.

        Raises:
            RuntimeError: the device is gone.
        """
        sets: list[FrameSet] = []
        while len(sets) <= QUEUE_SIZE:
            frames = self.take(_NO_WAIT_S if sets else timeout_s)
            if frames is None:
                break
            sets.append(frames)
        return sets

    def aligned_depth(self, frames: FrameSet) -> Any:
        """Return the filtered depth frame of a complete set, as the colour camera sees it.

        Raises:
            WrongSizeError: a frame is not of its stream's size.
        """
        depth = self.depth_profile.as_video_stream_profile()
        require_size(frames.depth, depth.width(), depth.height())
        require_size(frames.colour, self.intrinsics.width, self.intrinsics.height)
        return self._align.process(self.filters.process(frames.frames)).get_depth_frame()

    def stop(self) -> None:
        """Stop and close the sensors; a device that does not answer is left behind."""
        sensors, self._sensors = self._sensors, []
        stopping = BackgroundTask(lambda: _stop_all(sensors), "camera-stop")
        end_s = time.monotonic() + STOP_TIMEOUT_S
        while not stopping.wait(0.01) and time.monotonic() < end_s:
            # A recording's reader waits for room in the queue, and cannot be stopped then.
            self.take(0.01)
        if not stopping.wait(0):
            logger.error("%s does not stop; it is left behind.", self.facts.title)

    def _choose(self, stream: Any) -> tuple[Any, Any]:
        offers = [
            (sensor, profile)
            for sensor in self._offered
            for profile in sensor.get_stream_profiles()
            if profile.stream_type() == stream and _format_rank(profile) is not None
        ]
        if not offers:
            raise SourceError(
                f"{self.facts.title} has no {stream.name} stream;"
                " use a camera with colour and depth."
            )
        return min(offers, key=lambda offer: _unfitness(offer[1], self.model))

    def _start(self) -> None:
        if self.depth_sensor is self.colour_sensor:
            self._open(self.depth_sensor, [self.depth_profile, self.colour_profile])
        else:
            self._open(self.depth_sensor, self.depth_profile)
            self._open(self.colour_sensor, self.colour_profile)
        for sensor in self._sensors:
            sensor.start(self._syncer)

    def _open(self, sensor: Any, profiles: Any) -> None:
        sensor.open(profiles)
        self._sensors.append(sensor)


def _format_rank(profile: Any) -> int | None:
    import pyrealsense2 as rs

    known = ("z16", "rgb8", "bgr8", "rgba8", "bgra8", "yuyv", "uyvy")
    formats = [getattr(rs.format, name) for name in known]
    found = profile.format()
    return formats.index(found) if found in formats else None


def _unfitness(profile: Any, model: Model) -> tuple[float, ...]:
    video = profile.as_video_stream_profile()
    size = math.log(video.width() * video.height() / (model.width * model.height))
    shape = abs(video.width() / video.height() - model.width / model.height)
    too_slow = video.fps() < LEAST_RATE_HZ
    rate = abs(video.fps() - model.frame_rate_hz)
    return (too_slow, round(abs(size), 2), shape, rate, _format_rank(profile) or 0)


def _stop_all(sensors: list[Any]) -> bool:
    for sensor in sensors:
        for call in (sensor.stop, sensor.close):
            try:
                call()
            except RuntimeError as error:
                # A camera that was pulled out has stopped already.
                logger.info("while a sensor was stopped: %s", error)
    return True


def _info(device: Any, field: Any) -> str:
    return str(device.get_info(field)) if device.supports(field) else ""
