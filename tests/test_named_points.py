"""Points get their names by where they lie, whatever order they come in."""

import numpy as np
import pytest

from fercore.baselines.named_points import (
    POINT_NAMES,
    RigidMotion,
    frontal_motion,
    named_points,
)
from fercore.errors import MeshError
from fercore.io.bu3dfe_files import GROUPS
from fercore.structures import FloatArray


def ring(x: float, y: float, width: float, height: float, count: int) -> list[list[float]]:
    angles = 2 * np.pi * np.arange(count) / count
    return [[x - width / 2 * np.cos(a), y + height / 2 * np.sin(a), 0.0] for a in angles]


def brow(x: float) -> list[list[float]]:
    edges = ((40.0, 40.0), (36.0, 32.0))  # width and height of the upper and the lower edge
    return [[x + width * (i / 4 - 0.5), y, 0.0] for width, y in edges for i in range(5)]


def face() -> FloatArray:
    """Return 83 points in the head's own frame; z is the reference's where that is rigid."""
    nose = [[s * x, y, z] for s in (-1, 1) for x, y, z in BRIDGE]
    jaw = [[60 * np.sin(a), -20 - 75 * np.cos(a), 0.0] for a in np.linspace(-1.5, 1.5, 15)]
    points = np.array(
        [
            *ring(-31.5, 15.3, 26.2, 9, 8),
            *ring(31.5, 15.3, 26.2, 9, 8),
            *brow(-34),
            *brow(34),
            *nose,
            *ring(0, -52, 52, 22, 12),
            *ring(0, -52, 44, 6, 8),
            *jaw,
        ],
        np.float32,
    )
    points[:16, 2] = -8.5
    return points


BRIDGE = ((6, 17.3, 4.8), (8, 8, 8), (9, 0, 9), (12, -12, 8), (17.5, -24.5, 9.2), (4, -29.5, 11.2))


def shuffled(points: FloatArray, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(points[part]) for part in GROUPS.values()])


def test_every_name_is_given_and_where_it_belongs() -> None:
    named = named_points(face())
    assert tuple(named) == tuple(name for name in named if name in POINT_NAMES)
    assert set(named) == set(POINT_NAMES)
    assert named["right eye outer"][0] < named["right eye inner"][0] < 0
    assert named["left eye upper"][1] > named["left eye lower"][1]
    assert np.allclose(named["mouth upper"], (0, -41, 0), atol=1e-3)
    assert np.allclose(named["nose base"], (0, -29.5, 11.2), atol=1e-3)
    assert named["chin"][1] == face()[:, 1].min()


def test_the_order_within_a_group_does_not_matter() -> None:
    expected = named_points(face())
    for seed in range(5):
        for name, point in named_points(shuffled(face(), seed)).items():
            assert np.allclose(point, expected[name], atol=1e-4), name


def test_a_turned_and_shifted_head_comes_back_to_its_frame() -> None:
    a = np.radians(12)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    moved = RigidMotion(turn, np.array([30.0, -80.0, 500.0])).apply(face())
    here = frontal_motion(face(), "here").apply(face())
    there = frontal_motion(moved, "there").apply(moved)
    assert np.allclose(here, there, atol=0.05)


def test_points_of_no_face_are_refused() -> None:
    with pytest.raises(MeshError, match=r"points of stone are \d+ mm away"):
        frontal_motion(4 * face(), "stone")
