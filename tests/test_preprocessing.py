import numpy as np
import pytest
import torch

from fercore.networks.preprocessing import depth_input, rgb_input


def test_depth_input_is_the_same_at_every_distance() -> None:
    relief = np.random.default_rng(0).uniform(-0.03, 0.03, (1, 16, 16)).astype(np.float32)
    near, far = depth_input(relief + 0.4, 0.06), depth_input(relief + 1.2, 0.06)
    assert near.shape == (1, 1, 16, 16)
    assert torch.allclose(near, far, atol=1e-4)


def test_depth_input_is_fixed_in_millimetres_and_marks_the_unknown() -> None:
    depth_m = np.full((1, 16, 16), 0.5, np.float32)
    depth_m[0, 0, 0] = 0.47  # 30 mm nearer: half the window
    depth_m[0, 0, 1] = 0.9
    depth_m[0, 0, 2] = np.nan
    values = depth_input(depth_m, 0.06)[0, 0]
    assert values[0, :3].tolist() == pytest.approx([0.5, -1.0, -1.0], abs=1e-5)
    assert values[8, 8] == 0.0


def test_depth_input_of_nothing_is_all_unknown() -> None:
    assert torch.all(depth_input(np.full((2, 16, 16), np.nan, np.float32), 0.06) == -1)


def test_rgb_input_standardises_by_imagenet() -> None:
    grey = np.full((1, 32, 32, 3), 124, np.uint8)
    values = rgb_input(grey, 16)
    assert values.shape == (1, 3, 16, 16)
    expected = (124 / 255 - 0.485) / 0.229
    assert torch.allclose(values[0, 0], torch.tensor(expected), atol=1e-5)
