"""What is FER2013's own: splits, subjects, several files. The rest is in the contract."""

from __future__ import annotations

import shutil

import dataset_trees as trees
import numpy as np
import pytest

from fercore.datasets.fer2013 import Fer2013
from fercore.errors import DatasetError
from fercore.expressions import Expression

KAGGLE = (*(Expression(word) for word in ("anger", "disgust", "fear", "happiness")),)
KAGGLE += (Expression.SADNESS, Expression.SURPRISE, None)
WRITERS = {"csv": trees.write_fer2013, "icml": trees.write_icml, "shards": trees.write_shards}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_pictures_labels_and_splits(tmp_path, write):
    dataset = Fer2013(write(tmp_path))
    found = {}
    for sample in dataset.samples():
        rgb = dataset.frame(sample).rgb
        assert rgb.shape == (48, 48, 3)
        number = int(rgb[47, 47, 0])
        found[number] = (sample.expression, sample.split)
        for channel in range(3):
            np.testing.assert_array_equal(rgb[..., channel], trees.fer2013_picture(number))
    assert found == {
        row: (KAGGLE[label], split) for row, (label, split) in enumerate(trees.FER2013_ROWS)
    }


def subjects(dataset):
    return {
        int(dataset.frame(sample).rgb[47, 47, 0]): sample.subject for sample in dataset.samples()
    }


def test_a_picture_keeps_its_code_in_any_file(tmp_path):
    codes = [subjects(Fer2013(write(tmp_path / name))) for name, write in WRITERS.items()]
    assert codes[0] == codes[1] == codes[2]
    assert len(set(codes[0].values())) == len(trees.FER2013_ROWS)


def test_equal_pictures_share_their_code(tmp_path):
    path = trees.write_fer2013(tmp_path) / "fer2013.csv"
    header, first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([header, first, *rest, first.replace("0,", "3,", 1)]) + "\n")
    once, *_, again = (s for s in Fer2013(path).samples() if s.split == "Training")
    assert once.id != again.id
    assert once.subject == again.subject
    assert (once.expression, again.expression) == (Expression.ANGER, Expression.HAPPINESS)


def test_beside_a_csv_shards_are_passed_over(tmp_path):
    trees.write_shards(tmp_path)
    trees.write_icml(tmp_path)
    dataset = Fer2013(tmp_path)
    assert len(dataset.samples()) == len(trees.FER2013_ROWS)
    assert len(dataset.problems) == 4
    assert "fer2013_private_test.npz is passed over for" in dataset.problems[0]


def test_copies_of_shards_are_passed_over(tmp_path):
    trees.write_shards(tmp_path)
    shutil.copytree(tmp_path, tmp_path / "copy")
    dataset = Fer2013(tmp_path)
    assert len(dataset.samples()) == len(trees.FER2013_ROWS)
    assert len(dataset.problems) == 4
    assert all(str(tmp_path / "copy") in problem for problem in dataset.problems)


def test_a_bad_row_is_left_out_and_named(tmp_path):
    path = trees.write_fer2013(tmp_path) / "fer2013.csv"
    path.write_text(path.read_text().replace("\n4,", "\n9,"))
    dataset = Fer2013(path)
    assert {sample.split for sample in dataset.samples()} == {"Training", "PrivateTest"}
    (problem,) = dataset.problems
    assert "row 5: '9' is no label" in problem


def test_nothing_readable(tmp_path):
    path = trees.write_fer2013(tmp_path) / "fer2013.csv"
    header = path.read_text().splitlines()[0]
    path.write_text(f"{header}\n0,1 2 3,Training\n")
    with pytest.raises(DatasetError, match=r"fer2013\.csv holds no face .*row 1"):
        Fer2013(tmp_path)


def test_other_arrays_and_tables_do_not_disturb(tmp_path):
    trees.write_shards(tmp_path)
    np.savez(tmp_path / "face_model.npz", vertices=np.zeros(3))
    (tmp_path / "notes.csv").write_text("emotion,text\n")
    dataset = Fer2013(tmp_path)
    assert len(dataset.samples()) == 7
    assert dataset.problems == ()
