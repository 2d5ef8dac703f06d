from pathlib import Path

import pytest
from study_fixtures import write_study

from fercore.errors import FercoreError
from fercore.study.participants import enrol, participants_of, read_participant
from fercore.study.study_file import load_study
from fercore.study.withdraw import withdraw


def test_participants_take_the_first_free_place(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s")
    study = load_study(folder)
    for label in ("10", "11", "12"):
        enrol(folder, study, label, {"age": "30"})
    withdraw(folder, "11")
    assert enrol(folder, study, "13", {"age": " 31 ", "hand": "left"}).position == 1
    assert [(p.label, p.position) for p in participants_of(folder)] == [
        ("10", 0),
        ("12", 2),
        ("13", 1),
    ]
    assert read_participant(folder, "13").answers == {"age": "31", "hand": "left"}


@pytest.mark.parametrize(
    ("label", "answers", "complaint"),
    [
        ("01", {"age": "3"}, "exists already"),
        ("1", {"age": "3"}, "could be mistaken"),
        ("0 2", {"age": "3"}, "no usable subject label"),
        ("02", {}, "`age` is required"),
        ("02", {"age": "  "}, "`age` is required"),
        ("02", {"age": "old"}, "`age` must be a whole number, not 'old'"),
        ("02", {"age": "3.5"}, "`age` must be a whole number"),
        ("02", {"age": "3", "hand": "both"}, "`hand` must be one of left, right"),
        ("02", {"age": "3", "name": "Ann"}, "`name` is no field"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    label: str, answers: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    folder = write_study(tmp_path / "s")
    study = load_study(folder)
    enrol(folder, study, "01", {"age": "30"})
    with pytest.raises(FercoreError, match=complaint):
        enrol(folder, study, label, answers)
    assert [p.label for p in participants_of(folder)] == ["01"]


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s")
    enrol(folder, load_study(folder), "01", {"age": "30"})
    path = folder / "sub-01" / "participant.json"
    path.write_text("{")
    with pytest.raises(FercoreError, match=r"participant\.json is no readable participant"):
        participants_of(folder)
    path.unlink()
    with pytest.raises(FercoreError, match="enrol the participant first"):
        read_participant(folder, "01")
