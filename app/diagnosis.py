"""The application's part of `fercore doctor`: camera and display."""

from __future__ import annotations

import os
import sys

from fercore.doctor import Check, CheckFunction


def check_camera() -> Check:
    """Ask the RealSense SDK which cameras it sees."""
    import pyrealsense2 as rs

    names = [
        f"{device.get_info(rs.camera_info.name)} ({device.get_info(rs.camera_info.serial_number)})"
        for device in rs.context().query_devices()
    ]
    if names:
        return Check("camera", True, ", ".join(names))
    cure = "plug a RealSense into a USB 3 port; without one, recordings and scans still play"
    return Check("camera", False, "no RealSense camera found", cure, essential=False)


def check_display() -> Check:
    """Look for a screen that a window can open on."""
    if sys.platform != "linux":
        return Check("display", True, "the desktop's own")
    for variable in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(variable):
            return Check("display", True, f"{variable}={os.environ[variable]}")
    cure = "start from a desktop session, or use `rgbd-fer --headless`"
    finding = "neither DISPLAY nor WAYLAND_DISPLAY is set"
    return Check("display", False, finding, cure, essential=False)


CHECKS: tuple[CheckFunction, ...] = (check_camera, check_display)
