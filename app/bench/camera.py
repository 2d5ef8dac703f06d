"""Prepared frames through the RealSense SDK: its software device feeds the application's source.

So the benchmark runs what a camera runs: sensors, syncer, filters and alignment.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pyrealsense2 as rs

from app.bench.source import CAPTURE, DEPTH_UNIT_M, FRAME_RATE_HZ, Raw, to_and_fro
from app.sources.realsense.camera import RealSenseSource
from fercore.structures import Intrinsics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from app.sources.realsense.streams import DeviceStreams, FrameSet
    from fercore.runtime.stopwatch import Stopwatch
    from fercore.structures import RGBDFrame

ALIGN = "align"
EPOCH_S = time.time() - time.monotonic()
"""The SDK takes a stream for dead whose time stamps are not near the system's time."""

_MODEL = "Intel RealSense D435"
_REMEMBERED = 300  # frames whose time of capture is kept, ten seconds


class MeasuredCamera(RealSenseSource):
    """The application's camera source on a software device; frames need depth.

    `capture` counts the processor time of reading, since waiting is no work; `align` is the
    filters' and the alignment's part.
    """

    def __init__(self, frames: Sequence[Raw], stopwatch: Stopwatch) -> None:
        self._camera = SoftwareCamera(frames)
        self._stopwatch = stopwatch
        self._captured_s: dict[int, float] = {}
        self._align_s = 0.0
        super().__init__(bus=lambda: [self._camera.device])

    @property
    def missed(self) -> int:
        """Frames that were sent but never read."""
        return self._camera.sent - self._index

    def captured_s(self, index: int) -> float:
        """Return when the frame of this index, a recent one, was due, by time.monotonic()."""
        return self._captured_s[index]

    def open(self) -> None:
        """Open and start the camera."""
        super().open()
        self._camera.start()

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Return the newest frame."""
        self._align_s, began_s = 0.0, time.thread_time()
        frame = super().read(timeout_s)
        if frame is not None and self.times is not None:
            self._captured_s[frame.index] = self.times.device_s - EPOCH_S
            self._captured_s.pop(frame.index - _REMEMBERED, None)
            self._stopwatch.add(CAPTURE, time.thread_time() - began_s - self._align_s)
            self._stopwatch.add(ALIGN, self._align_s)
        return frame

    def close(self) -> None:
        """Stop the camera."""
        super().close()
        self._camera.stop()

    def _begin(self, streams: DeviceStreams) -> None:
        super()._begin(streams)
        align = streams.aligned_depth

        def timed(frames: FrameSet) -> Any:
            began_s = time.thread_time()
            aligned = align(frames)
            self._align_s += time.thread_time() - began_s
            return aligned

        # Only the measurement needs a way in; the camera's own code stays free of it.
        vars(streams)["aligned_depth"] = timed


class SoftwareCamera:
    """A software device and the thread that feeds it, evenly as a sensor does."""

    def __init__(self, frames: Sequence[Raw]) -> None:
        self.sent = 0
        self._frames = to_and_fro(frames)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.device = rs.software_device()
        for field, text in (
            (rs.camera_info.name, _MODEL),
            (rs.camera_info.serial_number, "0"),
            (rs.camera_info.usb_type_descriptor, "3.2"),
        ):
            self.device.register_info(field, text)
        first = frames[0]
        self._depth = self.device.add_sensor("Stereo Module")
        self._depth.add_read_only_option(rs.option.depth_units, DEPTH_UNIT_M)
        self._depth.add_read_only_option(rs.option.stereo_baseline, 50.0)
        self._colour = self.device.add_sensor("RGB Camera")
        depth, colour = rs.stream.depth, rs.stream.color
        self._depth_profile = self._depth.add_video_stream(
            _stream(depth, rs.format.z16, 2, first), True
        )
        self._colour_profile = self._colour.add_video_stream(
            _stream(colour, rs.format.rgb8, 3, first), True
        )
        self._depth_profile.register_extrinsics_to(self._colour_profile, _in_one_place())
        self.device.create_matcher(rs.matchers.default)

    def start(self) -> None:
        """Begin to send frames."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._feed, name="software-camera", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more; may be called twice, or before `start`."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _feed(self) -> None:
        began_s = time.monotonic() - self.sent / FRAME_RATE_HZ
        while True:
            due_s = began_s + self.sent / FRAME_RATE_HZ
            if self._stopping.wait(max(0.0, due_s - time.monotonic())):
                return
            self._send(self._frames[self.sent % len(self._frames)], due_s)
            self.sent += 1

    def _send(self, raw: Raw, time_s: float) -> None:
        if raw.depth is not None:
            depth = _frame(self._depth_profile, raw.depth, self.sent, time_s)
            depth.depth_units = DEPTH_UNIT_M
            self._depth.on_video_frame(depth)
        self._colour.on_video_frame(_frame(self._colour_profile, raw.rgb, self.sent, time_s))


def _stream(kind: Any, form: Any, bytes_per_pixel: int, raw: Raw) -> Any:
    height, width = raw.rgb.shape[:2]
    camera = raw.intrinsics or Intrinsics(width, width, width / 2, height / 2, width, height)
    stream = rs.video_stream()
    stream.type, stream.fmt, stream.bpp = kind, form, bytes_per_pixel
    stream.index, stream.uid, stream.fps = 0, int(kind), round(FRAME_RATE_HZ)
    stream.width, stream.height = width, height
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = width, height
    intrinsics.fx, intrinsics.fy = camera.fx, camera.fy
    intrinsics.ppx, intrinsics.ppy = camera.cx, camera.cy
    intrinsics.model = rs.distortion.none
    stream.intrinsics = intrinsics
    return stream


def _in_one_place() -> Any:
    extrinsics = rs.extrinsics()
    extrinsics.rotation = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    extrinsics.translation = [0, 0, 0]
    return extrinsics


def _frame(profile: Any, pixels: NDArray[Any], index: int, time_s: float) -> Any:
    frame = rs.software_video_frame()
    frame.pixels = pixels
    frame.bpp = pixels.itemsize * (pixels.shape[2] if pixels.ndim == 3 else 1)
    frame.stride = pixels.shape[1] * frame.bpp
    frame.timestamp = 1000 * (time_s + EPOCH_S)
    frame.domain = rs.timestamp_domain.hardware_clock
    frame.frame_number = index
    frame.profile = profile.as_video_stream_profile()
    return frame
