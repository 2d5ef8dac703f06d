"""From the SDK's frames and errors to arrays and sentences of our own.

Nothing of the SDK is held on to: it has a few buffers only, and a frame that is kept starves the
stream. It trusts what devices say of their frames, so sizes are checked before pixels are read.
It throws one type of error for everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from app.sources.base import SourceError
from fercore.structures import Intrinsics

if TYPE_CHECKING:
    from fercore.structures import FloatArray, UInt8Array

_MEANINGS = {
    "is used by another program; close that and try again.": (
        "busy",
        "errno=16",
        "power state",
        "xioctl",
        "in use",
        "claim",
    ),
    "may not be used by this user; `fercore doctor` says which udev rule is missing.": (
        "access",
        "permission",
        "errno=13",
    ),
    "was unplugged; plug it in again.": (
        "disconnected",
        "no such device",
        "errno=19",
        "no device",
    ),
    "does not offer what is needed; update its firmware with Intel's RealSense Viewer.": (
        "couldn't resolve",
        "not supported",
        "firmware",
    ),
}


def explained(camera: str, error: Exception) -> SourceError:
    """Return one sentence on the camera: what is wrong, and what to do."""
    text = str(error).lower()
    for meaning, signs in _MEANINGS.items():
        if any(sign in text for sign in signs):
            return SourceError(f"{camera} {meaning}")
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return SourceError(f"{camera} cannot be used ({first_line}); unplug it and plug it in again.")


class WrongSizeError(Exception):
    """A frame is not of the size that its stream promised."""


class FrameTimes(NamedTuple):
    """When a frame was taken."""

    device_s: float  # seconds on the clock that `domain` names, of the colour picture
    host_s: float  # seconds of time.monotonic(), when it came out of the SDK
    domain: str  # such as `hardware_clock` or `global_time`
    skew_s: float | None  # depth later than colour by; None: no depth, or other clocks


def colour_rgb(frame: Any, intrinsics: Intrinsics) -> UInt8Array:
    """Return a copy of a colour frame as (H, W, 3), R, G, B.

    Raises:
        WrongSizeError: it is not of the stream's size.
    """
    import cv2
    import pyrealsense2 as rs

    pixels = _pixels(frame, intrinsics)
    conversions = {
        rs.format.bgr8: cv2.COLOR_BGR2RGB,
        rs.format.rgba8: cv2.COLOR_RGBA2RGB,
        rs.format.bgra8: cv2.COLOR_BGRA2RGB,
        rs.format.yuyv: cv2.COLOR_YUV2RGB_YUY2,
        rs.format.uyvy: cv2.COLOR_YUV2RGB_UYVY,
    }
    conversion = conversions.get(frame.get_profile().format())
    if conversion is None:
        return np.array(pixels, np.uint8)
    if conversion in (cv2.COLOR_YUV2RGB_YUY2, cv2.COLOR_YUV2RGB_UYVY):
        pixels = pixels.view(np.uint8).reshape(intrinsics.height, intrinsics.width, 2)
    converted: UInt8Array = cv2.cvtColor(pixels, conversion)
    return converted


def depth_m(frame: Any, intrinsics: Intrinsics) -> FloatArray:
    """Return a copy of a depth frame in metres, (H, W), NaN where unknown.

    The unit is read from the frame: cameras differ, and users change it.

    Raises:
        WrongSizeError: it is not of the stream's size.
    """
    units = _pixels(frame, intrinsics)
    metres: FloatArray = units * np.float32(frame.get_units())
    metres[units == 0] = np.nan
    return metres


def require_size(frame: Any, width: int, height: int) -> None:
    """Make sure that a frame has as many pixels as its stream promised.

    Raises:
        WrongSizeError: it has not; reading its pixels would read foreign memory.
    """
    found = frame.get_width(), frame.get_height()
    stride = width * frame.get_bytes_per_pixel()
    if found != (width, height) or frame.get_stride_in_bytes() != stride:
        raise WrongSizeError(f"{found[0]}×{found[1]} instead of {width}×{height}")


def times_of(colour: Any, depth: Any, host_s: float) -> FrameTimes:
    """Return when a colour frame was taken; `depth` may be None."""
    domain = colour.get_frame_timestamp_domain()
    skew_s = None
    if depth is not None and depth.get_frame_timestamp_domain() == domain:
        skew_s = (depth.get_timestamp() - colour.get_timestamp()) / 1000
    return FrameTimes(colour.get_timestamp() / 1000, host_s, domain.name, skew_s)


def intrinsics_of(profile: Any) -> Intrinsics:
    """Return the pinhole camera of a stream; the slight distortion of D400 colour is left out."""
    found = profile.as_video_stream_profile().get_intrinsics()
    return Intrinsics(
        fx=found.fx, fy=found.fy, cx=found.ppx, cy=found.ppy,
        width=found.width, height=found.height,
    )  # fmt: skip


def _pixels(frame: Any, intrinsics: Intrinsics) -> Any:
    require_size(frame, intrinsics.width, intrinsics.height)
    return np.asanyarray(frame.get_data())
