"""The study's panels with a desk of their own: baseline, links, what goes wrong while recording."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import FakeAnalyser, TickSource, analysis_of, sample_frame
from PySide6.QtWidgets import QLineEdit
from study_fixtures import evenly, made_up, neutral, no_faces, open_desk, write_study

from app.live.inference import Judged
from app.live.session import Session
from app.sources.base import Arrival, Condition, Health
from app.study.run_state import RecordingProgress
from app.window.study.checks import ClockWatch, LiveFigures, Observed, Surroundings, all_checks
from app.window.study.dock import StudyDock
from app.window.study.mode import equipment_of
from app.window.study.panels import BaselinePanel
from app.window.study.participant_form import Admission, admit
from app.window.study.recording_line import RecordingLine
from app.window.study.study_folder import study_folder
from fercore.cli import main
from fercore.errors import FercoreError
from fercore.faces.quality import measure
from fercore.structures import Analysis, FaceBox, FacePair
from fercore.study.baseline import load_baseline
from fercore.study.layout import runs_of
from fercore.study.predictions import Flag, flags_of
from fercore.study.run_files import Check, Counts, RunState, read_run_record
from fercore.study.study_file import read_study_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.study.desk import Desk

GREEN = Observed(30.0, 1.0, 0.6, 120.0, 0.9)
AROUND = Surroundings(None, 50_000_000_000, False, "", False, ())


class Camera(TickSource):
    """A live source in a given condition."""

    name = "camera 7"

    def __init__(self, health: Health = Health.GOOD) -> None:
        super().__init__()
        self.condition = Condition(health, "" if health is Health.GOOD else "It is covered.")


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


def red(observed: Observed, around: Surroundings) -> set[str]:
    return {check.item for check in all_checks(observed, around) if not check.passed}


@pytest.mark.parametrize(
    ("observed", "around", "items"),
    [
        (GREEN, AROUND._replace(source=Camera()), set()),
        (GREEN, AROUND, {"camera"}),
        (GREEN, AROUND._replace(source=Camera(Health.DOUBTFUL)), {"camera"}),
        (GREEN, AROUND._replace(source=TickSource()), {"camera"}),
        (Observed(), AROUND, {"camera", "distance", "light", "valid depth", "frame rate"}),
        (GREEN._replace(distance_m=1.4, brightness=20.0), AROUND, {"camera", "distance", "light"}),
        (
            GREEN._replace(brightness=250.0, valid_share=0.1),
            AROUND,
            {"camera", "light"} | {"valid depth"},
        ),
        (
            GREEN,
            AROUND._replace(bytes_free=10**8, clock="the date is wrong"),
            {"camera", "disk", "clock"},
        ),
        (GREEN, AROUND._replace(bytes_free=5 * 10**9, keeps_videos=True), {"camera", "disk"}),
        (GREEN, AROUND._replace(lsl_on=True, lsl_missing=("PsychoPy",)), {"camera", "LSL"}),
    ],
)
def test_the_checklist_is_red_where_something_is_wrong(
    observed: Observed, around: Surroundings, items: set[str]
) -> None:
    assert red(observed, around) == items


@pytest.mark.parametrize(
    ("face", "background", "word"),
    [(40, 140, "too dark"), (120, 10, "good"), (230, 90, "too bright")],
)
def test_bar_checklist_and_flags_measure_the_same(face: int, background: int, word: str) -> None:
    """The face fills the middle of its crop; what lies around it is not the face's light."""
    rgb = np.full((96, 96, 3), background, np.uint8)
    rgb[16:80, 16:80] = face
    depth_m = np.full((64, 64), 3.0, np.float32)
    depth_m[12:52, 12:52] = 0.6
    pair = FacePair(rgb, depth_m, 0.9, FaceBox(10, 10, 110, 110, 0.9), 0.0)
    analysis = Analysis(sample_frame(), pair, None, "", 0.0)
    bar = {one.name: one.word for one in measure(pair).indicators()}
    figures = LiveFigures()
    figures.add(Judged(Arrival(sample_frame(), TickSource(), 0, time.monotonic()), analysis))
    failing = red(figures.observed(), AROUND._replace(source=Camera())) - {"frame rate"}
    recorded = {Flag.DARK, Flag.BRIGHT}.intersection(flags_of(analysis))
    assert (bar["Light"], bar["Distance"]) == (word, "good")
    assert failing == (set() if word == "good" else {"light"})
    expected = {"too dark": {Flag.DARK}, "good": set(), "too bright": {Flag.BRIGHT}}
    assert recorded == expected[word]


def test_a_clock_that_is_set_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    watch = ClockWatch()
    assert watch.problem() == ""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    assert "set by +3600.0 s" in watch.problem()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert "the date is wrong" in watch.problem()


def test_figures_are_those_of_the_last_seconds() -> None:
    import time

    figures = LiveFigures()
    assert figures.observed() == Observed()
    now_s = time.monotonic()
    for age_s in (5.0, 0.2, 0.1):
        arrival = Arrival(sample_frame(), TickSource(), 0, now_s - age_s)
        figures.add(Judged(arrival, analysis_of(sample_frame())))
    observed = figures.observed()
    assert (observed.frames_per_second, observed.face_share) == (1.0, 1.0)
    assert (observed.brightness, observed.distance_m, observed.valid_share) == (0.0, None, None)


def test_losses_are_shown(qtbot: QtBot) -> None:
    line = RecordingLine()
    qtbot.addWidget(line)
    counts = Counts(frames=100, dropped_rows=2, dropped_depth=3)
    line.show_progress(RecordingProgress(True, 75.0, 2_500_000, 80_000_000_000, counts, ""))
    assert "RECORDING 1:15   2.5 MB   80.0 GB left   100 frames" in line.text()
    assert line.text().endswith("dropped: 2 rows, 3 depth maps")


def test_equipment_names_source_and_clock() -> None:
    equipment = equipment_of(Camera(), ())
    assert (equipment.source, equipment.synthetic) == ("camera 7", False)
    assert equipment.device_clock == "source"
    with pytest.raises(FercoreError, match="No camera is open"):
        equipment_of(None, ())


def test_a_new_study_asks_what_it_is_for(tmp_path: Path) -> None:
    path = write_study(tmp_path / "a") / "study.toml"
    text = "\n".join(line for line in path.read_text().splitlines() if "purpose" not in line)
    path.write_text(text)
    with pytest.raises(FercoreError, match="does not say what the study is for"):
        study_folder(path, None)
    assert path.read_text() == text
    asked = []
    study_folder(path, tmp_path / "out", lambda title: asked.append(title) or 'To see "why".\n')
    assert asked == ["Reading faces"] and path.read_text().endswith(text)
    assert read_study_file(tmp_path / "out" / "study.toml").purpose == 'To see "why".'
    notice = (tmp_path / "out" / "participant-notice.txt").read_text()
    assert 'To see "why".' in notice and "No image is stored" in notice and "Age in years" in notice
    (tmp_path / "out" / "participant-notice.txt").write_text("edited")
    study_folder(path, tmp_path / "out")
    assert main(["notice", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "participant-notice.txt").read_text() == "edited"


def test_a_study_that_began_without_purpose_goes_on(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "a")
    lines = (folder / "study.toml").read_text().splitlines()
    (folder / "study.toml").write_text("\n".join(x for x in lines if "purpose" not in x))
    (folder / "sub-01").mkdir()
    assert study_folder(folder, None) == folder
    assert not (folder / "participant-notice.txt").exists()
    assert main(["notice", str(folder)]) == 2


def test_a_folder_belongs_to_one_study(tmp_path: Path) -> None:
    study = write_study(tmp_path / "a") / "study.toml"
    other = write_study(tmp_path / "b", "full") / "study.toml"
    assert study_folder(study.parent, None) == study.parent
    for _ in range(2):
        assert study_folder(study, tmp_path / "out") == tmp_path / "out"
    assert (tmp_path / "out" / "study.toml").read_text() == study.read_text()
    with pytest.raises(FercoreError, match="differs; choose another folder"):
        study_folder(other, tmp_path / "out")
    renamed = study.rename(study.with_name("mine.toml"))
    with pytest.raises(FercoreError, match="name a folder with --output"):
        study_folder(renamed, None)
    with pytest.raises(FercoreError, match="does not exist"):
        study_folder(tmp_path / "nowhere.toml", None)
    with pytest.raises(FercoreError, match="cannot be written"):
        study_folder(renamed, renamed)
