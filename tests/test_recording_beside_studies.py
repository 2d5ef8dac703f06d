"""Quick recording and studies in one window: neither disturbs the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from app_doubles import TickSource
from study_fixtures import write_study
from window_driver import PATIENCE_MS, described, frames_recorded, said

from app.window.modes import add_modes
from app.window.recording_mode import RecordingMode
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.start.settings import Settings
    from app.window.main_window import MainWindow
    from app.window.study.mode import StudyMode


@pytest.fixture
def both(
    qtbot: QtBot, show_window: Callable[..., MainWindow], settings: Settings, tmp_path: Path
) -> tuple[RecordingMode, StudyMode]:
    """Return quick recording and studies of one playing window."""
    settings.recording_folder = tmp_path / "recordings"
    window = show_window(source=TickSource(3000))
    study = add_modes(window, window.session, settings, tuple, None)
    (mode,) = window.findChildren(RecordingMode)
    qtbot.waitUntil(described(window, "anger"), timeout=PATIENCE_MS)
    return mode, study


def test_no_study_is_opened_beside_it(
    qtbot: QtBot, both: tuple[RecordingMode, StudyMode], tmp_path: Path
) -> None:
    mode, study = both
    mode.toggle()
    with pytest.raises(FercoreError, match="stop it first, then open the study"):
        study.open(write_study(tmp_path / "study"))
    study.close()  # there is none to be closed
    before = frames_recorded(mode)
    qtbot.waitUntil(lambda: frames_recorded(mode) > before + 5, timeout=PATIENCE_MS)
    mode.toggle()
    study.open(tmp_path / "study")
    assert study.desk is not None


def test_beside_an_open_study_it_refuses(
    both: tuple[RecordingMode, StudyMode], tmp_path: Path
) -> None:
    mode, study = both
    study.open(write_study(tmp_path / "study"))
    mode.toggle()
    assert not mode.recording and "while a study is open, its runs alone" in said(mode)
    assert mode._session._inference.listener == study._hear
    study.close()
    mode.toggle()
    assert mode.recording
