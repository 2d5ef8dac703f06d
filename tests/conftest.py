"""Fixtures that several test modules share."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from camera_doubles import Bench
    from pytestqt.qtbot import QtBot

    from app.live.session import Session
    from app.start.settings import Settings
    from app.window.main_window import MainWindow

# Before anything imports Qt: tests open no window on the developer's screen.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Before anything imports pylsl: its streams are found on any machine.
os.environ.setdefault("LSLAPICFG", str(Path(__file__).with_name("lsl_api.cfg")))


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Take away the log handlers that a test's program installed: their streams end with it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture(autouse=True)
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer whatever a window asks with yes, and return what was asked."""
    from PySide6.QtWidgets import QMessageBox

    asked: list[str] = []

    def say_yes(_parent: object, _title: str, text: str, *_: object) -> object:
        asked.append(text)
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", say_yes)
    return asked


@pytest.fixture(scope="session")
def sample_root() -> Path:
    """Return the unpacked sample subjects."""
    from fercore.datasets import opening

    return opening.sample_root()


@pytest.fixture(scope="session")
def recorded_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study in which two participants were recorded, to be copied before it is changed."""
    from study_fixtures import record_two_participants

    return record_two_participants(tmp_path_factory.mktemp("recorded") / "study")


@pytest.fixture
def make_session() -> Iterator[Callable[..., Session]]:
    """Return what builds a started session, of fake networks unless told otherwise."""
    from session_driver import started_sessions

    with started_sessions() as build:
        yield build


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings in a file of their own."""
    from app.start.settings import Settings

    return Settings(tmp_path / "s.json")


@pytest.fixture
def show_window(qtbot: QtBot, settings: Settings) -> Iterator[Callable[..., MainWindow]]:
    """Return what shows a main window that plays ticks unless told otherwise."""
    from window_driver import shown_windows

    with shown_windows(qtbot, settings) as show:
        yield show


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Return a bench with a RealSense camera of the SDK's own that can be plugged in."""
    from camera_doubles import Bench

    bench = Bench()
    yield bench
    bench.pull_out()
