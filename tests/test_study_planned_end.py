"""A run that ends by itself when its planned length is over, unless the experimenter says no."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from app_doubles import FakeAnalyser
from study_fixtures import STUDY, made_up, open_desk

from app.live.session import Session
from app.window.study.checks import LiveFigures
from app.window.study.dock import StudyDock
from fercore.errors import FercoreError
from fercore.study.events import NOTE, RUN_STOP, read_events
from fercore.study.layout import runs_of
from fercore.study.participants import enrol
from fercore.study.predictions import read_predictions
from fercore.study.run_files import RunRecord, RunState, read_run_record
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.study.desk import Desk

PLANNED_S = 0.6
PATIENCE_MS = 10_000


def write(folder: Path, length: str) -> Path:
    folder.mkdir(parents=True)
    text = STUDY.format(privacy="derived", codec="ffv1", baseline="false")
    text = text.replace("duration_s = 1", length)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "s", f"duration_s = {PLANNED_S}\nends_by_itself = true")


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    desk = open_desk(folder)
    enrol(folder, desk.study, "01", {"age": "30"})
    yield desk
    desk.close()


@pytest.fixture
def dock(qtbot: QtBot, desk: Desk) -> StudyDock:
    """Return the panels with a session under way."""
    dock = StudyDock(desk, Session(FakeAnalyser), LiveFigures())
    qtbot.addWidget(dock)
    dock.form.how.setCurrentText("Another session of a participant")
    dock.form.subject.setText("01")
    dock.form.begin.click()
    for check in dock.checklist.checks():
        dock.checklist.reason(check.item).setText("a test")
    return dock


def begin(desk: Desk) -> None:
    desk.start("01", "1", "video", "calm")


def feed(desk: Desk, seconds: float) -> None:
    """Hand over frames as if so much time passed from now, thirty a second."""
    start_s = time.monotonic()
    for number, analysis in enumerate(made_up(round(30 * seconds))):
        desk.add(analysis, start_s + number / 30)


def ended(desk: Desk) -> RunRecord:
    """Wait until the run has ended by itself; return its record."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while desk.recording:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    record = desk.stop()
    assert record is not None
    return record


def test_it_ends_with_the_planned_length(desk: Desk, folder: Path) -> None:
    begin(desk)
    feed(desk, 3)
    assert ended(desk).state is RunState.COMPLETE
    (place,) = runs_of(folder)
    record, rows = read_run_record(place.session), read_predictions(place.predictions)
    assert record.state is RunState.COMPLETE and record.problem == ""
    assert len(rows) == record.counts.frames and record.counts.dropped_rows == 0
    assert PLANNED_S - 0.1 < rows.time_s[-1] < PLANNED_S
    last = read_events(place.events)[-1]
    assert (last.type, last.name) == (RUN_STOP, "the planned 0.6 s are over")
    begin(desk)  # and the next may begin


def test_it_ends_even_though_no_frame_comes(desk: Desk, folder: Path) -> None:
    begin(desk)
    started_s = time.monotonic()
    ended(desk)
    assert time.monotonic() - started_s > PLANNED_S
    (place,) = runs_of(folder)
    assert read_events(place.events)[-1].name == "the planned 0.6 s are over"


def test_the_experimenter_may_keep_on_recording(desk: Desk, folder: Path) -> None:
    begin(desk)
    assert desk.keep_recording()
    assert not desk.keep_recording()  # it is called off already
    feed(desk, 3)
    time.sleep(PLANNED_S)
    assert desk.recording
    desk.stop()
    (place,) = runs_of(folder)
    assert read_predictions(place.predictions).time_s[-1] > 2
    marks = read_events(place.events)
    assert "goes on beyond the planned length" in [e.name for e in marks if e.type == NOTE]
    assert (marks[-1].type, marks[-1].name) == (RUN_STOP, "")


def test_without_a_run_there_is_nothing_to_keep_on(desk: Desk) -> None:
    assert desk.progress() is None and not desk.keep_recording()


def test_it_counts_down_in_view_and_says_what_it_recorded(
    desk: Desk, dock: StudyDock, qtbot: QtBot
) -> None:
    assert dock.sheet.list.item(0).text().endswith("0.6 s, ends by itself")
    assert not dock.sheet.keep_on.isEnabled()
    dock.start_block()
    assert "ends in 0:01" in dock.line.text() and dock.sheet.keep_on.isEnabled()
    feed(desk, 2)
    qtbot.waitUntil(lambda: not (desk.recording or desk.finishing), timeout=PATIENCE_MS)
    dock.refresh()
    assert dock.sheet.message.text().startswith("Recorded: ")
    assert dock.sheet.list.item(0).text().startswith("✓ 1")
    assert dock.sheet.start.isEnabled() and not dock.sheet.keep_on.isEnabled()
    assert dock.form.isEnabled() and dock.links.isEnabled()


def test_a_button_keeps_it_going(desk: Desk, dock: StudyDock) -> None:
    dock.start_block()
    dock.sheet.keep_on.click()
    assert "until you stop it" in dock.sheet.message.text()
    assert "ends in" not in dock.line.text() and not dock.sheet.keep_on.isEnabled()
    time.sleep(PLANNED_S)
    dock.refresh()
    assert "the planned 0.6 s are over" in dock.line.text() and desk.recording


def test_the_record_keeps_what_was_planned(desk: Desk, folder: Path) -> None:
    begin(desk)
    desk.stop()
    (place,) = runs_of(folder)
    (task,) = read_run_record(place.session).configuration["study"]["tasks"]
    assert (task["duration_s"], task["ends_by_itself"]) == (PLANNED_S, True)


def test_a_length_is_needed(tmp_path: Path) -> None:
    folder = write(tmp_path / "none", "ends_by_itself = true")
    with pytest.raises(FercoreError, match="`ends_by_itself` needs a `duration_s` above 0"):
        load_study(folder)
    (task,) = load_study(write(tmp_path / "hand", "duration_s = 60")).tasks
    assert not task.ends_by_itself
