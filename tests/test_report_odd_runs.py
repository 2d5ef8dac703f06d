"""`fercore report` on runs that are unfinished, incomplete, continued or oddly named."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from made_up_runs import MadeUp, page_of, table_of, write_json, write_run

from fercore.cli import main


def test_an_unfinished_run_is_said_so_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path, MadeUp({"depth": 0.7, "rgb-vgg19": 0.6}, levels=(4,)))
    lines = (run / "predictions.tsv").read_text().splitlines(keepends=True)
    (run / "predictions.tsv").write_text("".join(x for x in lines if not x.startswith("rgb")))
    assert main(["report", str(run)]) == 0
    assert "Unfinished: 10 of 20 experiments" in capsys.readouterr().out
    page = page_of(run)
    assert 'role="alert">Unfinished: 10 of 20' in page
    assert "0 of 10" in page
    names = {path.name for path in (run / "report").iterdir()}
    assert "pairs.svg" not in names  # nothing to compare
    assert "levels.svg" not in names  # one level


def test_random_splits_without_curves_and_timings(tmp_path: Path) -> None:
    made_up = MadeUp(
        {"depth": 0.7, "depth-pretrained-vgg19": 0.4}, folds=None, experiments=12, levels=(3,)
    )
    run = write_run(tmp_path, made_up)
    for name in ("curves.tsv", "timings.tsv"):
        (run / name).unlink()
    assert main(["report", str(run), "--no-thumbnails"]) == 0
    page = page_of(run)
    assert "fixed60, 12 random splits" in page
    assert "The run holds no curves.tsv" in page
    assert "The run holds no timings.tsv" in page
    assert "No pictures: they were left out on request." in page
    assert "test is left out: it needs every sample to be predicted exactly once" in page
    assert all(row["mcnemar_p"] == "" for row in table_of(run, "pairs"))


def test_recorded_faces_are_not_called_synthetic(tmp_path: Path) -> None:
    run = write_run(tmp_path, MadeUp({"depth": 0.7}, levels=(3,), synthetic=False))
    assert main(["report", str(run), "--no-thumbnails"]) == 0
    page = page_of(run)
    assert "synthetic" not in page.lower().split("</style>")[1]
    assert "ours − paper, points" in page
    row = next(row for row in table_of(run, "table1"))
    expected = f"{100 * float(row['accuracy']) - 84.72:+.1f}".replace("-", "−")
    assert f">{expected}<" in page


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    run = write_run(tmp_path, MadeUp({"depth": 0.7}, levels=(3,)))
    content = json.loads((run / "run.json").read_text())
    content["dataset"] = "<script>alert(1)</script> $x_1$ & co | synthetic\n\x07"
    write_json(run / "run.json", content)
    assert main(["report", str(run), "--no-thumbnails"]) == 0
    page = page_of(run)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $x_1$ &amp; co | synthetic" in page
    ElementTree.parse(run / "report" / "accuracy.svg")


def test_whoever_continued_a_run_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path, MadeUp({"depth": 0.7}, levels=(3,)))
    content = json.loads((run / "run.json").read_text())
    other = {"command": "fercore evaluate --pipelines rgb-vgg19", "hardware": "one large GPU"}
    content["continued_by"] = [{**other, "versions": {"torch": "2.99.0"}}]
    write_json(run / "run.json", content)
    assert main(["report", str(run), "--no-thumbnails"]) == 0
    page = page_of(run)
    for words in (*other.values(), "torch 2.99.0"):
        assert words in page


@pytest.mark.parametrize("history", ["someone", [3], [{"command": "x"}]])
def test_a_damaged_history_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], history: object
) -> None:
    run = write_run(tmp_path, MadeUp({"depth": 0.7}, levels=(3,)))
    content = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", {**content, "continued_by": history})
    assert main(["report", str(run)]) == 2
    assert "run.json is damaged" in capsys.readouterr().err
