"""What `fercore doctor` says of cameras, and the files that the cures name."""

from __future__ import annotations

import configparser
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from camera_doubles import Bench, SoftCamera

from app.sources import webcam
from app.sources.realsense import connection as realsense_connection
from app.start import diagnosis
from app.start.diagnosis import UDEV_RULES, check_camera, check_camera_access, check_webcam
from app.start.options import build_parser

PACKAGING = Path(__file__).parent.parent / "packaging"
RULES = PACKAGING / "udev" / UDEV_RULES


def bus_of(monkeypatch: pytest.MonkeyPatch, *cameras: SoftCamera) -> None:
    bench = Bench()
    bench.cameras.extend(cameras)
    monkeypatch.setattr(realsense_connection, "connected_devices", bench)


def test_no_depth_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    bus_of(monkeypatch)
    check = check_camera()
    assert not check.works and not check.essential
    assert "none found" in check.finding and "USB 3 port" in check.cure


def test_a_depth_camera_with_all_it_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    bus_of(monkeypatch, SoftCamera())
    check = check_camera()
    assert check.works and check.cure == ""
    assert "Intel RealSense D435 (123), firmware 5.16.0.1, USB 3.2" in check.finding


def test_a_usb_2_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    bus_of(monkeypatch, SoftCamera("1"), SoftCamera("2", usb="2.1"))
    check = check_camera()
    assert not check.works and "USB 2.1" in check.finding
    assert check.cure.startswith("Intel RealSense D435 (2): use a USB 3 port")


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a made-up tree of /sys and /dev with a camera and a mouse."""
    for name, fields in {
        "2-1": ("8086", "Intel(R) RealSense(TM) Depth Camera 435i", "2", "7"),
        "1-3": ("046d", "Mouse", "1", "4"),
    }.items():
        folder = tmp_path / "sys" / name
        folder.mkdir(parents=True)
        for field, text in zip(("idVendor", "product", "busnum", "devnum"), fields, strict=True):
            (folder / field).write_text(f"{text}\n")
    node = tmp_path / "dev" / "002" / "007"
    node.parent.mkdir(parents=True)
    node.touch()
    monkeypatch.setattr(diagnosis, "_USB_DEVICES", tmp_path / "sys")
    monkeypatch.setattr(diagnosis, "_USB_NODES", tmp_path / "dev")
    monkeypatch.setattr(diagnosis, "_RULES_FOLDERS", (tmp_path / "none", tmp_path / "rules.d"))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path


def test_a_camera_that_may_not_be_opened(usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    check = check_camera_access()
    assert not check.works and check.finding.startswith(str(usb / "dev" / "002" / "007"))
    assert f"packaging/udev/{UDEV_RULES}" in check.cure and "udevadm" in check.cure


def test_a_missing_rule_is_named_with_the_command(
    usb: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    check = check_camera_access()
    assert not check.works and "no udev rule" in check.finding and "sudo install" in check.cure
    (usb / "rules.d").mkdir()
    (usb / "rules.d" / "50-mouse.rules").write_text('ATTR{idVendor}=="046d"')
    assert not check_camera_access().works
    (usb / "rules.d" / UDEV_RULES).write_bytes(RULES.read_bytes())
    check = check_camera_access()
    assert check.works and UDEV_RULES in check.finding


def test_other_systems_need_no_rule(usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert check_camera_access().works
    assert "webcam:0" in check_webcam().finding


def test_webcams_are_listed_by_what_chooses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(webcam, "webcams", lambda: {4: "Integrated Camera"})
    monkeypatch.setattr("os.access", lambda path, mode: True)
    assert check_webcam().finding == "webcam:4 Integrated Camera" and check_webcam().works
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "groups video" in check_webcam().cure
    monkeypatch.setattr(webcam, "webcams", dict)
    assert not check_webcam().works


def test_the_rules_are_well_formed() -> None:
    # Below 73, else systemd does not see the tag.
    assert int(UDEV_RULES.split("-")[0]) < 73
    item = r'\s*[A-Z]+(\{\w+\})?(==|!=|=|\+=|:=)"[^"]*"\s*'
    lines = [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) == 7
    for line in lines:
        assert all(re.fullmatch(item, part) for part in line.split(",")), line
    labels = re.findall(r'(GOTO|LABEL)="(\w+)"', RULES.read_text())
    assert {name for _, name in labels} == {"fercore_cameras_end"}


class DesktopEntry(configparser.ConfigParser):
    """Keeps the case of its keys."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def test_the_desktop_entry_starts_what_exists() -> None:
    entry = DesktopEntry(interpolation=None)
    entry.read(PACKAGING / "desktop" / "rgbd-fer.desktop", encoding="utf-8")
    main = entry["Desktop Entry"]
    assert main["Type"] == "Application" and main["Exec"] == main["Icon"] == "rgbd-fer"
    for action in main["Actions"].rstrip(";").split(";"):
        command, *arguments = entry[f"Desktop Action {action}"]["Exec"].split()
        assert command == "rgbd-fer"
        assert build_parser().parse_args(arguments).source in ("realsense", "sample")


def test_the_icon_is_drawn_by_qt_too(qapp: object) -> None:
    from PySide6.QtGui import QImage

    path = PACKAGING / "desktop" / "rgbd-fer.svg"
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
    image = QImage(str(path))
    assert image.width() == image.height() == 128
    left, right = image.pixelColor(40, 70), image.pixelColor(88, 70)
    assert left.red() > left.blue() + 40 and right.red() < right.green()
