"""The head's angle from six points: of a face of known turn, through a camera, and of nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fercore.faces.head_angle import MEAN_FACE_MM, POINTS, HeadAngle, head_angle
from fercore.geometry import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

TURNS = [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 25, 0), (0, -25, 0), (0, 0, 15), (-20, 10, 12)]


def seen(
    turn: tuple[float, float, float], distance_mm: float = 600.0, focal_px: float = 615.0
) -> NDArray[np.float64]:
    """Return columns and rows (6, 2) of a turned mean face straight before a camera."""
    turned = MEAN_FACE_MM @ Pose.turned(*turn).rotation.T.astype(np.float64)
    slopes = turned[:, :2] / (distance_mm - turned[:, 2:])
    return np.array([320.0, 240.0]) + focal_px * slopes * np.array([1.0, -1.0])


def angle_of(points: NDArray[np.float64]) -> HeadAngle | None:
    return head_angle([(x, y) for x, y in points.tolist()])


@pytest.mark.parametrize("turn", TURNS)
def test_a_known_turn_is_found(turn: tuple[float, float, float]) -> None:
    assert angle_of(seen(turn)) == pytest.approx(turn, abs=0.7)


@pytest.mark.parametrize(("distance_mm", "focal_px"), [(300, 615), (1200, 615), (600, 380)])
def test_neither_distance_nor_lens_matter_much(distance_mm: float, focal_px: float) -> None:
    for turn in TURNS:
        assert angle_of(seen(turn, distance_mm, focal_px)) == pytest.approx(turn, abs=4)


def test_where_in_the_picture_the_face_is_does_not_matter() -> None:
    points = seen((15, -10, 5))
    assert angle_of(points + np.array([-250.0, 130.0])) == pytest.approx(angle_of(points), abs=1e-6)
    assert angle_of(3 * points) == pytest.approx(angle_of(points), abs=1e-6)


def test_points_that_are_a_little_off_move_the_angle_a_little() -> None:
    points = seen((20, 0, 0))
    draws = np.random.default_rng(0)
    found = [angle_of(points + draws.normal(0, 1.5, points.shape)) for _ in range(40)]
    errors = np.abs(np.array([angle for angle in found if angle]) - np.array([20, 0, 0]))
    assert len(errors) == 40
    assert (np.median(errors, axis=0) < (3, 5, 2)).all()


@pytest.mark.parametrize(
    "points",
    [
        np.full((6, 2), 100.0),
        np.full((6, 2), np.nan),
        np.full((6, 2), 1e308),
        np.zeros((0, 2)),
        seen((0, 0, 0))[:5],
        seen((0, 0, 0)) * 0.01,
    ],
    ids=["one place", "not finite", "overflowing", "none", "five", "tiny"],
)
def test_what_cannot_be_a_face_has_no_angle(points: NDArray[np.float64]) -> None:
    assert angle_of(points) is None


def test_the_mean_face_is_symmetrical() -> None:
    mirrored = MEAN_FACE_MM[[1, 0, 2, 3, 5, 4]] * np.array([-1.0, 1.0, 1.0])
    np.testing.assert_array_equal(mirrored, MEAN_FACE_MM)
    assert len(POINTS) == len(MEAN_FACE_MM)
