"""Cameras without a camera: the SDK's own software device, with faults on demand."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyrealsense2 as rs
from PIL import Image

from app.headless.output import VideoWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fercore.structures import UInt8Array

SIZE = (160, 120)  # columns and rows
DEPTH_UNIT_M = 0.0005  # not the usual millimetre: the unit must be read
FACE_M = 0.6
NAME = "Intel RealSense D435"
PERIOD_S = 1 / 30
STARTED_S = 1000.0
"""On a camera's clock, which counts from when it was plugged in: seldom beyond 100,000 s. The SDK
keeps stamps in single precision where it pairs colour with depth."""


class SoftCamera:
    """A software device and the thread that feeds it thirty times a second."""

    def __init__(
        self,
        serial: str = "123",
        name: str = NAME,
        usb: str = "3.2",
        size: tuple[int, int] = SIZE,
        scene: Callable[[int], tuple[UInt8Array, Any]] | None = None,
    ) -> None:
        self.colour = self.depth = True  # streams that send
        self.skew_s = 0.0  # depth later than colour
        self.clock_shift_s = 0.0
        self.frozen = self.blind = self.wrong_size = False
        self.sent = 0
        self._size = size
        self._scene = scene or self._noise
        self.device = _software_device(serial, name, usb)
        self._depth_sensor = self.device.add_sensor("Stereo Module")
        self._colour_sensor = self.device.add_sensor("RGB Camera")
        self._depth_sensor.add_read_only_option(rs.option.depth_units, DEPTH_UNIT_M)
        self._depth_sensor.add_read_only_option(rs.option.stereo_baseline, 50.0)
        self._add_options()
        self._depth_profile = self._depth_sensor.add_video_stream(
            _stream(rs.stream.depth, rs.format.z16, 2, 1, size), True
        )
        self._colour_profile = self._colour_sensor.add_video_stream(
            _stream(rs.stream.color, rs.format.rgb8, 3, 2, size), True
        )
        self._depth_profile.register_extrinsics_to(self._colour_profile, _beside(0.0))
        for sensor in (self._depth_sensor, self._colour_sensor):
            # As a camera says it, in thousandths; else the SDK makes one up from the stamps.
            sensor.set_metadata(rs.frame_metadata_value.actual_fps, round(1000 / PERIOD_S))
        self.device.create_matcher(rs.matchers.default)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="soft-camera", daemon=True)

    def start(self) -> SoftCamera:
        """Begin to send frames."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def send(self, index: int) -> None:
        """Send one frame of each stream that sends."""
        rgb, units = self._scene(0 if self.frozen else index)
        if self.blind:
            units = np.zeros_like(units)
        time_s = STARTED_S + index * PERIOD_S + self.clock_shift_s
        if self.depth:
            frame = _frame(self._depth_profile, units, index, time_s + self.skew_s)
            frame.depth_units = DEPTH_UNIT_M
            self._depth_sensor.on_video_frame(frame)
        if self.colour:
            if self.wrong_size:
                rgb = np.ascontiguousarray(rgb[::2, ::2])
            self._colour_sensor.on_video_frame(_frame(self._colour_profile, rgb, index, time_s))
        self.sent += 1

    def _feed(self) -> None:
        started_s = time.monotonic()
        index = 0
        while not self._stopping.is_set():
            self.send(index)
            index += 1
            self._stopping.wait(max(0.0, started_s + index * PERIOD_S - time.monotonic()))

    def _noise(self, index: int) -> tuple[UInt8Array, Any]:
        columns, rows = self._size
        random = np.random.default_rng(index)
        rgb = random.integers(40, 200, (rows, columns, 3), np.uint8)
        nearest = round(FACE_M / DEPTH_UNIT_M)
        return rgb, random.integers(nearest, nearest + 4, (rows, columns), np.uint16)

    def _add_options(self) -> None:
        for sensor, option, low, high, step, value in (
            (self._depth_sensor, rs.option.exposure, 1, 165000, 1, 8500),
            (self._depth_sensor, rs.option.laser_power, 0, 360, 30, 150),
            (self._depth_sensor, rs.option.enable_auto_exposure, 0, 1, 1, 1),
            (self._colour_sensor, rs.option.exposure, 1, 10000, 1, 156),
        ):
            limits = rs.option_range()
            limits.min, limits.max, limits.step, limits.default = low, high, step, value
            sensor.add_option(option, limits, True)
            sensor.set_option(option, value)


class Bench:
    """A USB bus with cameras that can be plugged in and pulled out."""

    def __init__(self) -> None:
        self.cameras: list[SoftCamera] = []
        self.looks = 0
        self.wrap: Callable[[Any], Any] = lambda device: device

    def __call__(self) -> list[Any]:
        """Return the devices that are plugged in."""
        self.looks += 1
        return [self.wrap(camera.device) for camera in self.cameras]

    def plug_in(self, camera: SoftCamera | None = None) -> SoftCamera:
        """Plug in a camera, which starts to send."""
        self.cameras.append((camera or SoftCamera()).start())
        return self.cameras[-1]

    def pull_out(self) -> None:
        """Pull out every camera."""
        cameras, self.cameras = self.cameras, []
        for camera in cameras:
            camera.stop()


class Stubborn:
    """Wraps a device or sensor: calls of one name do something else."""

    def __init__(self, wrapped: Any, call: str, instead: Callable[[], None]) -> None:
        self._wrapped, self._call, self._instead = wrapped, call, instead

    def __getattr__(self, name: str) -> Any:
        if name == self._call:
            return lambda *_: self._instead()
        return getattr(self._wrapped, name)

    def query_sensors(self) -> list[Any]:
        """Return the sensors, stubborn too."""
        return [Stubborn(s, self._call, self._instead) for s in self._wrapped.query_sensors()]


def record(
    path: str,
    frames: int,
    size: tuple[int, int] = SIZE,
    shift_s: Callable[[int], float] = lambda _index: 0.0,
    streams: tuple[str, ...] = ("colour", "depth"),
) -> None:
    """Let the SDK record so many frames of a software device, whose clock may be set meanwhile."""
    camera = SoftCamera(size=size)
    camera.colour, camera.depth = "colour" in streams, "depth" in streams
    recorder = rs.recorder(path, camera.device)
    sensors = list(recorder.query_sensors())
    queue = rs.frame_queue(1)
    for sensor in sensors:
        sensor.open(sensor.get_stream_profiles()[0])
        sensor.start(queue)
    for index in range(frames):
        camera.clock_shift_s = shift_s(index)
        camera.send(index)
        time.sleep(PERIOD_S)
    for sensor in sensors:
        sensor.stop()
        sensor.close()


def _software_device(serial: str, name: str, usb: str) -> Any:
    device = rs.software_device()
    for field, text in (
        (rs.camera_info.name, name),
        (rs.camera_info.serial_number, serial),
        (rs.camera_info.firmware_version, "5.16.0.1"),
        (rs.camera_info.usb_type_descriptor, usb),
    ):
        device.register_info(field, text)
    return device


def _stream(kind: Any, form: Any, bytes_per_pixel: int, uid: int, size: tuple[int, int]) -> Any:
    stream = rs.video_stream()
    stream.type, stream.fmt, stream.bpp = kind, form, bytes_per_pixel
    stream.index, stream.uid, stream.fps = 0, uid, 30
    stream.width, stream.height = size
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = size
    intrinsics.fx = intrinsics.fy = float(size[0])
    intrinsics.ppx, intrinsics.ppy = size[0] / 2, size[1] / 2
    intrinsics.model = rs.distortion.none
    stream.intrinsics = intrinsics
    return stream


def _beside(x_m: float) -> Any:
    extrinsics = rs.extrinsics()
    extrinsics.rotation = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    extrinsics.translation = [x_m, 0, 0]
    return extrinsics


def _frame(profile: Any, pixels: Any, index: int, time_s: float) -> Any:
    frame = rs.software_video_frame()
    frame.pixels = pixels
    frame.bpp = pixels.itemsize * (pixels.shape[2] if pixels.ndim == 3 else 1)
    frame.stride = pixels.shape[1] * frame.bpp
    frame.timestamp = 1000 * time_s
    frame.domain = rs.timestamp_domain.hardware_clock
    frame.frame_number = index
    frame.profile = profile.as_video_stream_profile()
    return frame


class FakeCapture:
    """Stands in for OpenCV's capture of a webcam; `unplugged` and `stuck` concern all of them."""

    unplugged = False
    stuck: threading.Event | None = None  # reading waits for it, as a driver may
    frozen = False
    opened = 0

    def __init__(self, index: int) -> None:
        type(self).opened += 1
        self._exists = index == 0 and not self.unplugged
        self._count = 0
        self.released = False

    def isOpened(self) -> bool:
        return self._exists

    def read(self) -> tuple[bool, UInt8Array | None]:
        time.sleep(PERIOD_S / 3)
        if self.stuck is not None:
            self.stuck.wait(10)
        if self.unplugged:
            return False, None
        self._count += not self.frozen
        random = np.random.default_rng(self._count)
        bgr = random.integers(0, 255, (60, 80, 3), np.uint8)
        bgr[..., 0] = 255  # blue
        return True, bgr

    def release(self) -> None:
        self.released = True


def write_pictures(folder: Path, count: int, depth: bool = True) -> Path:
    """Write a folder of colour pictures, with depth in half millimetres and its camera."""
    folder.mkdir()
    random = np.random.default_rng(3)
    for index in range(count):
        rgb = random.integers(0, 255, (24, 32, 3), np.uint8)
        Image.fromarray(rgb).save(folder / f"{index:03d}.png")
        if depth:
            units = np.full((24, 32), 1000 + index, np.uint16)
            units[0] = 0
            Image.fromarray(units).save(folder / f"{index:03d}-depth.png")
    camera = {"fx": 30, "fy": 30, "cx": 16, "cy": 12, "depth_unit_m": 0.0005}
    (folder / "camera.json").write_text(json.dumps(camera))
    return folder


def write_video(path: Path, frames: int) -> Path:
    """Write a video: red on top, blue below, ever brighter."""
    with VideoWriter(path, 30.0) as video:
        for index in range(frames):
            picture = np.zeros((64, 80, 3), np.uint8)
            picture[:32, :, 0] = picture[32:, :, 2] = 120 + 10 * (index % 10)
            video.write(picture)
    return path
