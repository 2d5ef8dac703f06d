"""Which markers the study report draws, and how it tells of losses."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from study_fixtures import made_up, open_desk, write_study

from fercore.study.layout import runs_of
from fercore.study.participants import enrol
from fercore.study.report_data import Course, bin_times_s, load_runs
from fercore.study.report_parts import drops_table
from fercore.study.run_files import Counts, RunState, finished, read_run_record, write_run_record
from fercore.study.run_tables import select
from fercore.study.study_report import make_study_report, worth_drawing, write_study_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TRIALS = tuple(f"trial {number}" for number in range(5))


def course(marker: str, occurrences: int) -> Course:
    times_s = bin_times_s()
    flat = np.full((len(times_s), 6), 1 / 6)
    return Course(marker, "calm", 1, occurrences, times_s, flat, flat, flat)


def test_the_study_files_markers_come_first_and_single_trials_are_left_out() -> None:
    courses = [course("trial 1", 1), course("trial 2", 1), course("beep", 9), course("cue", 2)]
    assert worth_drawing(courses, ["stimulus", "cue"], 8) == ["cue", "beep"]
    assert worth_drawing(courses, ["trial 1"], 8) == ["trial 1", "beep", "cue"]
    assert worth_drawing(courses, ["trial 1"], 2) == ["trial 1", "beep"]
    assert worth_drawing(courses, ["cue", "beep", "trial 2"], 2) == ["cue", "beep", "trial 2"]


def recorded(folder: Path, markers: Sequence[str] = TRIALS) -> Path:
    """Record a run with one marker of the study file and those of stimulus software."""
    study = write_study(folder / "study")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "30"})
    desk.start("01", "1", "video", "calm")
    for analysis in made_up(5):
        desk.add(analysis, time.monotonic())  # not before the start
    desk.mark("stimulus", "key")
    for marker in markers:
        desk.mark(marker, "lsl")
    desk.close()
    return study


def test_trials_with_names_of_their_own_are_in_the_table_only(tmp_path: Path) -> None:
    report = make_study_report(select(recorded(tmp_path)))
    section = next(section for section in report.sections if section.anchor == "courses")
    (drawing,) = section.drawings
    assert drawing.title == "Around the marker stimulus"
    assert "Bands" not in drawing.caption  # of a single participant there are none
    assert "5 markers that are not of the study file" in section.paragraphs[0]
    (table,) = section.unshown
    assert {record["marker"] for record in table.records} == {
        "stimulus",
        *TRIALS,
    }


def test_a_long_marker_makes_no_long_file_name(tmp_path: Path) -> None:
    record = '{"trial": 1, "picture": "' + 60 * "face/" + '"}'
    page = write_study_report(recorded(tmp_path, [record, record]))
    names = sorted(path.name for path in page.parent.glob("course-*.svg"))
    assert names[0] == "course-1-stimulus.svg" and names[1].startswith("course-2--trial-1-picture")


def test_losses_are_told_in_words_and_in_full(tmp_path: Path) -> None:
    study = recorded(tmp_path)
    (place,) = runs_of(study)
    record = read_run_record(place.session)
    counts = Counts(frames=5, dropped_rows=2, dropped_depth=3)
    write_run_record(
        place.session, finished(record, RunState.COMPLETE, counts=counts, duration_s=2.0)
    )
    table = drops_table(load_runs(select(study)), "a test")
    shown = dict(zip(table.header, table.shown[0], strict=True))
    assert (shown["dropped"], shown["verdicts/s"]) == ("2 rows, 3 depth", "2.5")
    assert (table.records[0]["rows dropped"], table.records[0]["depth dropped"]) == (2, 3)
