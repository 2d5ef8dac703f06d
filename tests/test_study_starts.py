"""What a run needs before it starts: a known task, green checks, a baseline."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from app_doubles import analysis_of, sample_frame
from study_fixtures import equipment, made_up, no_faces, open_desk, write_study

from app.study.desk import Desk
from fercore.errors import FercoreError
from fercore.study.baseline import save_baseline
from fercore.study.events import read_events
from fercore.study.layout import run_place
from fercore.study.participants import enrol
from fercore.study.predictions import read_predictions
from fercore.study.recover import recover
from fercore.study.run_files import Check, Weights, read_run_record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("02", "1", "video", "calm"), "enrol the participant first"),
        (("01", "1", "rest", "calm"), "'rest' is no task of the study; take video"),
        (("01", "1", "video", "sad"), "'sad' is no condition of the study; take calm, happy"),
        (("01", "1_2", "video", "calm"), "no usable session label"),
    ],
)
def test_a_run_that_the_study_does_not_know_does_not_start(
    arguments: tuple[str, str, str, str], complaint: str, tmp_path: Path
) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    with pytest.raises(FercoreError, match=complaint):
        desk.start(*arguments)
    assert not list(study.glob("sub-01/ses-*"))


def test_the_checklist_is_green_or_overridden_with_a_reason(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    red = Check("light", False, "mean 31 of 255")
    with pytest.raises(FercoreError, match=r"light: mean 31 of 255; mend it or give a reason"):
        desk.start("01", "1", "video", "calm", [red])
    overridden = Check("light", False, "mean 31 of 255", "night condition")
    name = desk.start("01", "1", "video", "calm", [overridden, Check("disk", True, "80 GB")])
    desk.close()
    place = run_place(study, name)
    assert read_run_record(place.session).checklist[0] == overridden
    assert "light overridden: night condition" in [e.name for e in read_events(place.events)]


def test_a_study_with_baseline_needs_one_and_logs_corrected_values(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s", baseline=True)
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    with pytest.raises(FercoreError, match="record the baseline first"):
        desk.start("01", "1", "video", "calm")
    desk.baseline.begin()
    for number, analysis in enumerate(made_up(30)):
        desk.add(analysis, number / 30)
    desk.baseline.finish("01", "1")
    with pytest.raises(FercoreError, match="No baseline was begun"):
        desk.baseline.finish("01", "1")
    name = desk.start("01", "1", "video", "calm")
    desk.add(made_up(1)[0], time.monotonic())
    desk.close()
    place = run_place(study, name)
    assert read_predictions(place.predictions).corrected[0, 0, :6] == pytest.approx(1 / 6, abs=1e-5)
    stored = json.loads(place.session.read_text())["baseline"]
    assert "l' = l" in stored["formula"]
    assert read_run_record(place.session).baseline is not None


def test_a_baseline_corrects_those_networks_alone_that_it_was_taken_with(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s", baseline=True)
    now = [equipment()]
    desk = Desk(study, lambda: now[0], no_faces)
    enrol(study, desk.study, "01", {"age": "3"})
    desk.baseline.begin()
    now[0] = replace(equipment(), weights=(Weights("fusion-vgg19", "1" * 64),))
    for number, analysis in enumerate(made_up(30)):
        desk.add(analysis, number / 30)
    stored = desk.baseline.finish("01", "1")
    assert stored.weights == ("0" * 64,)  # of those that judged from the start
    with pytest.raises(FercoreError, match=r"taken with other networks than judge now; record"):
        desk.start("01", "1", "video", "calm")
    now[0] = equipment()
    name = desk.start("01", "1", "video", "calm")
    desk.close()
    record = read_run_record(run_place(study, name).session)
    assert record.baseline == stored
    path = run_place(study, name).session
    old = json.loads(path.read_text())
    del old["baseline"]["weights"]
    path.write_text(json.dumps(old))
    assert read_run_record(path).baseline == replace(stored, weights=())
    save_baseline(path.parent.parent / "baseline.json", replace(stored, weights=()))
    with pytest.raises(FercoreError, match=r"taken with unknown networks; record"):
        desk.start("01", "1", "video", "calm")


def test_a_run_in_progress_is_left_alone(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    name = desk.start("01", "1", "video", "calm")
    with pytest.raises(FercoreError, match="is being recorded at present"):
        recover(run_place(study, name))
    with pytest.raises(FercoreError, match="A run is being recorded"):
        desk.start("01", "1", "video", "calm")
    desk.close()
    desk.close()
    assert not recover(run_place(study, name)).needed


def test_frames_from_before_the_start_are_not_part_of_the_run(tmp_path: Path) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    before_s = time.monotonic()
    name = desk.start("01", "1", "video", "calm")
    desk.add(made_up(1)[0], before_s)
    desk.add(made_up(1)[0], time.monotonic())
    desk.close()
    assert len(read_predictions(run_place(study, name).predictions)) == 1


def test_a_run_may_be_stopped_while_another_thread_looks_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = write_study(tmp_path / "s")
    desk = open_desk(study)
    enrol(study, desk.study, "01", {"age": "3"})
    desk.start("01", "1", "video", "calm")
    run = desk._recording
    looks = [
        lambda: desk.recording,
        lambda: desk.progress() is not None,
        lambda: desk.note("well") is None,
        lambda: desk.mark("stimulus", "key").name == "stimulus",
        lambda: desk.keep_recording() is False,
        lambda: desk.add(analysis_of(sample_frame(0)), time.monotonic()) is None,
    ]
    for look in looks:
        there = [run]  # at the first look only
        gone = property(lambda _, there=there: there.pop() if there else None)
        with monkeypatch.context() as patch:
            patch.setattr(Desk, "_recording", gone, raising=False)
            assert look()
    desk.close()
