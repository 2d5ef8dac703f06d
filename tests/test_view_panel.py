from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from app_doubles import analysis_of, sample_frame
from PySide6.QtGui import QImage

from app.live.inference import Judged
from app.sources.base import Arrival
from app.sources.realsense.camera import RealSenseSource
from app.start.settings import Settings
from app.window.arbiter import Arbiter
from app.window.view_panel import ViewPanel
from app.window.widgets.lines import QualityBar
from fercore.faces.head_angle import HeadAngle
from fercore.faces.quality import UNKNOWN_QUALITY
from fercore.faces.tracking import TrackedFace
from fercore.structures import FaceBox

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.sources.base import FrameSource


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path) -> ViewPanel:
    settings = Settings(tmp_path / "s.json")
    made = ViewPanel(settings, QualityBar(), Arbiter())
    qtbot.addWidget(made.bar)
    return made


def at(time_s: float, faces: tuple[TrackedFace, ...] = (), seen: bool = True) -> Judged:
    analysis = analysis_of(replace(sample_frame(), timestamp_s=time_s))
    if not seen:
        analysis = replace(analysis, pair=None)
    return Judged(Arrival(analysis.frame, camera(None), 0, 0.0), analysis, faces)


def camera(skew_s: float | None) -> FrameSource:
    return cast("FrameSource", SimpleNamespace(times=SimpleNamespace(skew_s=skew_s)))


def test_the_cameras_clocks_are_shown_where_it_tells(panel: ViewPanel) -> None:
    panel.take(at(0.0), camera(0.02))
    assert "⚠ Timing: depth out of step, +20 ms" in panel.bar.text()
    panel.take(at(1.0), camera(None))
    assert "Timing" not in panel.bar.text()
    panel.take(at(2.0), RealSenseSource("", lambda: []))
    assert "Timing" not in panel.bar.text()


def test_the_angle_of_the_judged_face_is_shown(panel: ViewPanel) -> None:
    box = FaceBox(0, 0, 80, 80, 0.9)
    faces = (
        TrackedFace(2, box, 0.7, True, HeadAngle(-31, 4, 1)),
        TrackedFace(1, box, 0.9, False, HeadAngle(0, 0, 0)),
    )
    panel.take(at(0.0, faces), None)
    assert "⚠ Angle: turned away, -31/+4/+1°" in panel.bar.text()
    panel.take(at(1.0), None)
    assert "– Angle: not known" in panel.bar.text()


def test_words_do_not_change_faster_than_they_can_be_read(panel: ViewPanel) -> None:
    panel.take(at(0.0), None)
    first = panel.quality
    panel.take(at(0.1, seen=False), None)
    assert panel.quality is first
    panel.take(at(0.3, seen=False), None)
    assert panel.quality == UNKNOWN_QUALITY


def test_time_that_runs_backwards_is_measured_afresh(panel: ViewPanel) -> None:
    panel.take(at(9.0), None)
    panel.take(at(0.0, seen=False), None)
    assert panel.quality == UNKNOWN_QUALITY


def test_before_the_first_frame_there_is_no_snapshot(panel: ViewPanel) -> None:
    from PySide6.QtGui import QImage

    assert panel.snapshot(QImage(), None).startswith("There is no picture yet")


def test_beside_a_study_no_snapshot_is_taken(qtbot: QtBot, settings: Settings) -> None:
    arbiter = Arbiter()
    panel = ViewPanel(settings, QualityBar(), arbiter)
    qtbot.addWidget(panel.bar)
    panel.take(at(0.0), None)
    arbiter.study = SimpleNamespace(recording=False)
    said = panel.snapshot(QImage(4, 4, QImage.Format.Format_RGB888), None)
    assert said == "No snapshot: while a study is open, pictures are kept in its runs alone."
