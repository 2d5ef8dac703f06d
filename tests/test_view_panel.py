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
from app.window.view_panel import ViewPanel
from fercore.faces.head_angle import HeadAngle
from fercore.faces.quality import UNKNOWN_QUALITY
from fercore.faces.tracking import TrackedFace
from fercore.structures import FaceBox

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.sources.base import FrameSource
    from fercore.structures import Analysis


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path) -> ViewPanel:
    settings = Settings(tmp_path / "s.json")
    made = ViewPanel(settings)
    qtbot.addWidget(made.bar)
    return made


def at(time_s: float) -> Analysis:
    return analysis_of(replace(sample_frame(), timestamp_s=time_s))


def camera(skew_s: float | None) -> FrameSource:
    return cast("FrameSource", SimpleNamespace(times=SimpleNamespace(skew_s=skew_s)))


def test_the_cameras_clocks_are_shown_where_it_tells(panel: ViewPanel) -> None:
    panel.take(at(0.0), None, camera(0.02))
    assert "⚠ Timing: depth out of step, +20 ms" in panel.bar.text()
    panel.take(at(1.0), None, camera(None))
    assert "Timing" not in panel.bar.text()
    panel.take(at(2.0), None, RealSenseSource("", lambda: []))
    assert "Timing" not in panel.bar.text()


def test_the_angle_of_the_judged_face_is_shown(panel: ViewPanel) -> None:
    analysis = at(0.0)
    box = FaceBox(0, 0, 80, 80, 0.9)
    faces = (
        TrackedFace(2, box, 0.7, True, HeadAngle(-31, 4, 1)),
        TrackedFace(1, box, 0.9, False, HeadAngle(0, 0, 0)),
    )
    arrival = Arrival(analysis.frame, camera(None), 0, 0.0)
    panel.take(analysis, Judged(arrival, analysis, faces), None)
    assert "⚠ Angle: turned away, -31/+4/+1°" in panel.bar.text()
    panel.take(at(1.0), Judged(arrival, analysis), None)
    assert "– Angle: not known" in panel.bar.text()


def test_words_do_not_change_faster_than_they_can_be_read(panel: ViewPanel) -> None:
    panel.take(at(0.0), None, None)
    first = panel.quality
    panel.take(replace(at(0.1), pair=None), None, None)
    assert panel.quality is first
    panel.take(replace(at(0.3), pair=None), None, None)
    assert panel.quality == UNKNOWN_QUALITY


def test_time_that_runs_backwards_is_measured_afresh(panel: ViewPanel) -> None:
    panel.take(at(9.0), None, None)
    panel.take(replace(at(0.0), pair=None), None, None)
    assert panel.quality == UNKNOWN_QUALITY


def test_before_the_first_frame_there_is_no_snapshot(panel: ViewPanel) -> None:
    from PySide6.QtGui import QImage

    assert panel.snapshot(QImage(), None).startswith("There is no picture yet")


def test_whoever_refuses_snapshots_is_obeyed(panel: ViewPanel) -> None:
    panel.take(at(0.0), None, None)
    panel.snapshot_refusal = lambda: "No snapshot: a study is open."
    assert panel.snapshot(QImage(4, 4, QImage.Format.Format_RGB888), None) == (
        "No snapshot: a study is open."
    )
