"""What `session.json` says of a depth camera: the SDK's own device, recorded in the window."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from app_doubles import FakeAnalyser
from camera_doubles import DEPTH_UNIT_M, FACE_M, NAME, SIZE, Bench, SoftCamera
from study_fixtures import write_study
from test_study_window import begin_session, override_red_checks

from app.live.session import Session
from app.sources.realsense.camera import RealSenseSource
from app.start.logs import Troubles
from app.start.settings import Settings
from app.window.main_window import MainWindow
from app.window.study.mode import StudyMode, equipment_of
from fercore.study.export import export
from fercore.study.layout import runs_of
from fercore.study.media import depth_maps
from fercore.study.run_files import read_run_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

PATIENCE_MS = 20_000


@pytest.fixture
def mode(qtbot: QtBot, tmp_path: Path, bench: Bench) -> Iterator[StudyMode]:
    """Return study mode of a window that shows the SDK's software device."""
    bench.plug_in()
    session, troubles = Session(FakeAnalyser), Troubles()
    logging.getLogger().addHandler(troubles)
    settings = Settings(tmp_path / "s.json")
    window = MainWindow(session, settings, troubles)
    qtbot.addWidget(window)
    mode = StudyMode(window, session, tuple)
    source = RealSenseSource(bus=bench)
    source.open()
    window.begin(lambda: source, "realsense")
    window.show()
    qtbot.waitUntil(lambda: session.source is not None, timeout=PATIENCE_MS)
    yield mode
    window.close()


@pytest.fixture
def recorded(qtbot: QtBot, mode: StudyMode, tmp_path: Path) -> Path:
    """Return the folder of a study with one run."""
    folder = write_study(tmp_path / "study", "full")
    mode.open(folder)
    assert mode.dock is not None
    begin_session(mode.dock)
    override_red_checks(mode.dock, qtbot)
    mode.dock.sheet.start.click()
    # On a busy machine colour and depth of one moment are not always there together.
    qtbot.waitUntil(lambda: depth_maps_kept(mode) > 5, timeout=PATIENCE_MS)
    mode.dock.sheet.stop.click()
    return folder


def depth_maps_kept(mode: StudyMode) -> int:
    assert mode.desk is not None
    progress = mode.desk.progress()
    return progress.counts.depth_maps if progress is not None else 0


def camera_of(study: Path) -> dict[str, Any]:
    (place,) = runs_of(study)
    camera: dict[str, Any] = json.loads(place.session.read_text(encoding="utf-8"))["camera"]
    return camera


def test_the_camera_is_described(recorded: Path) -> None:
    camera = camera_of(recorded)
    assert (camera["name"], camera["model"]) == (f"{NAME} (123)", NAME)
    assert (camera["serial"], camera["firmware"], camera["usb_type"]) == ("123", "5.16.0.1", "3.2")
    assert camera["clock_domain"] == "hardware_clock"
    assert camera["depth_unit_m"] == DEPTH_UNIT_M
    for stream, form in (("colour", "rgb8"), ("depth", "z16")):
        profile = camera["streams"][stream]
        assert (profile["width"], profile["height"]) == SIZE
        assert (profile["frames_per_second"], profile["format"]) == (30, form)
        assert (profile["fx"], profile["distortion"]) == (SIZE[0], "none")


def test_filters_and_exposure_are_described(recorded: Path) -> None:
    camera = camera_of(recorded)
    assert (camera["filters"]["nearest_m"], camera["filters"]["farthest_m"]) == (0.2, 2.0)
    assert camera["filters"]["in_disparity"] is True
    assert camera["filters"]["temporal"] == {"alpha": 0.6, "step": 20}
    settings = camera["settings"]
    assert (settings["depth_exposure"], settings["depth_auto_exposure"]) == (8500, 1)
    assert (settings["colour_exposure"], settings["laser_power"]) == (156, 150)
    assert camera["setting_units"]["depth_exposure"] == "µs"


def test_depth_is_kept_in_the_cameras_own_steps(recorded: Path) -> None:
    (place,) = runs_of(recorded)
    record = read_run_record(place.session)
    assert record.depth_unit_m == DEPTH_UNIT_M
    assert record.clocks.device == "camera"
    assert record.counts.depth_maps > 5
    assert (record.counts.rounded_depth_maps, record.counts.clipped_depth_pixels) == (0, 0)
    _, depth_m = next(iter(depth_maps(place.depth, record.depth_unit_m)))
    assert depth_m[60, 80] == pytest.approx(FACE_M, abs=0.01)


def test_a_data_set_names_the_model_but_not_the_piece(recorded: Path) -> None:
    folder, _ = export(recorded, "bids")
    text = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file())
    assert f'"source": "{NAME}"' in text and '"firmware": "5.16.0.1"' in text
    assert "(123)" not in text and '"serial"' not in text
    assert "this is a rehearsal" not in text  # what somebody wrote of a participant


def test_what_is_set_later_is_described_as_it_is_then(bench: Bench) -> None:
    bench.plug_in(SoftCamera(usb="2.1"))
    source = RealSenseSource(bus=bench)
    assert source.facts.device == {}
    source.open()
    source.read(3)
    source.adjust("laser_power", 60)
    source.adjust("temporal_filter", 0)
    source.read(3)
    camera = equipment_of(source, ()).camera
    assert (camera["usb_type"], camera["settings"]["laser_power"]) == ("2.1", 60)
    assert camera["filters"]["temporal"] is False
    source.close()
    assert source.facts.device["serial"] == "123"
    assert source.facts.clock == "camera" and not source.facts.synthetic
