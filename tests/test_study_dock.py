"""The study's panels with a desk of their own: baseline, links, what goes wrong while recording."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from app_doubles import FakeAnalyser
from PySide6.QtWidgets import QLineEdit
from study_fixtures import evenly, made_up, neutral, no_faces, open_desk, write_study

from app.live.session import Session
from app.study.run_state import RecordingProgress
from app.window.study.checks import LiveFigures
from app.window.study.dock import StudyDock
from app.window.study.panels import BaselinePanel
from app.window.study.participant_form import Admission, admit
from app.window.study.recording_line import RecordingLine
from fercore.errors import FercoreError
from fercore.study.baseline import load_baseline
from fercore.study.layout import runs_of
from fercore.study.run_files import Check, Counts, RunState, read_run_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.study.desk import Desk


@pytest.fixture
def dock_at(qtbot: QtBot) -> Iterator[Callable[[Path], tuple[StudyDock, Desk]]]:
    desks: list[Desk] = []

    def build(folder: Path) -> tuple[StudyDock, Desk]:
        desk = open_desk(folder, no_faces)
        desks.append(desk)
        dock = StudyDock(desk, Session(FakeAnalyser), LiveFigures())
        qtbot.addWidget(dock)
        dock.form.subject.setText("01")
        age = dock.form.fields["age"]
        assert isinstance(age, QLineEdit)
        age.setText("30")
        dock.form.begin.click()
        for check in dock.checklist.checks():
            dock.checklist.reason(check.item).setText("a\ttest")
        return dock, desk

    yield build
    for desk in desks:
        desk.close()


def take_baseline(dock: StudyDock, desk: Desk, *, moving: bool) -> str:
    dock.baseline.begun.emit()
    for index in range(30):
        desk.add(neutral(index, evenly(), 4.0 * index if moving else 0.0), index / 30)
    dock.baseline.ended.emit()
    return dock.baseline.message.text()


def test_a_face_that_moves_is_refused_and_a_resting_one_stored(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]], tmp_path: Path
) -> None:
    folder = write_study(tmp_path / "s", baseline=True)
    dock, desk = dock_at(folder)
    assert "moved" in take_baseline(dock, desk, moving=True)
    dock.start_block()
    assert "record the baseline first" in dock.sheet.message.text()
    assert take_baseline(dock, desk, moving=False).startswith("Accepted and stored: 30 frames")
    assert load_baseline(folder / "sub-01" / "ses-1" / "baseline.json").frames == 30
    dock.start_block()
    assert desk.recording


def test_the_baseline_counts_its_seconds(qtbot: QtBot) -> None:
    panel = BaselinePanel(0.2)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(panel.ended, timeout=5000):
        panel.start.click()
        assert panel.running and not panel.start.isEnabled()
    assert not panel.running and panel.start.isEnabled()


def kept_frames(desk: Desk) -> int:
    progress = desk.progress()
    return progress.counts.frames if progress is not None else 0


def test_a_run_that_stops_by_itself_says_why(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]], tmp_path: Path, qtbot: QtBot
) -> None:
    from app.study import run_state

    dock, desk = dock_at(write_study(tmp_path / "s"))
    dock.start_block()
    for analysis in made_up(3):
        desk.add(analysis, time.monotonic())  # not before the block began
    qtbot.waitUntil(lambda: kept_frames(desk) == 3, timeout=5000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_state, "RESERVE_BYTES", 10**18)
        qtbot.waitUntil(lambda: not (desk.recording or desk.finishing), timeout=5000)
    dock.refresh()
    assert "nearly full" in dock.sheet.message.text() and "Kept: 3 frames" in (
        dock.sheet.message.text()
    )
    assert dock.sheet.start.isEnabled() and not dock.sheet.stop.isEnabled()
    dock.start_block()
    assert desk.recording


def test_a_run_started_from_afar_is_shown_and_can_be_stopped(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]], tmp_path: Path
) -> None:
    from app.study.desk import RemoteCommands

    dock, desk = dock_at(write_study(tmp_path / "s"))
    remote = RemoteCommands(desk)
    desk.checklist = (Check("light", False, "too dark"),)
    with pytest.raises(FercoreError, match="light: too dark"):
        remote.start("01", "1", "video", "calm")
    dock.refresh()  # the reasons are given
    remote.start("01", "1", "video", "calm")
    dock.refresh()
    assert dock.line.text().startswith("● RECORDING") and "NO FRAMES" in dock.line.text()
    dock.stop_block()
    assert not desk.recording
    assert dock.sheet.list.item(0).text().startswith("✓ 1")


def test_after_a_block_comes_the_next_and_a_finished_one_is_asked_for(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]], tmp_path: Path, questions: list[str]
) -> None:
    dock, desk = dock_at(write_study(tmp_path / "s"))
    dock.start_block()
    dock.stop_block()
    assert dock.sheet.block is not None and dock.sheet.block.number == 2
    assert questions == []
    dock.sheet.list.setCurrentRow(0)
    dock.start_block()
    assert questions == ["Block 1 is recorded already. Record it again, as a further run?"]
    assert desk.recording


def test_a_run_that_is_stopped_early_is_not_complete(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]], tmp_path: Path
) -> None:
    folder = write_study(tmp_path / "s")
    path = folder / "study.toml"
    path.write_text(path.read_text().replace("duration_s = 1", "duration_s = 60"))
    dock, _ = dock_at(folder)
    dock.start_block()
    dock.stop_block()
    assert dock.sheet.block is not None and dock.sheet.block.number == 1
    assert "60 s were planned." in dock.sheet.message.text()
    (place,) = runs_of(folder)
    assert read_run_record(place.session).state is RunState.EARLY


def test_the_end_of_the_planned_length_is_said(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_study(tmp_path / "s")
    path = folder / "study.toml"
    path.write_text(path.read_text().replace("duration_s = 1", "duration_s = 60"))
    dock, desk = dock_at(folder)
    dock.start_block()
    assert "planned" not in dock.line.text()
    counts = Counts(frames=900)
    over = RecordingProgress(True, 61.0, 1, 10**9, counts, "", planned_s=60.0)
    monkeypatch.setattr(desk, "progress", lambda: over)
    dock.refresh()
    assert "⚠ the planned 60 s are over" in dock.line.text() and desk.recording


def test_markers_without_a_run_are_not_lost_silently(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]], tmp_path: Path
) -> None:
    dock, _ = dock_at(write_study(tmp_path / "s"))
    dock.mark("stimulus")
    assert "No run is being recorded" in dock.sheet.message.text()


def test_a_session_is_gone_on_with_where_it_ended(
    dock_at: Callable[[Path], tuple[StudyDock, Desk]], tmp_path: Path
) -> None:
    folder = write_study(tmp_path / "s")
    dock, desk = dock_at(folder)
    dock.start_block()
    dock.stop_block()
    plan = admit(folder, desk.study, Admission.RESUME, "01", "1", {})
    assert plan.done() == {1} and plan.broken_off() == []
    with pytest.raises(FercoreError, match="exists already"):
        admit(folder, desk.study, Admission.ANOTHER, "01", "1", {})
    with pytest.raises(FercoreError, match="could be mistaken"):
        admit(folder, desk.study, Admission.ANOTHER, "01", "01", {})
    with pytest.raises(FercoreError, match="does not exist"):
        admit(folder, desk.study, Admission.RESUME, "01", "2", {})
    assert admit(folder, desk.study, Admission.ANOTHER, "01", "2", {}).done() == frozenset()


def test_losses_are_shown(qtbot: QtBot) -> None:
    line = RecordingLine()
    qtbot.addWidget(line)
    counts = Counts(frames=100, dropped_rows=2, dropped_depth=3)
    line.show_progress(RecordingProgress(True, 75.0, 2_500_000, 80_000_000_000, counts, ""))
    assert "RECORDING 1:15   2.5 MB   80.0 GB left   100 frames" in line.text()
    assert line.text().endswith("dropped: 2 rows, 3 depth maps")
