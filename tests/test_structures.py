import numpy as np
import pytest

from fercore.expressions import CALM, VERDICT_LABELS, Expression
from fercore.structures import MIN_CONFIDENCE, Mesh, Prediction, RGBDFrame, Verdicts

TRIANGLE = np.array([[0, 1, 2]], np.int32)
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)


@pytest.mark.parametrize("index", [-1, 3])
def test_mesh_refuses_indices_out_of_range(index: int) -> None:
    with pytest.raises(ValueError, match=r"vertex index out of range 0\.\.2"):
        Mesh(CORNERS, np.array([[0, 1, index]], np.int32))


def test_mesh_refuses_texture_indices_out_of_range() -> None:
    with pytest.raises(ValueError, match="texture coordinate index out of range"):
        Mesh(CORNERS, TRIANGLE, uv=CORNERS[:2, :2], uv_triangles=TRIANGLE)


def test_mesh_refuses_texture_triangles_that_do_not_pair() -> None:
    with pytest.raises(ValueError, match="do not pair"):
        Mesh(CORNERS, TRIANGLE, uv=CORNERS[:, :2], uv_triangles=TRIANGLE.repeat(2, 0))


def test_frame_refuses_a_depth_map_of_another_size() -> None:
    rgb = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match=r"depth_m must be \(4, 6\) float32"):
        RGBDFrame(rgb, np.zeros((6, 4), np.float32), None, 0.0, 0)
    with pytest.raises(ValueError, match="uint8"):
        RGBDFrame(rgb.astype(np.float32), None, None, 0.0, 0)


def test_best_verdict_falls_back_from_fusion_to_rgb_to_depth() -> None:
    sure = Prediction(np.eye(6, dtype=np.float32)[4], 0.0)
    assert sure.label == Expression.SADNESS
    assert (sure.confidence, sure.calm) == (1.0, None)
    assert Verdicts(None, sure, None).best() is sure
    assert Verdicts(None, None, sure).best() is sure
    assert Verdicts(None, None, None).best() is None


def test_calm_is_the_seventh_verdict_and_the_six_are_there_as_if_it_were_not() -> None:
    calm = Prediction(np.array([0.02, 0.1, 0.02, 0.02, 0.02, 0.02, 0.8], np.float32), 0.0)
    assert (calm.label, calm.confidence) == (CALM, pytest.approx(0.8))
    assert calm.calm == pytest.approx(0.8)
    assert calm.conditional.tolist() == pytest.approx([0.1, 0.5, 0.1, 0.1, 0.1, 0.1])
    assert VERDICT_LABELS[1] == Expression.DISGUST


def test_a_verdict_below_the_limit_is_not_sure() -> None:
    def saying(share: float) -> Prediction:
        rest = np.full(6, (1 - share) / 5, np.float32)
        rest[Expression.FEAR.position] = share
        return Prediction(rest, 0.0)

    assert saying(MIN_CONFIDENCE).is_sure
    assert not saying(MIN_CONFIDENCE - 0.01).is_sure
