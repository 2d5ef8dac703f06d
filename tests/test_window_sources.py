"""The main window and its sources: opened, replaced, broken, chosen from."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app_doubles import BrokenSource, TickSource, opening, write_tree
from PySide6.QtWidgets import QComboBox
from window_driver import PATIENCE_MS, action, described, state

from app.sources.choice import source_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from pytestqt.qtbot import QtBot

    from app.sources.base import FrameSource
    from app.start.settings import Settings
    from app.window.main_window import MainWindow


def test_a_broken_source_reaches_the_status_line_and_the_window_lives_on(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window(BrokenSource())
    qtbot.waitUntil(lambda: "unplugged" in window.status.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(state(window, "source failed"), timeout=PATIENCE_MS)
    window.open_source(opening(TickSource()), "ticks")
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    assert "unplugged" not in window.status.text()


def test_opening_what_is_no_source_leaves_the_present_one_playing(
    qtbot: QtBot,
    show_window: Callable[..., MainWindow],
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = show_window()
    monkeypatch.setattr(
        "app.window.menus.QFileDialog.getExistingDirectory", lambda *_: str(tmp_path)
    )
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    action(window, "Open folder…").trigger()
    qtbot.waitUntil(lambda: str(tmp_path) in window.status.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    assert window.windowTitle() == "ticks – rgbd-fer"
    assert settings.source == "ticks"


def test_opens_a_folder_of_scans(
    qtbot: QtBot,
    show_window: Callable[..., MainWindow],
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_HA04WH")
    window = show_window()
    monkeypatch.setattr(
        "app.window.menus.QFileDialog.getExistingDirectory", lambda *_: str(tmp_path)
    )
    action(window, "Open folder…").trigger()
    chosen = ("F9001", "happiness, up to level 4")
    qtbot.waitUntil(lambda: window.transport.chosen() == chosen, timeout=PATIENCE_MS)
    assert settings.source == str(tmp_path)
    assert window.windowTitle() == f"{tmp_path} – rgbd-fer"
    qtbot.waitUntil(described(window, "True expression: happiness"), timeout=PATIENCE_MS)


def test_another_source_begins_with_empty_views(
    qtbot: QtBot, show_window: Callable[..., MainWindow]
) -> None:
    window = show_window()
    qtbot.waitUntil(described(window, "True expression: anger"), timeout=PATIENCE_MS)
    window.show_source(TickSource())
    assert window.banner.text().strip(" |") == ""
    assert window.colour_view.accessibleDescription() == ""
    assert window.depth_view.accessibleDescription() == ""
    assert [chart.accessibleDescription() for chart in window.charts] == ["–"] * 3
    assert window.timeline.length_s == 0


def test_a_folder_is_searched_without_holding_up_the_window(
    qtbot: QtBot, show_window: Callable[..., MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = threading.Event()
    threads: list[str] = []

    def search(name: str) -> FrameSource:
        threads.append(threading.current_thread().name)
        found.wait(PATIENCE_MS / 1000)
        return TickSource()

    window = show_window()
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    monkeypatch.setattr("app.window.main_window.opened_source", search)
    monkeypatch.setattr("app.window.menus.QFileDialog.getExistingDirectory", lambda *_: "/")
    action(window, "Open folder…").trigger()
    qtbot.waitUntil(state(window, "opening"), timeout=PATIENCE_MS)
    before = window.timeline.length_s
    qtbot.waitUntil(lambda: window.timeline.length_s != before, timeout=PATIENCE_MS)
    found.set()
    qtbot.waitUntil(state(window, "playing"), timeout=PATIENCE_MS)
    assert threads == ["capture"]


def test_any_single_scan_can_be_chosen(
    qtbot: QtBot, show_window: Callable[..., MainWindow], tmp_path: Path
) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_HA01WH", "F9001_HA02WH")
    window = show_window(source_named(str(tmp_path)))
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
