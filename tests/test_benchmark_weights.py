"""`fercore benchmark-weights`: what is counted, and the files it writes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fer2013_fixtures import striped_faces, write_csv
from made_up_faces import made_up_faces
from PIL import Image

from fercore.cli import main
from fercore.errors import DatasetError
from fercore.evaluation.benchmarks.face_sets import FaceSet, labelled_pictures, people_caches
from fercore.evaluation.benchmarks.weights import (
    MEAN,
    ShareRight,
    scores,
    steadiness,
    withholding,
)
from fercore.networks.paper import Absent, Logits, Pipeline
from fercore.networks.preprocessing import Preprocessing
from fercore.training.faces import CALM


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


SIZED = Preprocessing(rgb_size=32)


def test_accuracy_recall_and_calibration_are_counted() -> None:
    faces = made_up_faces(subjects=4)
    found = scores(Oracle(), SIZED, FaceSet("made up", faces))
    assert [score.head for score in found] == ["fusion", "rgb", "depth", MEAN]
    for score in found:
        assert score.six == ShareRight(*[pytest.approx(1 / 6)] * 3)
        assert score.six_mean_recall == pytest.approx(1 / 6)
        confidence = float(torch.tensor([2.0, 0, 0, 0, 0, 0]).softmax(0)[0])
        assert score.calibration_error == pytest.approx(confidence - 1 / 6, abs=1e-4)
        assert (score.samples, score.subjects) == (24, 4)
        assert score.seven is None and score.calm_auc is None


class Contradicting(Oracle):
    """Depth says the first expression of all, colour says something else of every other face."""

    def trained(self, frozen: torch.Tensor, *rest: object) -> Logits:
        said, other = torch.zeros(len(frozen), 6), torch.zeros(len(frozen), 6)
        said[:, 0] = 9.0
        other[::2, 0] = other[1::2, 1] = 9.0
        return Logits(said, other, said)


def test_sure_verdicts_that_are_withheld_are_counted() -> None:
    faces = made_up_faces(subjects=4)
    found = withholding(Contradicting(), SIZED, FaceSet("made up", faces))
    assert [(one.head, one.wrong, one.right) for one in found] == [
        ("fusion", 20, 4),
        ("depth", 20, 4),
    ]
    odd = np.arange(24) % 2 == 1
    right = faces.labels == 0
    for one in found:
        assert one.wrong_withheld == pytest.approx(odd[~right].mean())
        assert one.right_withheld == pytest.approx(odd[right].mean())


class Calm(Oracle):
    """Calls every other face calm, and says the first expression's name of all."""

    def trained(self, frozen: torch.Tensor, *rest: object) -> Logits:
        said = torch.zeros(len(frozen), 7)
        said[:, 0] = 4.0
        said[:, 6] = torch.where(torch.arange(len(frozen)) % 2 == 0, 3.0, -3.0)
        return Logits(said, said, said)


def test_calm_is_scored_apart_from_the_six() -> None:
    faces = made_up_faces(subjects=4)  # six expressions in turn
    labels = np.where(faces.labels > 3, CALM, 0)  # calm ones: one that is called so, one not
    first, *_ = scores(Calm(), SIZED, FaceSet("made up", replace(faces, labels=labels)))
    assert first.six is not None and first.six.value == 1
    assert first.seven is not None and first.seven.value == pytest.approx(0.5)
    assert first.calm_auc == pytest.approx(0.5)
    assert first.calm_given_expression is not None
    assert first.calm_given_expression.value == pytest.approx(0.5)
    assert first.expressive_called_calm is not None
    assert first.expressive_called_calm.value == pytest.approx(0.5)


def test_an_unsure_verdict_is_not_shown() -> None:
    faces = made_up_faces(subjects=1)
    calm = replace(faces, labels=np.full(6, CALM))

    class Unsure(Oracle):
        def trained(self, frozen: torch.Tensor, *rest: object) -> Logits:
            return Logits(None, torch.zeros(len(frozen), 6), None)

    (rgb,) = scores(Unsure(), SIZED, FaceSet("calm", calm))
    assert rgb.calm_given_expression is not None and rgb.calm_given_expression.value == 0
    assert rgb.six is None and rgb.six_mean_recall is None


def test_recall_is_the_mean_over_expressions_not_faces() -> None:
    faces = made_up_faces(subjects=1)
    faces = faces.where(np.isin(faces.labels, (0, 1)))
    faces = replace(faces, labels=np.array([0, 1]))
    many = FaceSet("uneven", faces.where(np.array([True, True])))
    (first, *_) = scores(Oracle(), SIZED, many)
    assert first.six_mean_recall == pytest.approx(0.5)


class LooksAngry(Oracle):
    """Reads an expression's number off the red channel, through a face that looks angry."""

    def trained(self, frozen: torch.Tensor, *rest: object) -> Logits:
        red = frozen[:, 0].mean((1, 2)) * 0.229 + 0.485  # ImageNet's standardisation undone
        said = torch.zeros(len(frozen), 7)
        said[:, 0] = 2.0
        for row, number in enumerate((red * 255 / 30).round().int().tolist()):
            if number < 6:
                said[row, number] += 1.0
        return Logits(said, said, said)


def test_relative_to_rest_a_face_that_looks_angry_is_understood() -> None:
    faces = made_up_faces(subjects=4)
    shown = np.broadcast_to(30 * faces.labels[:, None, None, None], faces.rgb.shape)
    slight = faces.with_rgb(shown.astype(np.uint8))
    at_rest = faces.with_rgb(np.full_like(faces.rgb, 240))
    alone, *_ = scores(LooksAngry(), SIZED, FaceSet("slight", slight))
    relative, *_ = scores(LooksAngry(), SIZED, FaceSet("slight", slight, at_rest))
    assert alone.six is not None and alone.six.value == pytest.approx(1 / 6)
    assert relative.six is not None and relative.six.value == 1


def test_the_depth_head_is_not_asked_about_faces_without_depth() -> None:
    faces = made_up_faces(subjects=2)
    faces.depth_m[:] = np.nan
    found = scores(Oracle(), SIZED, FaceSet("plain camera", faces))
    assert [score.head for score in found] == ["fusion", "rgb"]


class Dark(Oracle):
    """Says surprise of a dark picture, anger of a bright one."""

    def trained(self, frozen: torch.Tensor, *rest: object) -> Logits:
        said = torch.zeros(len(frozen), 6)
        dark = frozen.mean((1, 2, 3)) < 0
        said[:, 0], said[:, 5] = (~dark).float(), dark.float()
        return Logits(None, said, None)


def test_steadiness_is_the_share_of_verdicts_that_change() -> None:
    faces = made_up_faces(subjects=1)
    bright = faces.with_rgb(np.full((6, 32, 32, 3), 200, np.uint8))
    (measured,) = steadiness(Dark(), SIZED, FaceSet("bright", bright))
    assert measured.changed == {
        **{"mirrored": 0, "shifted by a tenth": 0, "JPEG at quality 20": 0},
        "brightness × 0.4": 1,
    }


class NoFaces:
    """A detector that finds nothing."""

    def detect(self, rgb: np.ndarray) -> tuple[()]:
        return ()


def test_pictures_in_folders_named_for_what_they_show(tmp_path: Path) -> None:
    for name, suffix in (("anger", "png"), ("Happy", "tiff"), ("neutral", "jpg"), ("other", "png")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (200, 180), "white").save(tmp_path / name / f"a.{suffix}")
    found = labelled_pictures(tmp_path, NoFaces())
    assert sorted(found.faces.labels.tolist()) == [0, 3, CALM]
    assert found.faces.rgb.shape == (3, 96, 96, 3)
    with pytest.raises(DatasetError, match="holds no pictures in folders such as anger"):
        labelled_pictures(tmp_path / "other", NoFaces())


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
    assert header.split("\t")[:4] == ["checkpoint", "head", "test set", "six, %"]
    assert all(len(line.split("\t")) == 12 for line in lines)
    assert any(line.startswith("fusion-resnet50\trgb\tFER2013 public test") for line in lines)
    table = (output / "benchmark.md").read_text()
    assert "ms a face on" in table
    assert table.strip() == capsys.readouterr().out.strip()


def test_nothing_to_test_on_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark-weights", "--output", str(tmp_path)]) == 2
    assert "nothing to test on; give --face-models" in capsys.readouterr().err
