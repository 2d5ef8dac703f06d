"""The presentation: what an audience sees, and how it is entered and left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import TickSource, analysis_of, calm_prediction, prediction, sample_frame
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QMessageBox
from window_driver import PATIENCE_MS, state

from app.drawing.qimage import to_array
from app.drawing.stage import (
    VERDICT_SHARE,
    Crop,
    Framing,
    StageScene,
    cut_out,
    draw_stage,
    stage_verdict,
)
from app.start.options import parsed
from fercore.expressions import Expression
from fercore.structures import FaceBox, Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QApplication, QWidget
    from pytestqt.qtbot import QtBot

    from app.window.main_window import MainWindow
    from fercore.structures import Analysis, Prediction, RGBDFrame

pytestmark = pytest.mark.usefixtures("qapp")  # fonts need it


def with_fusion(fusion: Prediction | None) -> Analysis:
    return replace(analysis_of(sample_frame()), verdicts=Verdicts(fusion, None, None))


def test_the_picture_follows_a_face_smoothly_and_takes_up_another_at_once() -> None:
    framing, size = Framing(), (480, 640)
    first = framing.follow(FaceBox(200, 100, 400, 300, 0.9), size, 0.0)
    assert first.height == pytest.approx(200 / 0.7)
    moved = FaceBox(260, 100, 460, 300, 0.9)
    places = [framing.follow(moved, size, k / 30).x for k in range(1, 61)]
    steps = np.diff([first.x, *places])
    assert (steps > 0).all() and steps.max() < 6 and places[-1] == pytest.approx(360, abs=3)
    assert framing.follow(FaceBox(0, 100, 200, 300, 0.9), size, 9.0).x == 100
    assert framing.follow(None, size, 0.0) == Crop(320, 240, 480)


def test_a_crop_is_cut_between_pixels_and_can_be_mirrored() -> None:
    rgb = np.tile(np.arange(160, dtype=np.uint8)[None, :, None], (120, 1, 3))
    plain = cut_out(rgb, Crop(80, 60, 60), 80, 60, mirrored=False)
    assert (plain[0, :, 0] == np.arange(40, 120)).all()
    assert (cut_out(rgb, Crop(80, 60, 60), 80, 60, mirrored=True) == plain[:, ::-1]).all()
    half = cut_out(rgb, Crop(80, 60, 60), 160, 120, mirrored=False)
    assert np.abs(half[60, :, 0] - np.linspace(39.75, 119.25, 160)).max() <= 1


@pytest.mark.parametrize(
    ("fusion", "said"),
    [
        (prediction(Expression.HAPPINESS, 0.8), "Happiness"),
        (calm_prediction(0.7), "Calm"),
        (prediction(Expression.FEAR, 0.4), "Not sure"),
    ],
)
def test_one_verdict_is_said(fusion: Prediction, said: str) -> None:
    assert stage_verdict(with_fusion(fusion))[0] == said


def test_calm_is_as_clear_as_an_expression_and_letters_are_large() -> None:
    heights = []
    for fusion in (calm_prediction(0.8), prediction(Expression.ANGER, 0.8)):
        image = QImage(1920, 1080, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        draw_stage(painter, 1920, 1080, StageScene(with_fusion(fusion), Crop(80, 60, 100)))
        painter.end()
        colour = np.array(stage_verdict(with_fusion(fusion))[1].getRgb()[:3])
        assert 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2] > 130
        foot = to_array(image)[int(0.78 * 1080) :, : 1920 // 2].astype(int)
        rows = np.flatnonzero((np.abs(foot - colour).max(axis=2) < 12).any(axis=1))
        heights.append(np.ptp(rows) / 1080)
    assert VERDICT_SHARE >= 0.06 and min(heights) >= 0.06


def test_the_stage_goes_round_and_round_and_escape_leaves_it(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    source = TickSource(clip_frames=1)
    window = show_window(source)
    qtbot.waitUntil(state(window, "ended"), timeout=PATIENCE_MS)
    window.enter_stage()
    assert window.stage.isVisible() and not window.isVisible()
    shown = source._index
    qtbot.waitUntil(lambda: source._index > shown + 2 * source.frame_count, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: window.stage.accessibleDescription() != "", timeout=PATIENCE_MS)
    window.stage.activateWindow()
    qtbot.keyClick(window.stage, Qt.Key.Key_Escape)
    qtbot.waitUntil(window.isVisible, timeout=PATIENCE_MS)
    assert not window.stage.isVisible()
    qtbot.waitUntil(state(window, "ended"), timeout=PATIENCE_MS)


def test_behind_the_stage_nothing_is_drawn_and_all_is_there_when_it_is_left(
    qtbot: QtBot, show_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = show_window()
    qtbot.waitUntil(lambda: window.panel.judged is not None, timeout=PATIENCE_MS)
    drawn: list[str] = []
    for name, part in (("colour", window.colour_view), ("depth", window.depth_view)):
        show = part.show_analysis
        monkeypatch.setattr(
            part, "show_analysis", lambda *a, n=name, s=show: [drawn.append(n), s(*a)]
        )
    curve = window.timeline._curves[0]
    plot = curve.setData
    monkeypatch.setattr(curve, "setData", lambda *a, **k: [drawn.append("curve"), plot(*a, **k)])
    window.enter_stage()
    qtbot.wait(250)  # what the timeline had begun
    drawn.clear()
    passed: list[RGBDFrame] = []
    window.presented.connect(lambda judged: passed.append(judged.analysis.frame))
    qtbot.waitUntil(lambda: len(passed) > 10, timeout=PATIENCE_MS)
    assert window.stage.accessibleDescription() and drawn == []
    window.session.pause()
    qtbot.wait(200)  # what was under way arrives
    window.stage.close()
    assert window.isVisible() and sorted(drawn) == ["colour", "curve", "depth"]
    shown = window.colour_view._analysis
    assert shown is not None and shown.frame is passed[-1]
    times = [line.split("\t")[0] for line in window.timeline.table().splitlines()]
    assert times[-len(passed) :] == [f"{frame.timestamp_s:.4f}" for frame in passed]


def test_closing_from_the_stage_ends_the_application(
    qapp: QApplication, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    window.enter_stage()
    QTimer.singleShot(100, window.close)
    patience = QTimer(interval=5000, singleShot=True)
    patience.timeout.connect(lambda: qapp.exit(3))
    patience.start()
    assert qapp.exec() == 0
    assert patience.isActive() and not window.stage.isVisible()


def test_on_the_stage_nobody_is_asked_behind_it(
    show_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = show_window()
    window.enter_stage()
    seen = []

    def say_no(parent: QWidget, *_: object) -> QMessageBox.StandardButton:
        seen.append((parent.isVisible(), window.stage.isVisible()))
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", say_no)
    monkeypatch.setattr(window.arbiter, "question", lambda _act: "Quit nevertheless?")
    assert not window.close() and seen == [(True, False)] and window.isVisible()
    monkeypatch.undo()


def test_the_stage_needs_a_window() -> None:
    assert parsed(["--present"]).present
    with pytest.raises(SystemExit):
        parsed(["--present", "--headless", "--output", "x"])
