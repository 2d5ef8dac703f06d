from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from app_doubles import (
    BlindAnalyser,
    BrokenAnalyser,
    BrokenSource,
    FakeAnalyser,
    TickSource,
    analysis_of,
    opening,
    sample_frame,
    write_tree,
)
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QComboBox

from app.logs import Troubles
from app.main_window import MainWindow
from app.qimage import to_array
from app.session import Session
from app.settings import Settings
from app.sources.choice import source_named
from app.widgets.key_help import KeyHelp
from app.widgets.theme import is_dark
from fercore.errors import CheckpointError
from fercore.expressions import Expression
from fercore.structures import FaceBox
from fercore.tracking import TrackedFace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtGui import QAction
    from pytestqt.qtbot import QtBot

    from app.inference import Analyser
    from app.sources.base import FrameSource

PATIENCE_MS = 20_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def shown(qtbot: QtBot, settings: Settings) -> Iterator[Callable[..., MainWindow]]:
    """Show windows that play, close them, and see that no thread is left."""
    before = set(threading.enumerate())
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    palette = application.palette()
    troubles = Troubles()
    logging.getLogger().addHandler(troubles)
    windows: list[MainWindow] = []

    def show(
        source: FrameSource | None = None, load: Callable[[], Analyser] = FakeAnalyser
    ) -> MainWindow:
        window = MainWindow(Session(load), settings, troubles)
        qtbot.addWidget(window)
        windows.append(window)
        window.begin(opening(source or TickSource()), "ticks")
        window.show()
        return window

    yield show
    for window in windows:
        window.close()
    logging.getLogger().removeHandler(troubles)
    application.setPalette(palette)
    assert set(threading.enumerate()) <= before


def state(window: MainWindow, wanted: str) -> Callable[[], bool]:
    return lambda: window.status.text().startswith(wanted)


def described(window: MainWindow, text: str) -> Callable[[], bool]:
    return lambda: text in window.colour_view.accessibleDescription()


def action(window: MainWindow, text: str) -> QAction:
    return next(a for a in window.actions() if a.text().replace("&", "") == text)


def test_shows_the_same_frame_everywhere(qtbot: QtBot, shown: Callable[..., MainWindow]) -> None:
    window = shown()
    qtbot.waitUntil(described(window, "Fusion: anger 75 % ✓"), timeout=PATIENCE_MS)
    assert window.banner.text() == "True expression: anger | Fusion: anger 75 % | ✓ correct"
    verdicts = [chart.accessibleDescription() for chart in window.charts]
    assert verdicts == ["anger 75 % ✓", "fear 60 % ✗", "sadness 50 % ✗"]
    assert "millimetres" in window.depth_view.accessibleDescription()
    assert window.transport.chosen() == ("F9001", "anger")
    assert window.windowTitle() == "ticks – rgbd-fer"
    assert to_array(window.grab().toImage()).std() > 20


def test_figures_are_shown(qtbot: QtBot, shown: Callable[..., MainWindow]) -> None:
    window = shown()
    # The stand-in may well answer within half a millisecond, so 0 ms is a latency too.
    figures = re.compile(r"[1-9]\d* frames/s +latency \d+ ms +\d+ dropped")
    qtbot.waitUntil(lambda: bool(figures.search(window.status.text())), timeout=PATIENCE_MS)


def test_keys_play_pause_step_and_choose(qtbot: QtBot, shown: Callable[..., MainWindow]) -> None:
    window = shown()
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


def test_every_action_has_a_key_and_the_help_lists_it(shown: Callable[..., MainWindow]) -> None:
    window = shown()
    keys = [a.shortcut().toString() for a in window.actions()]
    assert all(keys) and len(set(keys)) == len(keys)
    action(window, "Keys").trigger()
    (dialog,) = window.findChildren(KeyHelp)
    assert dialog.isVisible()
    dialog.close()


def test_everything_has_an_accessible_name(shown: Callable[..., MainWindow]) -> None:
    window = shown()
    parts = [window.colour_view, window.depth_view, *window.charts, window.timeline]
    names = [part.accessibleName() for part in parts]
    assert all(names) and len(set(names)) == len(names)


def test_theme_switches_and_is_remembered(
    shown: Callable[..., MainWindow], settings: Settings
) -> None:
    window = shown()
    action(window, "Switch dark and light").trigger()
    QApplication.processEvents()
    first = is_dark(window)
    action(window, "Switch dark and light").trigger()
    QApplication.processEvents()
    assert is_dark(window) is not first
    assert settings.theme == ("light" if first else "dark")


def test_size_and_source_are_remembered(
    qtbot: QtBot, shown: Callable[..., MainWindow], settings: Settings
) -> None:
    window = shown()
    qtbot.waitUntil(lambda: settings.source == "ticks", timeout=PATIENCE_MS)
    window.resize(760, 620)
    window.close()
    again = shown()
    assert (again.width(), again.height()) == (760, 620)


def test_fits_a_small_screen(shown: Callable[..., MainWindow]) -> None:
    window = shown()
    window.resize(200, 200)
    assert window.width() <= 800 and window.height() <= 560


def test_no_face_is_said_plainly(qtbot: QtBot, shown: Callable[..., MainWindow]) -> None:
    window = shown(load=BlindAnalyser)
    qtbot.waitUntil(lambda: "no face found" in window.banner.text(), timeout=PATIENCE_MS)
    assert "no face found" in window.colour_view.accessibleDescription()
    assert [chart.accessibleDescription() for chart in window.charts] == ["–"] * 3


def test_a_broken_source_reaches_the_status_line_and_the_window_lives_on(
    qtbot: QtBot, shown: Callable[..., MainWindow]
) -> None:
    window = shown(BrokenSource())
    qtbot.waitUntil(lambda: "unplugged" in window.status.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(state(window, "source failed"), timeout=PATIENCE_MS)
    window.open_source(opening(TickSource()), "ticks")
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    assert "unplugged" not in window.status.text()


def test_a_broken_network_reaches_the_status_line_and_frames_go_on(
    qtbot: QtBot, shown: Callable[..., MainWindow]
) -> None:
    window = shown(load=BrokenAnalyser)
    qtbot.waitUntil(lambda: "exploded" in window.status.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "exploded" in window.banner.text(), timeout=PATIENCE_MS)
    assert window.status.text().startswith("playing")


def test_missing_weights_reach_the_status_line(
    qtbot: QtBot, shown: Callable[..., MainWindow]
) -> None:
    def load() -> FakeAnalyser:
        raise CheckpointError("there are no weights for this pipeline")

    window = shown(load=load)
    qtbot.waitUntil(lambda: "no weights" in window.status.text(), timeout=PATIENCE_MS)


def test_opening_what_is_no_source_leaves_the_present_one_playing(
    qtbot: QtBot,
    shown: Callable[..., MainWindow],
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = shown()
    monkeypatch.setattr(
        "app.main_window.QFileDialog.getExistingDirectory", lambda *_: str(tmp_path)
    )
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    action(window, "Open folder…").trigger()
    qtbot.waitUntil(lambda: str(tmp_path) in window.status.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    assert window.windowTitle() == "ticks – rgbd-fer"
    assert settings.source == "ticks"


def test_opens_a_folder_of_scans(
    qtbot: QtBot,
    shown: Callable[..., MainWindow],
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_HA04WH")
    window = shown()
    monkeypatch.setattr(
        "app.main_window.QFileDialog.getExistingDirectory", lambda *_: str(tmp_path)
    )
    action(window, "Open folder…").trigger()
    chosen = ("F9001", "happiness, up to level 4")
    qtbot.waitUntil(lambda: window.transport.chosen() == chosen, timeout=PATIENCE_MS)
    assert settings.source == str(tmp_path)
    assert window.windowTitle() == f"{tmp_path} – rgbd-fer"
    qtbot.waitUntil(described(window, "True expression: happiness"), timeout=PATIENCE_MS)


def test_another_source_begins_with_empty_views(
    qtbot: QtBot, shown: Callable[..., MainWindow]
) -> None:
    window = shown()
    qtbot.waitUntil(described(window, "True expression: anger"), timeout=PATIENCE_MS)
    window.show_source(TickSource())
    assert window.banner.text().strip(" |") == ""
    assert window.colour_view.accessibleDescription() == ""
    assert window.depth_view.accessibleDescription() == ""
    assert [chart.accessibleDescription() for chart in window.charts] == ["–"] * 3
    assert window.timeline.length_s == 0


def test_a_folder_is_searched_without_holding_up_the_window(
    qtbot: QtBot, shown: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = threading.Event()
    threads: list[str] = []

    def search(name: str) -> FrameSource:
        threads.append(threading.current_thread().name)
        found.wait(PATIENCE_MS / 1000)
        return TickSource()

    window = shown()
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    monkeypatch.setattr("app.main_window.opened_source", search)
    monkeypatch.setattr("app.main_window.QFileDialog.getExistingDirectory", lambda *_: "/")
    action(window, "Open folder…").trigger()
    qtbot.waitUntil(state(window, "opening"), timeout=PATIENCE_MS)
    before = window.timeline.length_s
    qtbot.waitUntil(lambda: window.timeline.length_s != before, timeout=PATIENCE_MS)
    found.set()
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    assert threads == ["capture"]


def test_any_single_scan_can_be_chosen(
    qtbot: QtBot, shown: Callable[..., MainWindow], tmp_path: Path
) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_HA01WH", "F9001_HA02WH")
    window = shown(source_named(str(tmp_path)))
    qtbot.waitUntil(described(window, "True expression: happiness"), timeout=PATIENCE_MS)
    box = next(b for b in window.findChildren(QComboBox) if b.accessibleName() == "Scan")
    labels = [box.itemText(row) for row in range(box.count())]
    assert labels == [
        "happiness, up to level 2",
        "neutral",
        "happiness, level 1",
        "happiness, level 2",
    ]
    box.activated.emit(1)
    neutral = "True expression: neutral"
    qtbot.waitUntil(lambda: window.banner.text().startswith(neutral), timeout=PATIENCE_MS)
    assert window.transport.chosen() == ("F9001", "neutral")


def test_signals_do_not_eat_references(qtbot: QtBot) -> None:
    """PySide6 6.12.0 drops one reference to True at each emit, which ends Python 3.11."""
    import sys

    from app.widgets.transport import Transport

    transport = Transport()
    qtbot.addWidget(transport)
    before = sys.getrefcount(True)
    for _ in range(200):
        transport.play_pressed.emit()
    assert abs(sys.getrefcount(True) - before) < 100


def test_pictures_change_while_it_plays(qtbot: QtBot, shown: Callable[..., MainWindow]) -> None:
    window = shown()
    qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
    first = to_array(window.timeline.grab().toImage())

    def changed() -> bool:
        return bool(np.any(first != to_array(window.timeline.grab().toImage())))

    qtbot.waitUntil(changed, timeout=PATIENCE_MS)


class TwoFaces(FakeAnalyser):
    """Sees two faces, and remembers which pixel was chosen."""

    faces = (
        TrackedFace(1, FaceBox(10, 10, 60, 60, 0.9), None, True),
        TrackedFace(2, FaceBox(90, 10, 150, 60, 0.9), None, False),
    )
    chosen: ClassVar[list[tuple[float, float]]] = []

    def follow_faces(self) -> None:
        self.chosen.clear()

    def select_face(self, x: float, y: float) -> None:
        self.chosen.append((x, y))


def test_a_click_on_another_face_reaches_the_analyser(
    qtbot: QtBot, shown: Callable[..., MainWindow]
) -> None:
    window = shown(load=TwoFaces)
    qtbot.waitUntil(lambda: bool(window.colour_view.toolTip()), timeout=PATIENCE_MS)
    qtbot.mouseClick(
        window.colour_view, Qt.MouseButton.LeftButton, pos=window.colour_view.rect().center()
    )
    qtbot.waitUntil(lambda: bool(TwoFaces.chosen), timeout=PATIENCE_MS)
    (x, y) = TwoFaces.chosen[0]
    assert (x, y) == pytest.approx((80, 60), abs=1)


def test_a_key_goes_on_to_the_next_face(qtbot: QtBot, shown: Callable[..., MainWindow]) -> None:
    window = shown(load=TwoFaces)
    qtbot.waitUntil(lambda: bool(window.colour_view.toolTip()), timeout=PATIENCE_MS)
    action(window, "Judge another face").trigger()
    assert TwoFaces.chosen == [(120, 35)]


def test_quality_is_judged_while_it_plays(qtbot: QtBot, shown: Callable[..., MainWindow]) -> None:
    window = shown()
    # The stand-in's crop is black and without depth.
    qtbot.waitUntil(lambda: "too dark" in window.panel.bar.text(), timeout=PATIENCE_MS)
    window.show_source(TickSource())
    assert "not known" in window.panel.bar.text() and "dark" not in window.panel.bar.text()


def test_smoothing_is_chosen_remembered_and_only_shown(
    qtbot: QtBot, shown: Callable[..., MainWindow], settings: Settings
) -> None:
    window = shown()
    qtbot.waitUntil(described(window, "Fusion: anger 75 % ✓"), timeout=PATIENCE_MS)
    window.panel.set_smoothness("strong")
    assert settings.smoothness == "strong"
    # The stand-in changes its mind at once; what is shown follows over some frames.
    qtbot.waitUntil(described(window, "not sure"), timeout=PATIENCE_MS)
    assert window.status.text().startswith("playing, strong smoothing")
    raw = window.panel.analysis
    assert raw is not None and raw.verdicts is not None and raw.verdicts.fusion is not None
    assert raw.verdicts.fusion.confidence == pytest.approx(0.75)


def test_without_depth_the_timeline_shows_what_colour_says(
    shown: Callable[..., MainWindow],
) -> None:
    window = shown()
    seen: list[object] = []
    window.timeline.add = lambda time_s, best, truth: seen.append(best)  # type: ignore[method-assign]
    analysis = analysis_of(sample_frame(), None, Expression.FEAR, None, "no depth from this source")
    window.present(analysis)
    assert analysis.verdicts is not None
    assert seen[-1] is analysis.verdicts.rgb


def test_a_snapshot_is_written_and_its_place_told(
    qtbot: QtBot,
    shown: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.view_panel.snapshot_folder", lambda: tmp_path / "pictures")
    window = shown()
    action(window, "Take a snapshot").trigger()
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    action(window, "Take a snapshot").trigger()
    (folder,) = (tmp_path / "pictures").iterdir()
    assert str(folder) in window.status.text()
    assert (folder / "view.png").stat().st_size > 10_000


def test_a_snapshot_that_cannot_be_written_is_told(
    qtbot: QtBot,
    shown: Callable[..., MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("app.view_panel.snapshot_folder", lambda: tmp_path / "file")
    window = shown()
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    action(window, "Take a snapshot").trigger()
    assert "cannot be written" in window.status.text()


def test_the_face_in_space_has_a_dock_of_its_own(
    qtbot: QtBot, shown: Callable[..., MainWindow]
) -> None:
    window = shown()
    qtbot.waitUntil(described(window, "Fusion: anger"), timeout=PATIENCE_MS)
    assert window.cloud.isHidden()
    action(window, "Face in space").trigger()
    view = window.cloud.view
    qtbot.waitUntil(lambda: view.accessibleDescription().endswith("points"), timeout=PATIENCE_MS)
