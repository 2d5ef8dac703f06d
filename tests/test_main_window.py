"""The main window as a whole: frames, keys, themes, what goes wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from app_doubles import BlindAnalyser, BrokenAnalyser, FakeAnalyser
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from study_fixtures import write_study
from window_driver import PATIENCE_MS, action, described, state

from app.drawing.qimage import to_array
from app.live.session import Session
from app.sources.base import SourceError
from app.start.logs import Troubles
from app.window.main_window import MainWindow
from app.window.modes import add_modes
from app.window.widgets.lines import ElidingLabel
from app.window.widgets.menus import KeyHelp
from app.window.widgets.theme import is_dark
from fercore.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.sources.base import FrameSource
    from app.start.settings import Settings


def test_shows_the_same_frame_everywhere(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    qtbot.waitUntil(described(window, "Fusion: anger 75 % ✓"), timeout=PATIENCE_MS)
    assert window.banner.text() == "True expression: anger | Fusion: anger 75 % | ✓ correct"
    verdicts = [chart.accessibleDescription() for chart in window.charts]
    assert verdicts == ["anger 75 % ✓", "fear 60 % ✗", "sadness 50 % ✗"]
    assert "millimetres" in window.depth_view.accessibleDescription()
    assert window.transport.chosen() == ("F9001", "anger")
    assert window.windowTitle() == "ticks – rgbd-fer"
    assert to_array(window.grab().toImage()).std() > 20


def test_figures_are_shown(qtbot: QtBot, show_window: Callable[..., MainWindow]) -> None:
    window = show_window()
    # The stand-in may well answer within half a millisecond, so 0 ms is a latency too.
    figures = re.compile(r"[1-9]\d* frames/s +latency \d+ ms +\d+ dropped")
    qtbot.waitUntil(lambda: bool(figures.search(window.status.text())), timeout=PATIENCE_MS)


def test_keys_play_pause_step_and_choose(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    window.activateWindow()
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(state(window, "paused"), timeout=PATIENCE_MS)
    qtbot.keyClick(window, Qt.Key.Key_PageDown)
    qtbot.waitUntil(described(window, "True expression: disgust"), timeout=PATIENCE_MS)
    qtbot.keyClick(window, Qt.Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.transport.chosen()[0] == "M9002", timeout=PATIENCE_MS)
    before = window.timeline.length_s
    qtbot.keyClick(window, Qt.Key.Key_Period)
    qtbot.waitUntil(lambda: window.timeline.length_s > before, timeout=PATIENCE_MS)
    assert window.status.text().startswith("paused")
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)


def test_every_action_has_a_key_and_the_help_lists_it(
    show_window: Callable[..., MainWindow],
) -> None:
    window = show_window()
    keys = [a.shortcut().toString() for a in window.actions()]
    assert all(keys) and len(set(keys)) == len(keys)
    action(window, "Keys").trigger()
    (dialog,) = window.findChildren(KeyHelp)
    assert dialog.isVisible()
    dialog.close()


def test_everything_has_an_accessible_name(show_window: Callable[..., MainWindow]) -> None:
    window = show_window()
    parts = [window.colour_view, window.depth_view, *window.charts, window.timeline]
    names = [part.accessibleName() for part in parts]
    assert all(names) and len(set(names)) == len(names)


def test_theme_switches_and_is_remembered(
    show_window: Callable[..., MainWindow], settings: Settings
) -> None:
    window = show_window()
    action(window, "Switch dark and light").trigger()
    QApplication.processEvents()
    first = is_dark(window)
    action(window, "Switch dark and light").trigger()
    QApplication.processEvents()
    assert is_dark(window) is not first
    assert settings.theme == ("light" if first else "dark")


def test_size_and_source_are_remembered(
    qtbot: QtBot, show_window: Callable[..., MainWindow], settings: Settings
) -> None:
    window = show_window()
    qtbot.waitUntil(lambda: settings.source == "ticks", timeout=PATIENCE_MS)
    window.resize(760, 620)
    window.close()
    again = show_window()
    assert (again.width(), again.height()) == (760, 620)


def test_fits_a_small_screen(show_window: Callable[..., MainWindow]) -> None:
    window = show_window()
    window.resize(200, 200)
    assert window.width() <= 800 and window.height() <= 560


def test_at_twice_the_scale_it_fits_a_screen_of_1080_rows(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
    window.seek_bar.set_span(30, 1.0, float)
    window.resize(944, 492)  # 960 by 540 are there, without what a window manager adds
    qtbot.wait(100)
    assert window.seek_bar.isVisible() and (window.width(), window.height()) == (944, 492)
    assert window.status.geometry().bottom() < 492 and window.colour_view.height() >= 100
    # A verdict that takes two lines gets them, even then.
    window.transport.play_pressed.emit()
    qtbot.waitUntil(state(window, "paused"), timeout=PATIENCE_MS)
    qtbot.wait(200)  # what was under way arrives
    window.banner._verdict.setText("RGB: <b>not sure (happiness 34 %)</b> " + 3 * "(no depth) ")
    window.resize(600, 492)
    qtbot.wait(100)
    assert window.banner.height() >= window.banner.heightForWidth(window.banner.width()) > 20


def test_no_face_is_said_plainly(qtbot: QtBot, show_window: Callable[..., MainWindow]) -> None:
    window = show_window(load=BlindAnalyser)
    qtbot.waitUntil(lambda: "no face found" in window.banner.text(), timeout=PATIENCE_MS)
    assert "no face found" in window.colour_view.accessibleDescription()
    assert [chart.accessibleDescription() for chart in window.charts] == ["–"] * 3


def test_a_broken_network_reaches_the_status_line_and_frames_go_on(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window(load=BrokenAnalyser)
    qtbot.waitUntil(lambda: "exploded" in window.status.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "exploded" in window.banner.text(), timeout=PATIENCE_MS)
    assert window.status.text().startswith("playing")


def test_missing_weights_reach_the_status_line(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    def load() -> FakeAnalyser:
        raise CheckpointError("there are no weights for this pipeline")

    window = show_window(load=load)
    qtbot.waitUntil(lambda: "no weights" in window.status.text(), timeout=PATIENCE_MS)


def test_pictures_change_while_it_plays(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
    first = to_array(window.timeline.grab().toImage())

    def changed() -> bool:
        return bool(np.any(first != to_array(window.timeline.grab().toImage())))

    qtbot.waitUntil(changed, timeout=PATIENCE_MS)


def test_a_window_without_its_camera_says_what_to_do_and_waits(
    qtbot: QtBot, settings: Settings
) -> None:
    def missing() -> FrameSource:
        raise SourceError("Webcam 0 cannot be used; plug one in.")

    window = MainWindow(Session(FakeAnalyser), settings, Troubles())
    qtbot.addWidget(window)
    window.begin(missing, "webcam")
    window.show()
    qtbot.waitUntil(lambda: "plug one in" in window.colour_view.notice, timeout=PATIENCE_MS)
    qtbot.waitUntil(state(window, "waiting for the camera"), timeout=PATIENCE_MS)
    assert settings.source is None
    window.close()


def test_while_nothing_moves_the_session_is_asked_less_often(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
    assert window._poll_timer.interval() == 8
    action(window, "Pause").trigger()
    qtbot.waitUntil(lambda: window._poll_timer.interval() == 100, timeout=PATIENCE_MS)
    action(window, "Step one frame").trigger()
    assert window._poll_timer.interval() == 8


def test_with_every_dock_open_it_still_fits_a_small_screen(
    qtbot: QtBot, show_window: Callable[..., MainWindow], settings: Settings, tmp_path: Path
) -> None:
    window = show_window()
    study = add_modes(window, window.session, settings, tuple, None)
    study.open(write_study(tmp_path / "study"))
    window.camera.options.show()
    window.cloud.show()
    qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
    window.resize(900, 600)
    assert (window.width(), window.height()) == (900, 600)
    action(window, "Keys").trigger()
    (help_,) = window.findChildren(KeyHelp)
    assert help_.height() <= window.screen().availableSize().height() - 48


def test_the_first_window_and_a_remembered_one_lie_on_the_screen(
    show_window: Callable[..., MainWindow], settings: Settings
) -> None:
    room = show_window().screen().availableGeometry()
    larger = show_window()
    larger.resize(2 * room.width(), 2 * room.height())
    settings.geometry = larger.saveGeometry()
    for window in (show_window(),):
        assert room.contains(window.geometry())


def test_a_figure_that_does_not_fit_is_elided_and_never_cut(qtbot: QtBot) -> None:
    label = ElidingLabel()
    qtbot.addWidget(label)
    label.setText("✓ Light 146")
    for width in range(label.sizeHint().width(), 0, -1):
        label.resize(width, 20)
        assert label.shown in ("✓ Light 146", "") or label.shown.endswith("…")
