"""Caches of FER2013's training pictures: real faces without depth."""

from pathlib import Path

import numpy as np
import pytest
from fer2013_fixtures import striped_faces, write_csv

from fercore.caches.pictures import PICTURE_VIEW, WHOLE, cut_picture, training_samples
from fercore.caches.reading import open_cache
from fercore.cli import main
from fercore.datasets.fer2013 import Fer2013
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FaceBox
from fercore.training.faces import read_faces


class Detector:
    def __init__(self, *boxes: FaceBox) -> None:
        self.boxes = list(boxes)

    def detect(self, rgb: np.ndarray) -> list[FaceBox]:
        assert rgb.shape == (384, 384, 3)
        return self.boxes

    def close(self) -> None:
        """Hold nothing."""


def write(path: Path) -> Path:
    images, labels = striped_faces(20, 0)
    usages = ["Training"] * 14 + ["PublicTest"] * 6
    rows = list(zip(labels.tolist(), images, usages, strict=True))
    rows.append((int(labels[15]), images[15], "Training"))  # a test picture among the training's
    write_csv(path, rows)
    return path


def test_test_pictures_never_train(tmp_path: Path) -> None:
    dataset = Fer2013(write(tmp_path / "fer2013.csv"))
    chosen = training_samples(dataset)
    tested = {s.subject for s in dataset.samples() if s.split == "PublicTest"}
    assert len(chosen) == 14
    assert not tested & {sample.subject for sample in chosen}


def test_the_cache_is_read_as_faces_without_depth(tmp_path: Path) -> None:
    source = write(tmp_path / "fer2013.csv")
    assert main(["prepare", "fer2013", str(source), "--output", str(tmp_path / "cache")]) == 0
    cache = open_cache(tmp_path / "cache")
    assert len(cache.rows) == 14
    assert {row.view for row in cache.rows} == {PICTURE_VIEW}
    assert "Kaggle" in cache.terms
    assert not cache.is_synthetic
    faces, _ = read_faces(tmp_path / "cache")
    assert faces.lacks_depth.all()
    assert len(faces.subject_names) == len(faces)
    assert main(["prepare", "fer2013", str(source), "--output", str(tmp_path / "cache")]) == 0
    assert open_cache(tmp_path / "cache").rows == cache.rows


def test_a_face_that_is_found_is_cut_out_as_in_live_use() -> None:
    rgb = np.zeros((48, 48, 3), np.uint8)
    rgb[12:36, 12:36] = 200
    box = FaceBox(96 + 48, 96 + 48, 96 + 144, 96 + 144, 0.9)
    crop, square = cut_picture(rgb, Preprocessing(box_scale=1.0), Detector(box))
    assert square == FaceBox(12, 12, 36, 36, 0.9)
    assert crop.shape == (96, 96, 3)
    assert crop[8:-8, 8:-8].min() > 190


def test_without_a_face_the_whole_picture_is_taken() -> None:
    rgb = np.full((48, 48, 3), 90, np.uint8)
    rgb[:, :24] = 10
    crop, square = cut_picture(rgb, Preprocessing(), Detector())
    assert square is None
    assert crop[48, 40:56].min() < 40
    assert abs(int(np.argmax(np.diff(crop[48, :, 0].astype(int)))) - 47) <= 1
    assert "all of it" in WHOLE


@pytest.mark.parametrize("option", [["--views", "2"], ["--subjects", "3"]])
def test_options_of_other_kinds_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    source = write(tmp_path / "fer2013.csv")
    arguments = ["prepare", "fer2013", str(source), "--output", str(tmp_path / "cache"), *option]
    assert main(arguments) == 2
    assert f"{option[0]} belongs to" in capsys.readouterr().err


def test_no_training_pictures_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = striped_faces(3, 0)
    rows = list(zip(labels.tolist(), images, ["PublicTest"] * 3, strict=True))
    write_csv(tmp_path / "fer2013.csv", rows)
    source, output = tmp_path / "fer2013.csv", tmp_path / "cache"
    assert main(["prepare", "fer2013", str(source), "--output", str(output)]) == 2
    assert "holds no training pictures" in capsys.readouterr().err
