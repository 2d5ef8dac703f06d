from pathlib import Path

import pytest
from study_fixtures import write_study

from fercore.errors import FercoreError
from fercore.study.layout import (
    RunName,
    create_run,
    next_run,
    require_label,
    require_run,
    run_place,
    runs_of,
    subjects_of,
)


@pytest.mark.parametrize("label", ["01", "A", "pilot3", "x" * 32])
def test_letters_and_digits_are_labels(label: str) -> None:
    assert require_label(label, "subject") == label


@pytest.mark.parametrize("label", ["", "a-b", "a_b", "../x", "é", "a b", "x" * 33, "a\n", "a/b"])
def test_anything_else_is_refused_in_one_sentence(label: str) -> None:
    with pytest.raises(FercoreError, match="is no usable subject label; use 1 to 32"):
        require_label(label, "subject")


def test_names_follow_bids_and_can_be_read_back(tmp_path: Path) -> None:
    name = RunName("01", "morning", "video", 3)
    assert name.stem == "sub-01_ses-morning_task-video_run-03"
    assert RunName.parse(name.stem) == name
    assert run_place(tmp_path, name).folder == tmp_path / "sub-01/ses-morning" / name.stem
    assert RunName.parse("sub-01_task-video") is None
    assert RunName.parse("sub-01_ses-1_task-video_run-00") is None
    with pytest.raises(FercoreError, match="count runs from 1"):
        RunName("01", "1", "video", 0)


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    name = RunName("01", "1", "video", 1)
    place = create_run(tmp_path, name)
    (place.folder / "predictions.tsv").write_text("precious")
    with pytest.raises(FercoreError, match="exists already and is not overwritten"):
        create_run(tmp_path, name)
    assert place.predictions.read_text() == "precious"


@pytest.mark.parametrize("task", ["VIDEO", "vIdeo"])
def test_names_that_differ_in_case_only_are_refused(task: str, tmp_path: Path) -> None:
    create_run(tmp_path, RunName("01", "1", "video", 1))
    with pytest.raises(FercoreError, match="could be mistaken"):
        create_run(tmp_path, RunName("01", "1", task, 1))


def test_runs_are_counted_by_task(tmp_path: Path) -> None:
    assert next_run(tmp_path, "01", "1", "video") == 1
    create_run(tmp_path, RunName("01", "1", "video", 1))
    create_run(tmp_path, RunName("01", "1", "video", 4))
    assert next_run(tmp_path, "01", "1", "video") == 5
    assert next_run(tmp_path, "01", "1", "rest") == 1


def test_a_study_lists_its_runs_and_nothing_else(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    names = [RunName("02", "1", "video", 1), RunName("01", "1", "video", 1)]
    for name in names:
        create_run(study, name).session.write_text("{}")
    create_run(study, RunName("01", "1", "video", 2)).lock.write_text("")  # killed at once
    (study / "sub-01" / "ses-1" / "notes").mkdir()
    (study / "sub-x_y").mkdir()
    (study / "sub-03" / "ses-1" / "sub-03_ses-2_task-video_run-01").mkdir(parents=True)
    assert [place.folder.name for place in runs_of(study)] == sorted(n.stem for n in names)
    assert subjects_of(study) == ["01", "02", "03"]
    with pytest.raises(FercoreError, match=r"holds no study\.toml"):
        runs_of(tmp_path)


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FercoreError, match="does not exist"):
        require_run(tmp_path / "nowhere")
    with pytest.raises(FercoreError, match="is not named like a run"):
        require_run(tmp_path)
