"""What the application adds to `fercore doctor`: display, camera, log."""

from __future__ import annotations

from app.application import has_display
from app.logs import log_path
from fercore.doctor import Check


def check_display() -> Check:
    """Tell whether there is a display, and load Qt."""
    from PySide6.QtCore import qVersion

    cure = "" if has_display() else "use `rgbd-fer --headless --output DIR` without one"
    finding = f"Qt {qVersion()}, {'a display' if has_display() else 'no display'}"
    return Check("display", has_display(), finding, cure, essential=False)


def check_camera() -> Check:
    """Look for depth cameras."""
    import pyrealsense2

    devices = pyrealsense2.context().query_devices()
    names = [device.get_info(pyrealsense2.camera_info.name) for device in devices]
    cure = "" if names else "connect a RealSense camera to a USB 3 port; replay needs none"
    return Check("camera", bool(names), ", ".join(names) or "none found", cure, essential=False)


def check_log() -> Check:
    """Tell where the application writes its log."""
    return Check("log", True, f"{log_path()}", essential=False)


CHECKS = (check_display, check_camera, check_log)
