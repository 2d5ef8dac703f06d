import numpy as np
import pytest

from fercore.faces.cropping import crop_face, square_box
from fercore.networks.preprocessing import Preprocessing
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
