"""`fercore evaluate` on made-up caches: resumable, and the same tables however it went."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupting import interrupted_after
from made_up_faces import make_cache
from safetensors.torch import save_file

from fercore.cli import main
from fercore.cli.evaluate import _backbone_file
from fercore.errors import FercoreError
from fercore.evaluation.chunks import Chunk, run_chunk
from fercore.evaluation.data import (
    assign_roles,
    compute_inputs,
    fold_tasks,
    load_inputs,
    locate_inputs,
    read_data,
)
from fercore.evaluation.protocol import Protocol, draw_folds
from fercore.expressions import EXPRESSIONS
from fercore.networks.preprocessing import Preprocessing
from fercore.runtime.files import sole_user
from fercore.training.config import TrainingConfig
from fercore.training.stacked import StackedFolds

PARAMETERS = Preprocessing(rgb_size=32)
TABLES = ("predictions.tsv", "curves.tsv", "splits.tsv")
FEW = ("--protocol", "holdout90", "--experiments", "3", "--epochs", "1")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cache(tmp_path_factory.mktemp("evaluate") / "cache", 12, 0, PARAMETERS)


def command(cache: Path, run: Path, *options: str, pipelines: str = "rgb-resnet50") -> list[str]:
    paths = ["--data", str(cache), "--output", str(run), "--pipelines", pipelines]
    start = [] if pipelines == "depth" else ["--backbone-weights", "random"]
    return ["evaluate", *paths, *start, *(options or FEW)]


def evaluate(cache: Path, run: Path, *options: str, pipelines: str = "rgb-resnet50") -> int:
    return main(command(cache, run, *options, pipelines=pipelines))


def tables(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in TABLES]


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


@pytest.fixture(scope="module")
def finished(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    assert evaluate(cache, run) == 0
    return run


def test_every_test_face_of_every_experiment_is_predicted(finished: Path) -> None:
    predictions = rows(finished / "predictions.tsv")
    assert len(predictions) == 3 * 12  # 3 experiments, one subject of twelve, 12 faces
    splits = rows(finished / "splits.tsv")
    for k in range(3):
        roles = {s["subject"]: s["role"] for s in splits if s["experiment"] == str(k)}
        assert sorted(roles.values()) == ["test"] + ["train"] * 5 + ["validation"] * 6
        mine = [p for p in predictions if p["experiment"] == str(k)]
        assert {roles[p["subject"]] for p in mine} == {"test"}
        assert {p["level"] for p in mine} == {"3", "4"}
    for p in predictions:
        assert sum(float(p[f"p_{e.value}"]) for e in EXPRESSIONS) == pytest.approx(1, abs=1e-4)


def test_scans_without_a_face_are_tested_and_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One subject of twelve is tested: it has no face at all; another has one too few."""
    parts = {"faceless": range(12), "whole": ()}
    for name, faceless in parts.items():
        cache = make_cache(tmp_path / name / "cache", 12, 0, PARAMETERS, faceless=(*faceless, 15))
        options = ("--protocol", "holdout90", "--folds", "10", "--epochs", "1")
        assert evaluate(cache, tmp_path / name / "run", *options, pipelines="depth") == 0
        assert len(rows(tmp_path / name / "run" / "predictions.tsv")) == 12 * 12
    printed = capsys.readouterr().out
    assert "of 144 tested scans, 13 of them without a verdict" in printed
    assert "of 144 tested scans, 1 of them without a verdict" in printed
    run = tmp_path / "faceless" / "run"
    lost = [p for p in rows(run / "predictions.tsv") if not p["p_anger"]]
    assert sorted(int(p["row"]) for p in lost) == [*range(12), 15]
    assert main(["report", str(run), "--no-thumbnails"]) == 0
    (row,) = rows(run / "report" / "table1.tsv")
    assert (row["predictions"], row["without_verdict"], row["subjects"]) == ("144", "13", "12")
    assert "144, 13 without a verdict" in (run / "report" / "table1.md").read_text()


def test_all_training_subjects_can_train_for_a_fixed_number_of_epochs(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    nobody = ("--protocol", "holdout90", "--experiments", "1", "--validation-subjects", "0")
    assert evaluate(cache, run, *nobody, pipelines="depth") == 2
    assert "fix it by --epochs N" in capsys.readouterr().err
    assert evaluate(cache, run, *nobody, "--epochs", "3", pipelines="depth") == 0
    roles = [row["role"] for row in rows(run / "splits.tsv")]
    assert (roles.count("train"), roles.count("validation"), roles.count("test")) == (11, 0, 1)
    assert [row["best"] for row in rows(run / "curves.tsv")] == ["0", "0", "1"]
    record = json.loads((run / "run.json").read_text())
    assert record["pipelines"]["depth"]["selection"]["name"] == "last epoch"
    assert main(["report", str(run), "--no-thumbnails"]) == 0
    note = (run / "report" / "table1.md").read_text()
    assert "for a number of epochs fixed beforehand (3): nobody is held out" in note


def test_the_run_says_what_made_it(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert record["synthetic"] is True
    assert record["pipelines"]["rgb-resnet50"]["config"]["precision"] == "float32"
    assert record["protocol"]["name"] == "holdout90"
    assert (record["protocol"]["folds"], record["protocol"]["experiments"]) == (None, 3)
    pipeline = record["pipelines"]["rgb-resnet50"]
    assert (pipeline["backbone_start"], pipeline["finetune"]) == ("random (He)", "none")
    assert pipeline["selection"]["figure"] == "validation_loss"
    assert pipeline["selection"]["name"] == "lowest validation loss of its own head"
    assert "selection" not in record
    assert pipeline["config"]["epochs"] == 1
    assert "torch" in record["versions"]


def test_rows_of_the_cache_are_named(finished: Path, cache: Path) -> None:
    index = rows(cache / "index.tsv")
    for p in rows(finished / "predictions.tsv"):
        scan = index[int(p["row"])]
        assert (scan["subject"], scan["expression"]) == (p["subject"], p["expression"])


def test_a_finished_run_is_left_alone(finished: Path, cache: Path) -> None:
    before = tables(finished)
    stamps = [p.stat().st_mtime_ns for p in (finished / "chunks").iterdir()]
    assert evaluate(cache, finished) == 0
    assert tables(finished) == before
    assert [p.stat().st_mtime_ns for p in (finished / "chunks").iterdir()] == stamps


def test_lost_and_damaged_chunks_are_made_again(finished: Path, cache: Path) -> None:
    before = tables(finished)
    first, second, _ = sorted((finished / "chunks").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    assert evaluate(cache, finished) == 0
    assert tables(finished) == before


def test_a_killed_run_goes_on_and_ends_with_the_same_tables(
    finished: Path, cache: Path, tmp_path: Path
) -> None:
    run = tmp_path / "killed"
    arguments = [*command(cache, run), "--pipelines", "rgb-resnet50"]
    with subprocess.Popen(
        [sys.executable, "-m", "fercore.cli", *arguments], start_new_session=True
    ) as process:
        deadline = time.monotonic() + 120
        while not list(run.glob("chunks/*.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    assert 1 <= len(list(run.glob("chunks/*.json"))) <= 3
    assert evaluate(cache, run) == 0
    assert tables(run) == tables(finished)


def test_an_interrupted_chunk_goes_on_at_its_step(cache: Path, tmp_path: Path) -> None:
    config = TrainingConfig("depth", epochs=2, batch_size=20)
    data = read_data(cache, (3, 4))
    (fold,) = draw_folds(Protocol("holdout90", None, 1), data.subjects)
    tasks = fold_tasks(data, [assign_roles(fold, 6, 0)])
    source = locate_inputs(config, data, tmp_path)
    compute_inputs(config, data, source)
    chunk, inputs = Chunk(config, source, tuple(tasks)), load_inputs(source)
    with interrupted_after(4, StackedFolds), pytest.raises(KeyboardInterrupt):  # an epoch has 3
        run_chunk(chunk, inputs, tmp_path)
    assert len(list(tmp_path.glob("depth-000-000-*.pt"))) == 1
    (resumed,), (whole,) = run_chunk(chunk, inputs, tmp_path).folds, run_chunk(chunk, inputs).folds
    assert np.array_equal(resumed.probabilities, whole.probabilities)
    assert resumed.curve == whole.curve


def test_a_chunk_that_cannot_be_read_is_kept(
    finished: Path, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted((finished / "chunks").iterdir())

    def read_bytes(path: Path) -> bytes:
        if path.parent.name == "chunks":
            raise OSError(errno.EIO, "Input/output error", str(path))
        with path.open("rb") as file:
            return file.read()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read_bytes)
        assert evaluate(cache, finished) == 2
    assert "cannot be read (Input/output error)" in capsys.readouterr().err
    assert sorted((finished / "chunks").iterdir()) == before


def test_a_training_that_fails_leaves_the_others_running(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An enormous learning rate diverges; what was finished before is kept and in the tables."""
    run = tmp_path / "run"
    options = ("--protocol", "holdout90", "--experiments", "2", "--epochs", "1")
    assert evaluate(cache, run, *options, pipelines="depth") == 0
    assert evaluate(cache, run, *options, "--learning-rate", "1e30") == 2
    shown = capsys.readouterr().err
    assert "rgb-resnet50-000-000: training diverged" in shown
    assert "(and 1 more)" in shown
    assert {p["pipeline"] for p in rows(run / "predictions.tsv")} == {"depth"}


def test_other_faces_under_the_same_name_are_refused(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, twin = tmp_path / "run", make_cache(tmp_path / "twin" / "cache", 12, 1, PARAMETERS)
    assert evaluate(cache, run, pipelines="depth") == 0
    assert evaluate(twin, run) == 2
    assert "other faces_sha256" in capsys.readouterr().err


def test_two_runs_never_share_a_folder(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with sole_user(run):
        assert evaluate(cache, run) == 2
    assert "in use by another process" in capsys.readouterr().err
    assert [path.name for path in run.iterdir()] == [".lock"]


def test_what_continued_a_run_is_noted_beside_what_began_it(cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ("--protocol", "holdout90", "--experiments", "1", "--epochs", "1")
    assert evaluate(cache, run, *options, pipelines="depth") == 0
    path = run / "run.json"
    record = json.loads(path.read_text())
    earlier = {**record, "command": "fercore evaluate elsewhere", "selection": {"name": "once"}}
    del earlier["pipelines"]["depth"]["selection"]  # runs once said it for all pipelines at once
    path.write_text(json.dumps(earlier))
    assert evaluate(cache, run, *options, pipelines="depth") == 0
    joined = json.loads(path.read_text())
    assert joined["command"] == "fercore evaluate elsewhere"
    assert "selection" not in joined and joined["pipelines"]["depth"]["selection"]
    assert [one["command"] for one in joined["continued_by"]] == [record["command"]]


def test_files_and_words_may_stand_together(tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, weights)
    assert _backbone_file("fusion-resnet50", ["random", str(weights)]) == str(weights)
    assert _backbone_file("rgb-vgg19", ["random", str(weights)]) == "random"
    with pytest.raises(FercoreError, match="no file of vgg19"):
        _backbone_file("rgb-vgg19", [str(weights)])


def test_pipelines_can_be_added_and_keep_the_tables_order(cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ("--protocol", "holdout90", "--experiments", "1", "--epochs", "1")
    assert evaluate(cache, run, *options) == 0
    assert evaluate(cache, run, *options, pipelines="depth,fusion-resnet50") == 0
    slugs = [p["pipeline"] for p in rows(run / "predictions.tsv")]
    assert list(dict.fromkeys(slugs)) == ["depth", "rgb-resnet50", "fusion-resnet50"]
    record = json.loads((run / "run.json").read_text())
    assert set(record["pipelines"]) == set(slugs)
    assert len(list((run / "features").glob("rgb-resnet50-none-*.frozen.npy"))) == 1  # shared


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--protocol", "holdout90", "--experiments", "4", "--epochs", "1"), "other protocol"),
        ((*FEW[:4], "--epochs", "2"), "other settings or backbone of rgb-resnet50"),
        (("--protocol", "fixed60"), "needs 60 subjects"),
        (("--protocol", "random60", "--folds", "10"), "give --experiments"),
        ((*FEW, "--address", "head:6379"), "add --engine ray"),
        ((*FEW, "--workers", "0"), "--workers must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_and_harms_nothing(
    options: tuple[str, ...],
    message: str,
    finished: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = tables(finished)
    assert evaluate(cache, finished, *options) == 2
    assert message in capsys.readouterr().err
    assert tables(finished) == before


def test_unknown_pipelines_and_missing_backbones_are_named(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(cache, tmp_path, pipelines="depth,wide") == 2
    assert "unknown pipeline 'wide'" in capsys.readouterr().err
    missing = [*command(cache, tmp_path), "--pipelines", "rgb-resnet50"]
    missing[missing.index("random")] = str(tmp_path / "nowhere.safetensors")
    assert main(missing) == 2
    assert "does not exist" in capsys.readouterr().err
