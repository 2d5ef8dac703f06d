import numpy as np
import pytest
import torch

from fercore.preprocessing import (
    Preprocessing,
    crop_face,
    depth_input,
    rgb_input,
    square_box,
)
from fercore.structures import FaceBox, RGBDFrame

PARAMETERS = Preprocessing(rgb_size=32, depth_size=16, box_scale=1.0)


def frame(depth_m: np.ndarray | None) -> RGBDFrame:
    rgb = np.zeros((100, 120, 3), np.uint8)
    rgb[40:60, 50:70] = (200, 100, 50)
    return RGBDFrame(rgb, depth_m, None, 1.5, 7)


def test_square_box_keeps_the_centre() -> None:
    box = square_box(FaceBox(10, 20, 30, 60, 0.9), 1.5)
    assert (box.width, box.height) == (60, 60)
    assert (box.x0 + box.x1, box.y0 + box.y1) == (40, 80)


def test_colour_and_depth_are_cut_with_the_same_box() -> None:
    depth_m = np.full((100, 120), 0.7, np.float32)
    depth_m[40:60, 50:70] = 0.5
    pair = crop_face(frame(depth_m), FaceBox(50, 40, 70, 60, 1.0), PARAMETERS)
    assert pair.rgb.shape == (32, 32, 3)
    assert np.all(pair.rgb == (200, 100, 50))
    assert pair.depth_m is not None
    assert np.allclose(pair.depth_m, 0.5)
    assert pair.valid_fraction == 1.0
    assert pair.timestamp_s == 1.5


def test_a_box_over_the_edge_repeats_colour_and_leaves_depth_unknown() -> None:
    pair = crop_face(
        frame(np.full((100, 120), 0.5, np.float32)), FaceBox(-10, 0, 10, 20, 1.0), PARAMETERS
    )
    assert pair.depth_m is not None
    assert np.isnan(pair.depth_m[:, :8]).all()
    assert np.isfinite(pair.depth_m[:, 8:]).all()
    assert pair.valid_fraction == pytest.approx(0.5)


def test_unknown_depth_does_not_spread() -> None:
    depth_m = np.full((100, 120), 0.5, np.float32)
    depth_m[::4, ::4] = np.nan
    pair = crop_face(frame(depth_m), FaceBox(30, 20, 94, 84, 1.0), PARAMETERS)
    assert pair.depth_m is not None
    assert np.allclose(pair.depth_m, 0.5, atol=1e-6)
    assert pair.valid_fraction == pytest.approx(15 / 16)


def test_a_source_without_depth_gives_none() -> None:
    pair = crop_face(frame(None), FaceBox(50, 40, 70, 60, 1.0), PARAMETERS)
    assert pair.depth_m is None
    assert pair.valid_fraction == 0.0


def test_a_box_outside_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the 120x100 picture"):
        crop_face(frame(None), FaceBox(200, 200, 220, 220, 1.0), PARAMETERS)


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
