"""A run's files are read, and every defect of theirs is one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_runs import MadeUp, stress_json, write_json, write_run, write_stress

from fercore.errors import FercoreError
from fercore.report.progress import progress, setting
from fercore.report.reading import read_run

SMALL = MadeUp({"depth": 0.7, "rgb-resnet50": 0.6})
GAIN = {("gain", "stops"): {-1: (0.5, 0.5, 0.5), 0: (0.75, 0.75, 0.75)}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", SMALL)


def refused(run: Path) -> str:
    with pytest.raises(FercoreError) as caught:
        read_run(run)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert str(run) in message
    return message


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_whole_run(run: Path) -> None:
    evaluation = read_run(run).evaluation
    assert evaluation is not None
    assert len(evaluation.predictions) == 2 * 20 * 12
    assert evaluation.predictions.probabilities.sum(1) == pytest.approx(1, abs=1e-5)
    assert len(evaluation.splits) == 10
    assert all(len(split.test) == 2 for split in evaluation.splits.values())
    assert all(len(split.learning) == 18 for split in evaluation.splits.values())
    assert evaluation.curves is not None and evaluation.curves.best.sum() == 20
    assert evaluation.timings is not None and evaluation.timings.seconds.sum() == 220
    assert progress(evaluation).complete
    assert setting(evaluation.description) == (
        "SYNTHETIC DATA: faces: 20 synthetic subjects, 240 scans · fixed60, 10 folds · "
        "levels 3 and 4 · ResNet50 from FER2013, ImageNet layers 1–3"
    )


def test_an_unfinished_run(run: Path) -> None:
    lines = (run / "predictions.tsv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(("rgb-resnet50\t3", "depth\t"))]
    (run / "predictions.tsv").write_text("".join(kept))
    evaluation = read_run(run).evaluation
    assert evaluation is not None
    state = progress(evaluation)
    assert not state.complete
    assert state.sentence == (
        "Unfinished: 9 of 20 experiments are there (depth 0 of 10; rgb-resnet50 9 of 10)."
    )


def test_subjects_without_a_usable_scan_are_counted(run: Path) -> None:
    lines = (run / "predictions.tsv").read_text().splitlines(keepends=True)
    (run / "predictions.tsv").write_text("".join(x for x in lines if "\tF9001\t" not in x))
    evaluation = read_run(run).evaluation
    assert evaluation is not None
    assert progress(evaluation).subjects_left_out == 1


@pytest.mark.parametrize("name", ["run.json", "splits.tsv", "predictions.tsv"])
def test_missing(run: Path, name: str) -> None:
    (run / name).unlink()
    assert f"{name} is missing; run `fercore evaluate` first" in refused(run)


@pytest.mark.parametrize("name", ["curves.tsv", "timings.tsv"])
def test_curves_and_timings_may_be_missing(run: Path, name: str) -> None:
    (run / name).unlink()
    evaluation = read_run(run).evaluation
    assert evaluation is not None
    assert getattr(evaluation, name.removesuffix(".tsv")) is None


TABLES = ("splits.tsv", "predictions.tsv", "curves.tsv", "timings.tsv")


@pytest.mark.parametrize("name", ["run.json", *TABLES])
def test_empty_or_no_text(run: Path, name: str) -> None:
    (run / name).write_bytes(b"")
    assert f"{name} is empty" in refused(run)
    (run / name).write_bytes(b"\xff\xfe\x00" * 30)
    assert "no text" in refused(run)
    (run / name).unlink()
    (run / name).mkdir()
    assert f"{name} cannot be read" in refused(run)


@pytest.mark.parametrize("name", TABLES)
def test_cut_off_or_of_other_columns(run: Path, name: str) -> None:
    whole = (run / name).read_text()
    (run / name).write_text(whole[: len(whole) // 2].rstrip("\n"))
    assert "its last line is cut off" in refused(run)
    (run / name).write_text(whole + "one\ttoo\tfew\t\n")
    assert "cells, not" in refused(run)
    (run / name).write_text(whole.replace("\t", "\tmore\t", 1))
    assert "does not name the columns" in refused(run)


def test_no_prediction_yet(run: Path) -> None:
    lines = (run / "predictions.tsv").read_text().splitlines(keepends=True)
    (run / "predictions.tsv").write_text(lines[0])
    assert "holds no prediction yet" in refused(run)


def first_line(run: Path) -> list[str]:
    return (run / "predictions.tsv").read_text().splitlines()[1].split("\t")


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        (0, "depht", "line 2: pipeline 'depht' is none of depth, rgb-resnet50"),
        (1, "first", "line 2: experiment 'first' is no number"),
        (1, "-1", "line 2: experiment '-1' is below 0"),
        (2, "", "line 2 has no usable subject"),
        (3, "contempt", "line 2: expression 'contempt' is none of anger"),
        (6, "99999999999999999999", "a row is too large"),
        (7, "nan", "line 2: p_anger 'nan' is not finite"),
        (7, "much", "line 2: p_anger 'much' is no number"),
        (7, "0.999999", "the probabilities of line 2 do not add up to 1"),
        (7, "-0.5", "the probabilities of line 2 do not add up to 1"),
    ],
)
def test_a_damaged_cell(run: Path, column: int, value: str, complaint: str) -> None:
    cells = first_line(run)
    broken = [*cells[:column], value, *cells[column + 1 :]]
    edit(run / "predictions.tsv", "\t".join(cells), "\t".join(broken))
    assert complaint in refused(run)


def test_a_subject_that_trained_must_not_test(run: Path) -> None:
    cells = first_line(run)
    other = [cells[0], str((int(cells[1]) + 1) % 10), *cells[2:]]
    edit(run / "predictions.tsv", "\t".join(cells), "\t".join(other))
    assert "splits.tsv does not let it test" in refused(run)
    edit(run / "splits.tsv", "\ttest\n", "\ttrain\n")
    assert "splits.tsv does not let it test" in refused(run)


def test_a_subject_on_both_sides(run: Path) -> None:
    text = (run / "splits.tsv").read_text()
    number, subject, _ = next(x for x in text.splitlines() if x.endswith("\ttest")).split("\t")
    (run / "splits.tsv").write_text(text + f"{number}\t{subject}\tvalidation\n")
    assert f"trains and tests on {subject}" in refused(run)


def test_an_experiment_without_test_subjects(run: Path) -> None:
    text = (run / "splits.tsv").read_text()
    (run / "splits.tsv").write_text(text + "10\tF9001\ttrain\n")
    assert "experiment 10 has no subjects to train or none to test" in refused(run)


def test_a_sample_predicted_twice(run: Path) -> None:
    line = "\t".join(first_line(run)) + "\n"
    edit(run / "predictions.tsv", line, line + line)
    assert "predicts a sample twice" in refused(run)


def test_a_row_with_two_labels(run: Path) -> None:
    cells = first_line(run)
    other = [*cells[:4], "4" if cells[4] == "3" else "3", *cells[5:]]
    edit(run / "predictions.tsv", "\t".join(cells), "\t".join(other))
    assert "a row of the cache has two labels" in refused(run)


def test_a_diverged_training_is_no_damage(run: Path) -> None:
    lines = (run / "curves.tsv").read_text().splitlines(keepends=True)
    cells = lines[1].split("\t")
    lines[1] = "\t".join([*cells[:3], "nan", "inf", *cells[5:]])
    (run / "curves.tsv").write_text("".join(lines))
    evaluation = read_run(run).evaluation
    assert evaluation is not None and evaluation.curves is not None
    assert np.isnan(evaluation.curves.train_loss[0])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "has format 2, this version reads 1"),
        ({"synthetic": "no"}, "`synthetic` must be true or false, not 'no'"),
        ({"dataset": " \n"}, "`dataset` is empty"),
        ({"pipelines": {}}, "`pipelines` must hold at least 1"),
        (
            {"pipelines": {"depth": {"backbone_start": "none"}}},
            "pipelines: depth: `finetune` is missing",
        ),
        ({"versions": None}, "`versions` must be a table of values, not None"),
    ],
)
def test_a_damaged_description(run: Path, change: dict[str, object], complaint: str) -> None:
    content = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", {**content, **change})
    assert complaint in refused(run)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"levels": [3, 5]}, "levels [3, 5] are not from 1 to 4"),
        ({"name": "loo"}, "unknown protocol 'loo'"),
        ({"folds": None}, "give either"),
        ({"split_seed": 1.5}, "protocol: `split_seed` must be a whole number, not 1.5"),
    ],
)
def test_a_damaged_protocol(run: Path, change: dict[str, object], complaint: str) -> None:
    content = json.loads((run / "run.json").read_text())
    content["protocol"] |= change
    write_json(run / "run.json", content)
    assert complaint in refused(run)


@pytest.mark.parametrize("text", ["{", "[]", "null"])
def test_a_description_that_is_no_table(run: Path, text: str) -> None:
    (run / "run.json").write_text(text)
    assert "run.json is damaged" in refused(run)


def test_no_run(tmp_path: Path) -> None:
    assert "holds neither run.json nor stress.tsv" in refused(tmp_path)
    assert "is no folder" in refused(tmp_path / "absent")


class TestStress:
    def test_alone(self, tmp_path: Path) -> None:
        run = read_run(write_stress(tmp_path, GAIN))
        assert run.evaluation is None
        assert run.stress is not None
        assert len(run.stress.severities) == 2 * 3 * 12
        assert run.stress.description.levels == (3, 4)
        assert run.stress.description.view == "f2d"

    def test_without_unit_levels_and_view(self, tmp_path: Path) -> None:
        write_stress(tmp_path, {("gain", ""): GAIN["gain", "stops"]})
        content = stress_json(("fusion-resnet50",))
        del content["levels"], content["view"]
        write_json(tmp_path / "stress.json", content)
        stress = read_run(tmp_path).stress
        assert stress is not None
        assert (set(stress.units), stress.description.levels) == ({""}, ())

    def test_without_its_description(self, tmp_path: Path) -> None:
        write_stress(tmp_path, GAIN)
        (tmp_path / "stress.json").unlink()
        assert "stress.json is missing; run `fercore stress` first" in refused(tmp_path)

    def test_weights_without_checksum(self, tmp_path: Path) -> None:
        write_stress(tmp_path, GAIN)
        edit(tmp_path / "stress.json", '"sha256"', '"md5"')
        assert "weights 1: `sha256` is missing" in refused(tmp_path)

    @pytest.mark.parametrize("entry", [3, {}, {"perturbation": "yaw", "severity": None}])
    def test_faces_not_found_that_are_no_entries(self, tmp_path: Path, entry: object) -> None:
        write_stress(tmp_path, GAIN)
        content = stress_json(("fusion-resnet50",)) | {"faces_not_found": [entry]}
        write_json(tmp_path / "stress.json", content)
        assert "faces_not_found" in refused(tmp_path)

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            ("\t12\t", "\t5\t", "more correct answers than samples"),
            ("\t12\t", "\t0\t", "samples '0' is below 1"),
            ("\tfusion\t", "\tears\t", "head 'ears' is none of fusion, rgb, depth"),
            ("\t-1\t", "\tdark\t", "severity 'dark' is no number"),
            ("F9001", "F9002", "is measured twice"),
            ("F9001", "F9999", "different subjects"),
        ],
    )
    def test_damaged(self, tmp_path: Path, old: str, new: str, complaint: str) -> None:
        write_stress(tmp_path, GAIN)
        edit(tmp_path / "stress.tsv", old, new)
        assert complaint in refused(tmp_path)

    def test_empty_or_nothing_measured(self, tmp_path: Path) -> None:
        write_stress(tmp_path, GAIN)
        header = (tmp_path / "stress.tsv").read_text().splitlines(keepends=True)[0]
        (tmp_path / "stress.tsv").write_text(header)
        assert "holds no measurement" in refused(tmp_path)
        (tmp_path / "stress.tsv").write_text("")
        assert "is empty" in refused(tmp_path)
