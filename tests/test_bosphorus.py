"""What is Bosphorus' own: names, and colours from the picture. The rest is in the contract."""

from __future__ import annotations

import shutil

import dataset_trees as trees
import numpy as np
import pytest

from fercore.datasets.bosphorus import Bosphorus, parse_file_name
from fercore.datasets.dataset import Modality, NotThisDatasetError
from fercore.expressions import Expression


class TestNames:
    @pytest.mark.parametrize(
        ("word", "expression"),
        [
            *(("ANGER", Expression.ANGER), ("DISGUST", Expression.DISGUST)),
            *(("FEAR", Expression.FEAR), ("HAPPY", Expression.HAPPINESS)),
            *(("SADNESS", Expression.SADNESS), ("SURPRISE", Expression.SURPRISE)),
        ],
    )
    def test_expressions(self, word, expression):
        scan, suffix = parse_file_name(f"bs012_E_{word}_0.bnt")
        assert (scan.subject, scan.expression, scan.repetition) == ("bs012", expression, 0)
        assert suffix == "bnt"
        assert scan.name == f"bs012_E_{word}_0"

    def test_neutral(self):
        scan, suffix = parse_file_name("BS104_n_n_2.PNG")
        assert (scan.subject, scan.expression, scan.repetition) == ("bs104", None, 2)
        assert (scan.name, suffix) == ("bs104_N_N_2", "png")

    @pytest.mark.parametrize(
        "name",
        [
            *(f"{other}.bnt" for other in trees.BOSPHORUS_OTHERS),
            "bs000_IGN_ANGER_0.bnt",
            "bs000_E_CONTEMPT_0.bnt",
            "bs000_E_ANGER_0.lm3",
            "bs000_E_ANGER.bnt",
            "bs0_E_ANGER_0.bnt",
            "._bs000_E_ANGER_0.bnt",
        ],
    )
    def test_other_names_are_left_out(self, name):
        assert parse_file_name(name) is None


class TestTree:
    def test_samples_are_in_order(self, tmp_path):
        samples = Bosphorus(trees.write_bosphorus(tmp_path)).samples()
        assert [sample.id for sample in samples] == [
            *("bs000_N_N_0", "bs000_N_N_1", "bs000_E_ANGER_0", "bs104_E_HAPPY_0")
        ]
        assert samples[0].expression is None
        assert samples[3].expression == Expression.HAPPINESS
        assert {sample.level for sample in samples} == {None}

    def test_copies_are_passed_over(self, tmp_path):
        trees.write_bosphorus(tmp_path / "a")
        shutil.copytree(tmp_path / "a" / "bs104", tmp_path / "b")
        dataset = Bosphorus(tmp_path)
        assert len(dataset.samples()) == 4
        (problem,) = dataset.problems
        assert problem.startswith(str(tmp_path / "a" / "bs104" / "bs104_E_HAPPY_0.bnt"))
        assert problem.endswith(
            f"passed over for its copy {tmp_path / 'b' / 'bs104_E_HAPPY_0.bnt'}"
        )

    def test_pictures_in_a_folder_of_their_own(self, tmp_path):
        path = trees.write_bosphorus_scan(tmp_path / "meshes", "bs001_E_FEAR_0")
        (tmp_path / "pictures").mkdir()
        path.with_suffix(".png").rename(tmp_path / "pictures" / "bs001_E_FEAR_0.png")
        (sample,) = Bosphorus(tmp_path).samples()
        assert sample.modalities == set(Modality)

    def test_a_picture_without_range_image_is_told(self, tmp_path):
        trees.write_bosphorus(tmp_path)
        (tmp_path / "bs104" / "bs104_E_HAPPY_0.bnt").unlink()
        dataset = Bosphorus(tmp_path)
        assert len(dataset.samples()) == 3
        assert "bs104_E_HAPPY_0.png has no range image" in dataset.problems[0]

    def test_nothing_of_the_six(self, tmp_path):
        trees.write_bosphorus_scan(tmp_path, trees.BOSPHORUS_OTHERS[0])
        with pytest.raises(NotThisDatasetError, match="no scan of Bosphorus' six expressions"):
            Bosphorus(tmp_path)


class TestFrames:
    def test_the_picture_lies_on_the_mesh_the_right_way_round(self, tmp_path):
        trees.write_bosphorus_scan(tmp_path, "bs000_E_ANGER_0")
        dataset = Bosphorus(tmp_path)
        frame = dataset.frame(dataset.samples()[0])
        below, above = 400, 200
        left, right = 200, 310
        assert frame.rgb[above, left].argmax() == 0  # red
        assert frame.rgb[above, right].argmax() == 1  # green
        assert frame.rgb[below, left].argmax() == 2  # blue
        assert frame.rgb[below, right].min() > 200  # white

    def test_depth_is_nearest_at_the_bump(self, tmp_path):
        trees.write_bosphorus_scan(tmp_path, "bs000_E_ANGER_0")
        dataset = Bosphorus(tmp_path)
        depth_m = dataset.frame(dataset.samples()[0]).depth_m
        row, column = np.unravel_index(np.nanargmin(depth_m), depth_m.shape)
        assert abs(column - 256) < 4
        assert 300 < row < 400  # the bump lies below the middle
        assert np.nanmin(depth_m) == pytest.approx(0.96, abs=2e-4)

    def test_without_picture_it_is_shaded(self, tmp_path):
        path = trees.write_bosphorus_scan(tmp_path, "bs000_E_ANGER_0")
        path.with_suffix(".png").unlink()
        dataset = Bosphorus(tmp_path)
        (sample,) = dataset.samples()
        assert sample.modalities == {Modality.DEPTH}
        rgb = dataset.frame(sample).rgb
        np.testing.assert_array_equal(rgb[..., 0], rgb[..., 1])

    def test_damaged_picture_leaves_the_mesh(self, tmp_path, caplog):
        path = trees.write_bosphorus_scan(tmp_path, "bs000_E_ANGER_0")
        path.with_suffix(".png").write_bytes(b"no png")
        dataset = Bosphorus(tmp_path)
        frame = dataset.frame(dataset.samples()[0])
        assert np.isfinite(frame.depth_m).any()
        assert "bs000_E_ANGER_0.png" in caplog.text
