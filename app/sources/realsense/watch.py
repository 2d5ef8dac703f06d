"""Watches what a RealSense camera delivers and says of itself, and which of it can be used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from app.sources.base import Condition, Health
from app.sources.camera_care import Doubts, Fault, Sameness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.sources.realsense.frames import FrameTimes
    from app.sources.realsense.streams import DeviceStreams, FrameSet
    from fercore.structures import FloatArray, UInt8Array

SILENCE_S = 1.0  # without any frame the camera counts as lost
ABSENCE_S = 0.3  # one stream without frames for so long may be silent
LARGEST_SKEW_PERIODS = 1.2  # colour and depth further apart may show two different faces
LEAST_MEASURED = 0.001  # share of pixels with depth, below which it is blind


def lasting_facts(streams: DeviceStreams) -> dict[str, Any]:
    """Return what holds for as long as the streams run; from the thread that reads them.

    Lengths are in metres, focal lengths and principal points in pixels.
    """
    facts = streams.facts
    return {
        "model": facts.name,
        "serial": facts.serial,
        "firmware": facts.firmware,
        "usb_type": facts.usb,
        "depth_unit_m": _depth_unit_m(streams.depth_sensor),
        "streams": {
            "colour": _profile(streams.colour_profile),
            "depth": _profile(streams.depth_profile),
        },
    }


def _depth_unit_m(sensor: Any) -> float | None:
    """Return metres in one step of depth, None where the device does not say."""
    import pyrealsense2 as rs

    if not sensor.supports(rs.option.depth_units):
        return None
    # The SDK keeps single precision: 0.001 comes as 0.0010000000475.
    return float(f"{sensor.get_option(rs.option.depth_units):.7g}")


def _profile(profile: Any) -> dict[str, Any]:
    video = profile.as_video_stream_profile()
    found = video.get_intrinsics()
    return {
        "width": video.width(),
        "height": video.height(),
        "frames_per_second": video.fps(),
        "format": profile.format().name,
        "fx": found.fx,
        "fy": found.fy,
        "cx": found.ppx,
        "cy": found.ppy,
        "distortion": found.model.name,
        "coefficients": list(found.coeffs),
    }


class Watch:
    """Keeps an eye on one camera; times are those of `time.monotonic()`."""

    def __init__(self) -> None:
        self._doubts = Doubts()
        self._sameness = Sameness()
        self.restart(is_slow_usb=False)

    def restart(self, is_slow_usb: bool) -> None:
        """Begin anew: the camera has just been opened."""
        now_s = time.monotonic()
        self._any_s = self._colour_s = self._depth_s = self._pair_s = now_s
        self._is_skewed = False
        self._doubts.forget()
        self._doubts.observe(Fault.SLOW_CABLE, is_slow_usb, now_s)

    def note(self, sets: Sequence[FrameSet], now_s: float) -> None:
        """Note what has arrived."""
        for frames in sets:
            self._any_s = now_s
            self._colour_s = self._colour_s if frames.colour is None else now_s
            self._depth_s = self._depth_s if frames.depth is None else now_s
            self._pair_s = now_s if frames.is_complete else self._pair_s
        colour_away, depth_away = (
            self._away(self._colour_s, now_s),
            self._away(self._depth_s, now_s),
        )
        pair_away = self._away(self._pair_s, now_s)
        self._doubts.observe(Fault.NO_COLOUR, colour_away and not depth_away, now_s)
        self._doubts.observe(Fault.NO_DEPTH, depth_away and not colour_away, now_s)
        apart = pair_away and not colour_away and not depth_away
        self._doubts.observe(Fault.UNSYNCHRONISED, apart, now_s)

    def is_silent(self, now_s: float) -> bool:
        """Return whether nothing at all has arrived for long."""
        return now_s - self._any_s > SILENCE_S

    def usable(self, sets: Sequence[FrameSet], now_s: float) -> FrameSet | None:
        """Return the newest complete set; where depth stays away, the newest with colour.

        Single frames come with every start and now and then between: they are not waited for.
        """
        complete = [frames for frames in sets if frames.is_complete]
        coloured = [frames for frames in sets if frames.colour is not None]
        usable = complete or (coloured if self._away(self._pair_s, now_s) else [])
        return usable[-1] if usable else None

    def is_one_moment(self, times: FrameTimes, period_s: float) -> bool:
        """Return whether colour and depth show the same moment."""
        skew_s = abs(times.skew_s or 0.0)
        self._is_skewed = skew_s > LARGEST_SKEW_PERIODS * period_s
        return not self._is_skewed

    def note_size(self, is_wrong: bool, now_s: float) -> None:
        """Note whether a frame had another size than its stream promised."""
        self._doubts.observe(Fault.WRONG_SIZE, is_wrong, now_s)

    def note_pixels(self, rgb: UInt8Array, depth_m: FloatArray | None, now_s: float) -> None:
        """Note what the pictures show."""
        self._doubts.observe(Fault.FROZEN, self._sameness.is_same(rgb, depth_m), now_s)
        if depth_m is not None:
            measured = float((depth_m == depth_m).mean())  # NaN is unlike itself
            self._doubts.observe(Fault.BLIND, measured < LEAST_MEASURED, now_s)

    def note_jump(self, jump_s: float, now_s: float) -> None:
        """Note by how much the camera's clock jumped."""
        self._doubts.observe(Fault.CLOCK, jump_s != 0, now_s)

    def condition(self, camera: str, now_s: float) -> Condition:
        """Return how a camera that delivers is doing."""
        fault = self._doubts.worst(now_s)
        if fault is None:
            return Condition(Health.GOOD)
        return Condition(Health.DOUBTFUL, f"{camera} {fault.value}")

    def _away(self, seen_s: float, now_s: float) -> bool:
        return now_s - seen_s > ABSENCE_S
