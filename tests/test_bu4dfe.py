"""What is BU-4DFE's own: folders, sequences and their apex. The rest is in the contract."""

from __future__ import annotations

import shutil
from pathlib import Path

import dataset_trees as trees
import numpy as np
import pytest

from fercore.datasets.bu4dfe import Bu4dfe, SequenceId, parse_path
from fercore.datasets.dataset import Modality, NotThisDatasetError
from fercore.errors import MeshError
from fercore.expressions import EXPRESSIONS, Expression


def numbers(frames):
    return [frame.sample.number for frame in frames]


class TestPaths:
    @pytest.mark.parametrize(
        ("word", "expression"),
        [
            *(("Angry", Expression.ANGER), ("Disgust", Expression.DISGUST)),
            *(("Fear", Expression.FEAR), ("Happy", Expression.HAPPINESS)),
            *(("Sad", Expression.SADNESS), ("Surprise", Expression.SURPRISE)),
            *(("HAPPINESS", Expression.HAPPINESS), ("sadness", Expression.SADNESS)),
            *(("anger", Expression.ANGER), ("sUrPrIsE", Expression.SURPRISE)),
        ],
    )
    def test_expressions(self, word, expression):
        found, number = parse_path(Path("x", "f012", word, "007.WRL"))
        assert found == SequenceId("F012", expression.position)
        assert found.expression == expression
        assert number == 7

    @pytest.mark.parametrize(
        "path",
        [
            "000.wrl",
            "Angry/000.wrl",
            "F0001/Angry/000.wrl",
            "X001/Angry/000.wrl",
            "F001/Contempt/000.wrl",
            "F001/Neutral/000.wrl",
            "F001/Angry/000.txt",
            "F001/Angry/a00.wrl",
            "F001/Angry/more/000.wrl",
        ],
    )
    def test_other_paths_are_no_frames(self, path):
        assert parse_path(Path(path)) is None


class TestLayouts:
    @pytest.mark.parametrize("below", ["", "BU_4DFE", "a/b/BU-4DFE"])
    def test_roots_vary(self, tmp_path, below):
        trees.write_bu4dfe(tmp_path / below)
        dataset = Bu4dfe(tmp_path)
        assert len(dataset.samples()) == 10
        assert dataset.description.endswith("2 subjects, 10 samples (BU-4DFE)")

    @pytest.mark.parametrize(
        ("part", "count"), [("F001", 9), ("F001/Happy", 4), ("F001/Happy/003.jpg", 1)]
    )
    def test_a_part_will_do(self, tmp_path, part, count):
        dataset = Bu4dfe(trees.write_bu4dfe(tmp_path) / part)
        assert len(dataset.samples()) == count
        assert dataset.samples()[-1].id == "F001_happiness_003"

    def test_a_part_will_do_from_inside(self, tmp_path, monkeypatch):
        trees.write_bu4dfe(tmp_path)
        monkeypatch.chdir(tmp_path / "F001" / "Happy")
        assert len(Bu4dfe(".").samples()) == 4

    def test_samples_are_in_order(self, tmp_path):
        samples = Bu4dfe(trees.write_bu4dfe(tmp_path)).samples()
        assert [sample.id for sample in samples[4:6]] == ["F001_anger_004", "F001_happiness_000"]
        assert samples[4].sequence == "F001_anger"
        assert samples[4].number == 4
        assert {sample.level for sample in samples} == {None}

    def test_copies_are_passed_over(self, tmp_path):
        trees.write_bu4dfe(tmp_path / "a")
        shutil.copytree(tmp_path / "a" / "M043", tmp_path / "b" / "M043")
        dataset = Bu4dfe(tmp_path)
        assert len(dataset.samples()) == 10
        folders = [tmp_path / root / "M043" / "Surprise" for root in "ba"]
        assert dataset.problems == (f"{folders[0]} is passed over for its copy {folders[1]}",)

    def test_pictures_without_meshes_are_told(self, tmp_path):
        trees.write_bu4dfe(tmp_path)
        (tmp_path / "F001" / "Angry" / "003.wrl").unlink()
        (tmp_path / "M043" / "Surprise" / "000.wrl").unlink()
        dataset = Bu4dfe(tmp_path)
        assert len(dataset.samples()) == 8
        assert len(dataset.problems) == 2
        assert "Angry has 1 pictures without a mesh, the first of frame 3" in dataset.problems[0]

    def test_nothing_but_pictures(self, tmp_path):
        trees.write_bu4dfe_frame(tmp_path / "F001" / "Sad", 0).unlink()
        with pytest.raises(NotThisDatasetError, match=r"no frame of BU-4DFE.*without a mesh"):
            Bu4dfe(tmp_path)


class TestApex:
    @pytest.mark.parametrize(
        ("frames", "count", "kept"),
        [
            (5, 1, [2]),
            (5, 3, [1, 2, 3]),
            (4, 1, [1]),
            (4, 2, [1, 2]),
            (1, 1, [0]),
            (3, 9, [0, 1, 2]),
        ],
    )
    def test_the_middle_is_taken_as_the_apex(self, tmp_path, frames, count, kept):
        for number in range(frames):
            trees.write_bu4dfe_frame(tmp_path / "F001" / "Fear", number)
        (sequence,) = Bu4dfe(tmp_path).sequences()
        assert numbers(sequence.frames) == list(range(frames))
        assert numbers(sequence.around_apex(count)) == kept
        assert [s.number for s in Bu4dfe(tmp_path, apex_frames=count).samples()] == kept

    def test_each_sequence_has_its_own(self, tmp_path):
        dataset = Bu4dfe(trees.write_bu4dfe(tmp_path), apex_frames=1)
        assert [sample.id for sample in dataset.samples()] == [
            *("F001_anger_002", "F001_happiness_001", "M043_surprise_000")
        ]
        assert len(dataset.sequences()) == 3
        assert len(dataset.sequences()[0].frames) == 5

    def test_expressions_come_in_the_common_order(self, tmp_path):
        for word in ("Surprise", "Sad", "Happy", "Fear", "Disgust", "Angry"):
            trees.write_bu4dfe_frame(tmp_path / "F001" / word, 0)
        shown = [sample.expression for sample in Bu4dfe(tmp_path).samples()]
        assert shown == list(EXPRESSIONS)


class TestFrames:
    def test_the_picture_of_the_same_number_is_the_texture(self, tmp_path):
        dataset = Bu4dfe(trees.write_bu4dfe(tmp_path))
        for sample in dataset.samples()[:5]:
            frame = dataset.frame(sample)
            face = frame.rgb[np.isfinite(frame.depth_m)]
            np.testing.assert_allclose(face, sample.number, atol=3)
            assert frame.index == sample.number

    def test_even_where_the_mesh_names_another(self, tmp_path):
        mesh = trees.write_bu4dfe_frame(tmp_path / "F001" / "Sad", 200)
        trees.write_bu4dfe_frame(tmp_path / "F001" / "Sad", 0)
        mesh.write_text(mesh.read_text().replace("200.jpg", "000.jpg"))
        dataset = Bu4dfe(tmp_path)
        frame = dataset.frame(dataset.samples()[1])
        assert abs(int(frame.rgb[256, 256, 0]) - 200) < 4

    def test_without_picture_it_is_shaded(self, tmp_path):
        trees.write_bu4dfe_frame(tmp_path / "F001" / "Sad", 0, picture=False)
        dataset = Bu4dfe(tmp_path)
        (sample,) = dataset.samples()
        assert sample.modalities == {Modality.DEPTH}
        assert len(np.unique(dataset.frame(sample).rgb)) > 2

    def test_broken_mesh(self, tmp_path):
        mesh = trees.write_bu4dfe_frame(tmp_path / "F001" / "Sad", 0)
        mesh.write_text(mesh.read_text()[:700])
        dataset = Bu4dfe(tmp_path)
        with pytest.raises(MeshError, match=r"Sad/000\.wrl is no usable mesh: it is truncated"):
            dataset.frame(dataset.samples()[0])
