"""What a RealSense camera says of itself and how it runs, as a study's `session.json` keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.sources.realsense.streams import DeviceStreams


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
