"""Main windows that play, and what a test waits for in them."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app_doubles import FakeAnalyser, TickSource, opening
from PySide6.QtWidgets import QApplication

from app.live.session import Session
from app.start.logs import Troubles
from app.window.main_window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PySide6.QtGui import QAction
    from pytestqt.qtbot import QtBot

    from app.live.inference import Analyser
    from app.sources.base import FrameSource
    from app.start.settings import Settings
    from app.window.recording_mode import RecordingMode
    from app.window.study.mode import StudyMode

PATIENCE_MS = 20_000


@contextmanager
def shown_windows(qtbot: QtBot, settings: Settings) -> Iterator[Callable[..., MainWindow]]:
    """Show windows that play; in the end close them, and see that no thread is left."""
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

    try:
        yield show
    finally:
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


def window_of(mode: RecordingMode | StudyMode) -> MainWindow:
    """Return the window that a mode belongs to."""
    window = mode.parent()
    assert isinstance(window, MainWindow)
    return window


def frames_recorded(mode: RecordingMode) -> int:
    progress = mode._recording.progress()
    return progress.counts.frames if progress else 0


def said(mode: RecordingMode) -> str:
    return window_of(mode).status.text()
