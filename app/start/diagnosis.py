"""What the application adds to `fercore doctor`: display, cameras, log."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.start.display import display_problem
from app.start.logs import log_path
from fercore.cli.doctor import CheckFunction, MachineCheck

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.sources.realsense.streams import CameraFacts

UDEV_RULES = "60-fercore-cameras.rules"
_RULES_FOLDERS = (
    Path("/etc/udev/rules.d"),
    Path("/usr/lib/udev/rules.d"),
    Path("/lib/udev/rules.d"),
)
_USB_DEVICES = Path("/sys/bus/usb/devices")
_USB_NODES = Path("/dev/bus/usb")
_INTEL = "8086"
_INSTALL_RULES = (
    f"sudo install -m 644 packaging/udev/{UDEV_RULES} /etc/udev/rules.d/ &&"
    " sudo udevadm control --reload && sudo udevadm trigger; then plug the camera in again"
)


def check_display() -> MachineCheck:
    """Tell whether a window can be shown, and load Qt."""
    from PySide6.QtCore import qVersion

    problem = display_problem()
    cure = "use `rgbd-fer --headless --output DIR` without one" if problem else ""
    finding = f"Qt {qVersion()}, {problem or 'a window can be shown'}"
    return MachineCheck("display", not problem, finding, cure, essential=False)


def check_camera() -> MachineCheck:
    """Look for depth cameras, and how they are connected."""
    import pyrealsense2

    from app.sources.realsense.connection import connected_devices
    from app.sources.realsense.streams import facts_of

    version = getattr(pyrealsense2, "__version__", "")
    cameras = [facts_of(device) for device in connected_devices()]
    sdk = f"RealSense SDK {version}".rstrip()
    if not cameras:
        cure = "connect a RealSense camera to a USB 3 port; everything else needs none"
        return MachineCheck("camera", False, f"{sdk}, none found", cure, essential=False)
    slow = [camera.title for camera in cameras if camera.is_slow_usb]
    cure = (
        f"{', '.join(slow)}: use a USB 3 port and the cable that came with it;"
        " over USB 2 resolution and rate are low"
    )
    finding = f"{sdk}, {'; '.join(map(_described, cameras))}"
    return MachineCheck("camera", not slow, finding, cure if slow else "", essential=False)


def check_camera_access() -> MachineCheck:
    """Tell whether this user may use the depth cameras that are plugged in."""
    if not sys.platform.startswith("linux"):
        return MachineCheck(
            "camera access", True, "no rule is needed on this system", essential=False
        )
    locked = [node for node in _intel_cameras() if not os.access(node, os.R_OK | os.W_OK)]
    if locked:
        finding = f"{', '.join(map(str, locked))} may not be opened by this user"
        return MachineCheck("camera access", False, finding, _INSTALL_RULES, essential=False)
    rules = _installed_rules(_RULES_FOLDERS)
    if rules is None and os.geteuid() != 0:
        finding = "no udev rule for RealSense cameras is installed"
        return MachineCheck("camera access", False, finding, _INSTALL_RULES, essential=False)
    finding = f"udev rule {rules}" if rules else "root may use every camera"
    return MachineCheck("camera access", True, finding, essential=False)


def check_webcam() -> MachineCheck:
    """Look for plain webcams."""
    from app.sources.webcam import webcams

    if not sys.platform.startswith("linux"):
        finding = "not looked for on this system; try `rgbd-fer --source webcam:0`"
        return MachineCheck("webcam", True, finding, essential=False)
    found = webcams()
    locked = [n for n in found if not os.access(f"/dev/video{n}", os.R_OK | os.W_OK)]
    finding = ", ".join(f"webcam:{number} {name}" for number, name in found.items()) or "none found"
    cure = "" if found else "connect one; it needs no driver"
    if locked:
        cure = "sudo usermod --append --groups video $USER, then log in again"
    return MachineCheck("webcam", bool(found) and not locked, finding, cure, essential=False)


def check_log() -> MachineCheck:
    """Tell where the application writes its log."""
    return MachineCheck("log", True, f"{log_path()}", essential=False)


CHECKS: tuple[CheckFunction, ...] = (
    check_display,
    check_camera,
    check_camera_access,
    check_webcam,
    check_log,
)


def _described(camera: CameraFacts) -> str:
    details = [f"firmware {camera.firmware}"] * bool(camera.firmware)
    details += [f"USB {camera.usb}"] * bool(camera.usb)
    return ", ".join((camera.title, *details))


def _intel_cameras() -> list[Path]:
    """Return the device nodes of Intel's depth cameras."""
    return [
        _USB_NODES / f"{int(_read(device / 'busnum')):03d}" / f"{int(_read(device / 'devnum')):03d}"
        for device in sorted(_USB_DEVICES.glob("*"))
        if _read(device / "idVendor") == _INTEL and "realsense" in _read(device / "product").lower()
    ]


def _installed_rules(folders: Iterable[Path]) -> Path | None:
    """Return a rules file that opens RealSense cameras, ours or that of Intel's packages."""
    for folder in folders:
        for path in sorted(folder.glob("*.rules")) if folder.is_dir() else []:
            text = _read(path).lower()
            if _INTEL in text and ("realsense" in text or "0b07" in text):
                return path
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
