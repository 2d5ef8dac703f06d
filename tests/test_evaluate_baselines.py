"""`fercore evaluate` with the other systems of Table 2 among its pipelines."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import numpy as np
import pytest
from made_up_faces import make_cache
from made_up_runs import MadeUp, write_run

from fercore.baselines.recipes import BaselineRecipe, Landmarking
from fercore.baselines.store import BaselineStore, StoredRow, manifest_of
from fercore.caches.reading import read_index
from fercore.cli import main
from fercore.cli.evaluate import _slugs
from fercore.evaluation import workers
from fercore.evaluation.chunks import TOGETHER_ON_GPU, split_into_chunks
from fercore.expressions import EXPRESSIONS
from fercore.report.assembly import make_report, write_report

WITHOUT_FEATURES = 5  # row of the cache
EXACT, NOISY = Landmarking(), Landmarking("bnd", 1.5)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cache of ten subjects with features of two baselines, which tell the label."""
    cache = make_cache(tmp_path_factory.mktemp("baselines") / "cache", 10, 0)
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 1, (6, 96))
    names = [expression.value for expression in EXPRESSIONS]
    for landmarking in (EXACT, NOISY):
        store = BaselineStore.writable(
            cache, landmarking, manifest_of(cache, "segments-svm", landmarking, {})
        )
        for row in read_index(cache):
            label = names.index(row.expression)
            features = {"segments": (shift[label] + rng.normal(0, 0.3, 96)).astype(np.float32)}
            missing = row.row == WITHOUT_FEATURES
            line = StoredRow(row.row, row.scan, 0.1, "", "no face" if missing else "")
            store.append(line, None if missing else features)
    return cache


@pytest.fixture(autouse=True)
def in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit where the test runs: what processes do is tested with the networks."""
    monkeypatch.setattr(workers, "in_order", lambda work, jobs, _: map(work, jobs))


def evaluate(cache: Path, run: Path, *options: str) -> int:
    paths = ("--data", str(cache), "--output", str(run))
    few = ("--protocol", "holdout90", "--folds", "10", "--validation-subjects", "2")
    return main(["evaluate", *paths, *few, "--workers", "1", *options])


def rows(path: Path) -> list[dict[str, str]]:
    header, *lines = path.read_text().splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def test_a_baseline_is_a_pipeline_like_any_other(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert evaluate(cache, run, "--pipelines", "segments-svm") == 0
    predictions = rows(run / "predictions.tsv")
    assert len(predictions) == 120
    blank = [row for row in predictions if not row["p_anger"]]
    assert [int(row["row"]) for row in blank] == [WITHOUT_FEATURES]
    sums = [
        sum(float(row[f"p_{e.value}"]) for e in EXPRESSIONS)
        for row in predictions
        if row not in blank
    ]
    assert np.allclose(sums, 1, atol=1e-4)
    assert "99.17% of 120 tested scans, 1 of them without a verdict" in capsys.readouterr().out
    entry = json.loads((run / "run.json").read_text())["pipelines"]["segments-svm"]
    assert entry["landmarks"] == "landmarks of the .bnd files"
    assert "fitted once more" in entry["selection"]["sentence"]
    assert json.loads((run / "run.json").read_text()).get("selection") is None

    before = (run / "predictions.tsv").read_bytes()
    next((run / "chunks").glob("segments-svm-003*")).unlink()
    assert evaluate(cache, run, "--pipelines", "depth,segments-svm", "--epochs", "1") == 0
    assert (run / "predictions.tsv").read_bytes().endswith(before.split(b"\n", 1)[1])
    chosen = json.loads((run / "run.json").read_text())["pipelines"]
    assert chosen["segments-svm"]["selection"] == entry["selection"]
    assert chosen["depth"]["selection"]["figure"] == "validation_loss"

    assert evaluate(cache, run, "--pipelines", "segments-svm", "--landmark-noise", "1.5") == 2
    assert "settings or backbone of segments-svm, landmarks" in capsys.readouterr().err
    assert evaluate(cache, run, "--pipelines", "landmark-lda") == 2
    assert "no features of landmark-lda; run `fercore prepare" in capsys.readouterr().err

    write_report(make_report(run, pictures=False), run)
    table = rows(run / "report" / "table2.tsv")
    assert [(row["pipeline"], row["landmarks"]) for row in table] == [
        ("segments-svm", "landmarks of the .bnd files")
    ]
    assert float(table[0]["published_accuracy_bu3dfe"]) == pytest.approx(0.871)
    page = (run / "report" / "report.html").read_text()
    assert "Tang and Huang, FG 2008" in page and "landmarks of the .bnd files" in page
    assert [row["pipeline"] for row in rows(run / "report" / "table1.tsv")] == ["depth"]


@pytest.mark.parametrize(
    ("pipelines", "option", "kind"),
    [
        ("segments-svm", ("--epochs", "3"), "networks"),
        ("depth,segments-svm", ("--finetune", "all"), "networks with a backbone"),
        ("depth", ("--landmarks", "mediapipe"), "systems with landmarks"),
        ("depth,huynh-cnn", ("--landmark-noise", "1.5"), "systems with landmarks"),
        ("depth,segments-svm", ("--backbone-weights", "random"), "pipelines with a backbone"),
    ],
)
def test_an_option_that_concerns_no_pipeline_is_refused(
    pipelines: str,
    option: tuple[str, str],
    kind: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate(tmp_path, tmp_path / "run", "--pipelines", pipelines, *option) == 2
    said = f"{option[0]} is for {kind}, of which --pipelines has none; omit it."
    assert said in capsys.readouterr().err


def test_a_baseline_without_validation_subjects_needs_no_epochs(
    cache: Path, tmp_path: Path
) -> None:
    run, nobody = tmp_path / "run", ("--validation-subjects", "0")
    assert evaluate(cache, run, *nobody, "--pipelines", "segments-svm") == 0
    entry = json.loads((run / "run.json").read_text())["pipelines"]["segments-svm"]
    assert entry["selection"]["name"] == "the recipe's first"
    note = make_report(run, pictures=False).tables
    (table,) = [one for one in note if one.name == "table2"]
    assert "is not calibrated." in table.note and "networks" not in table.note


def test_table_2_says_whom_each_system_learned_from(tmp_path: Path) -> None:
    """The paper's protocol: 54 subjects for baselines, 48 of them for networks."""
    run = write_run(tmp_path / "run", MadeUp({"segments-svm": 0.7, "fusion-vgg19": 0.8}))
    path = run / "run.json"
    record = json.loads(path.read_text())
    for entry in record["pipelines"].values():
        entry["config"]["validation_subjects"] = 6
    path.write_text(json.dumps(record))
    (table,) = [one for one in make_report(run, pictures=False).tables if one.name == "table2"]
    assert "fitted on all training subjects, 6 more than networks train on." in table.note
    assert "Of networks (fusion-vgg19): 6 of the training subjects" in table.note


@dataclass(frozen=True)
class Job:
    """A chunk as far as workers look at it."""

    name: str
    trains: bool
    source: str = "inputs"


JOBS = [Job("depth-0", True), Job("segments-svm-0", False), Job("segments-svm-1", False)]


def test_a_gpu_is_for_networks_and_processes_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: dict[str, str] = {}
    monkeypatch.setattr(workers.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(workers, "_run_and_store", lambda _, job: ran.setdefault(job.name, "here"))
    monkeypatch.setattr(
        workers, "in_order", lambda _, jobs, n: [ran.setdefault(j.name, f"{n} tasks") for j in jobs]
    )
    assert len(list(workers._run_locally(Path(), 2, cast("Any", JOBS)))) == 3
    assert ran == {"depth-0": "here", "segments-svm-0": "2 tasks", "segments-svm-1": "2 tasks"}


def test_a_cluster_reserves_gpus_for_networks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = Mock()
    ray.cluster_resources.return_value = {"GPU": 1.0}
    asked, remote = ray.remote.return_value.options, iter(range(3))
    asked.return_value.remote.side_effect = lambda *_: next(remote)
    ray.wait.side_effect = lambda references: (references[:1], references[1:])
    monkeypatch.setattr(workers, "load", lambda source: source)
    monkeypatch.setattr(workers, "_store_result", lambda *_: "")
    assert len(list(workers._run_on_ray(ray, Path(), cast("Any", JOBS)))) == 3
    assert [call.kwargs["num_gpus"] for call in asked.call_args_list] == [1, 0, 0]


def test_a_chunk_holds_one_fold_of_a_baseline_wherever_it_runs() -> None:
    recipe, tasks = BaselineRecipe("segments-svm"), cast("Any", range(10))
    assert len(split_into_chunks(recipe, cast("Any", None), tasks, TOGETHER_ON_GPU)) == 10


def test_words_stand_for_several_pipelines() -> None:
    assert len(_slugs("all")) == 7
    assert (
        _slugs("table2")[:2] == ("fusion-resnet50", "fusion-vgg19") and len(_slugs("table2")) == 8
    )
    assert set(_slugs("table2+")) - set(_slugs("table2")) == {
        "huynh-cnn",
        "landmark-lda",
        "maps-vit-svm",
    }
    assert _slugs("segments-svm,depth") == ("depth", "segments-svm")
