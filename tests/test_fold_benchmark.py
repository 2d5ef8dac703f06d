from pathlib import Path

import pytest
from made_up_faces import make_cache

from fercore.cli import main
from fercore.networks.preprocessing import Preprocessing


def test_both_ways_are_timed_on_the_same_folds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = make_cache(tmp_path / "cache", 12, 0, Preprocessing(rgb_size=32))
    options = ["--data", str(cache), "--pipeline", "rgb-resnet50", "--epochs", "1"]
    assert main(["bench", "folds", *options]) == 0
    printed = capsys.readouterr().out
    alone, together = (
        line.split() for line in printed.splitlines() if line.startswith(("one by", "together"))
    )
    assert float(alone[-3]) > 0
    assert float(together[-3]) > 0
    # Both train the same networks; threads round differently, which may move single verdicts.
    accuracies = [float(row[-1].rstrip("%")) for row in (alone, together)]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=5)
    assert "10 folds, 1 epochs, 144 faces" in printed


def test_too_few_subjects_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = make_cache(tmp_path / "cache", 9, 0, Preprocessing(rgb_size=32))
    assert main(["bench", "folds", "--data", str(cache)]) == 2
    assert "needs 10 subjects" in capsys.readouterr().err
