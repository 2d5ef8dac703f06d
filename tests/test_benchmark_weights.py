"""`fercore benchmark-weights`: what is counted, and the files it writes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fer2013_fixtures import striped_faces, write_csv
from made_up_faces import made_up_faces

from fercore.cli import main
from fercore.evaluation.benchmarks.weights import FaceSet, people_caches, scores
from fercore.networks.branches import Absent, Logits, Pipeline
from fercore.networks.preprocessing import Preprocessing


class Oracle(Pipeline):
    """Knows the first face's expression alone, and says that of all."""

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        return rgb

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        said = torch.zeros(len(frozen), 6)
        said[:, 0] = 2.0
        return Logits(said, said, said)


def test_accuracy_recall_and_calibration_are_counted() -> None:
    faces = made_up_faces(subjects=4)
    found = scores(Oracle(), Preprocessing(rgb_size=32), FaceSet("made up", faces))
    assert [score.head for score in found] == ["fusion", "rgb", "depth"]
    for score in found:
        assert score.accuracy == score.mean_recall == pytest.approx(1 / 6)
        assert (score.low, score.high) == (pytest.approx(1 / 6), pytest.approx(1 / 6))
        confidence = float(torch.tensor([2.0, 0, 0, 0, 0, 0]).softmax(0)[0])
        assert score.calibration_error == pytest.approx(confidence - 1 / 6, abs=1e-4)
        assert (score.samples, score.subjects) == (24, 4)


def test_recall_is_the_mean_over_expressions_not_faces() -> None:
    faces = made_up_faces(subjects=1)
    faces = faces.where(np.isin(faces.labels, (0, 1)))
    faces = replace(faces, labels=np.array([0, 1]))
    many = FaceSet("uneven", faces.where(np.array([True, True])))
    (first, *_) = scores(Oracle(), Preprocessing(rgb_size=32), many)
    assert first.mean_recall == pytest.approx(0.5)


def test_the_depth_head_is_not_asked_about_faces_without_depth() -> None:
    faces = made_up_faces(subjects=2)
    faces.depth_m[:] = np.nan
    found = scores(Oracle(), Preprocessing(rgb_size=32), FaceSet("plain camera", faces))
    assert [score.head for score in found] == ["fusion", "rgb"]


def test_test_people_are_seen_by_the_scanner_and_by_every_camera(tmp_path: Path) -> None:
    caches = people_caches(tmp_path / "face.npz", tmp_path, 24, 50)
    assert [path.name for path in caches] == ["face-scanner", "face-cameras"]
    seen = {name for recipe in caches.values() for name in recipe.samples.cameras}
    assert {"scanner", "d415", "sr305"} <= seen
    assert {recipe.rows for recipe in caches.values()} == {1200}


def test_the_shipped_checkpoints_are_measured_and_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = striped_faces(7, 0)
    rows = list(zip(labels.tolist(), images, ["PublicTest"] * 7, strict=True))
    write_csv(tmp_path / "fer2013.csv", rows)
    output = tmp_path / "measured"
    arguments = ["--fer2013", str(tmp_path / "fer2013.csv"), "--output", str(output)]
    assert main(["benchmark-weights", *arguments]) == 0
    header, *lines = (output / "benchmark.tsv").read_text().splitlines()
    assert header.split("\t")[:4] == ["checkpoint", "head", "test set", "accuracy, %"]
    assert all(len(line.split("\t")) == 9 for line in lines)
    assert any(line.startswith("fusion-resnet50\trgb\tFER2013 public test") for line in lines)
    table = (output / "benchmark.md").read_text()
    assert "ms a face on" in table
    assert table.strip() == capsys.readouterr().out.strip()


def test_nothing_to_test_on_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark-weights", "--output", str(tmp_path)]) == 2
    assert "nothing to test on; give --face-models" in capsys.readouterr().err
