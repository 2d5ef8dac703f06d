"""What the application adds to `fercore doctor`: display, camera, log."""

from __future__ import annotations

from app.display import display_problem
from app.logs import log_path
from fercore.doctor import Check


def check_display() -> Check:
    """Tell whether a window can be shown, and load Qt."""
    from PySide6.QtCore import qVersion

    problem = display_problem()
    cure = "use `rgbd-fer --headless --output DIR` without one" if problem else ""
    finding = f"Qt {qVersion()}, {problem or 'a window can be shown'}"
    return Check("display", not problem, finding, cure, essential=False)


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
