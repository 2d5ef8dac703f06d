import numpy as np
import pytest
import torch

from fercore.training.augmentation import drawn_absence, filled

NONE, ALL = torch.zeros(400, dtype=torch.bool), torch.ones(400, dtype=torch.bool)


def test_nothing_missing_is_nothing_told() -> None:
    assert drawn_absence(NONE, 0.0, np.random.default_rng(0)) is None


def test_dropout_takes_colour_as_often_as_depth_and_never_both() -> None:
    absent = drawn_absence(NONE, 0.4, np.random.default_rng(0))
    assert absent is not None
    assert float(absent.rgb.float().mean()) == pytest.approx(0.2, abs=0.05)
    assert float(absent.depth.float().mean()) == pytest.approx(0.2, abs=0.05)
    assert not (absent.rgb & absent.depth).any()


def test_a_face_that_lacks_depth_keeps_its_colour() -> None:
    absent = drawn_absence(ALL, 0.9, np.random.default_rng(0))
    assert absent is not None
    assert absent.depth.all()
    assert not absent.rgb.any()


def test_missing_depth_is_filled_from_other_faces() -> None:
    depth = torch.arange(5.0).view(5, 1, 1, 1)
    lacks = torch.tensor([False, True, False, True, True])
    assert filled(depth, lacks).flatten().tolist() == [0, 0, 2, 2, 0]
    assert filled(depth, torch.zeros(5, dtype=torch.bool)) is depth
    assert filled(depth, torch.ones(5, dtype=torch.bool)) is depth
