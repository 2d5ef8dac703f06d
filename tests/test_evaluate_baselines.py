"""`fercore evaluate` with the other systems of Table 2 among its pipelines."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_faces import make_cache

from fercore.baselines.recipes import Landmarking
from fercore.baselines.store import BaselineStore, StoredRow, manifest_of
from fercore.caches.reading import read_index
from fercore.cli import main
from fercore.cli.evaluate import _slugs
from fercore.evaluation import workers
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
    assert "99.17% of 120 tested scans, 1 of them without a face" in capsys.readouterr().out
    entry = json.loads((run / "run.json").read_text())["pipelines"]["segments-svm"]
    assert entry["landmarks"] == "landmarks of the .bnd files"
    assert "fitted once more" in entry["selection"]["sentence"]

    before = (run / "predictions.tsv").read_bytes()
    next((run / "chunks").glob("segments-svm-003*")).unlink()
    assert evaluate(cache, run, "--pipelines", "depth,segments-svm", "--epochs", "1") == 0
    assert (run / "predictions.tsv").read_bytes().endswith(before.split(b"\n", 1)[1])

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
