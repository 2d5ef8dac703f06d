"""Curvatures, shape index and primitive surface labels of surfaces that are known exactly."""

import numpy as np
import pytest
from made_up_geometry import grid_triangles, made_up_geometry
from numpy.typing import NDArray

from fercore.baselines.curvature import (
    NOWHERE,
    PRIMITIVES,
    REGIONS,
    Curvature,
    describe_primitives,
    face_regions,
    fit_curvature,
    primitive_labels,
    trusted,
)
from fercore.structures import FloatArray


def _sphere(radius_mm: float) -> tuple[FloatArray, FloatArray]:
    normals = np.random.default_rng(0).standard_normal((3000, 3))
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    return normals * np.float32(radius_mm), normals


def _saddle() -> tuple[FloatArray, FloatArray]:
    """Return 0.01 x² - 0.005 y²: in its middle curvatures 0.01 along y and -0.02 along x."""
    x, y = np.random.default_rng(1).uniform(-25, 25, (2, 3000))
    x[0] = y[0] = 0.0
    normals = np.stack([-0.02 * x, 0.01 * y, np.ones_like(x)], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    places = np.stack([x, y, 0.01 * x**2 - 0.005 * y**2], axis=1)
    return places.astype(np.float32), normals.astype(np.float32)


def test_a_ball_is_equally_convex_everywhere_and_a_bowl_as_concave() -> None:
    places, normals = _sphere(50.0)
    ball, bowl = fit_curvature(places, normals), fit_curvature(places, -normals)
    np.testing.assert_allclose(ball.largest, 1 / 50, rtol=0.05)
    np.testing.assert_allclose(ball.smallest, 1 / 50, rtol=0.05)
    np.testing.assert_allclose(bowl.mean, -1 / 50, rtol=0.05)
    assert ball.shape_index.min() > 0.98
    assert bowl.shape_index.max() < 0.02
    np.testing.assert_allclose(ball.curvedness, 1 / 50, rtol=0.05)


def test_a_saddle_has_both_signs_and_a_tube_is_a_ridge() -> None:
    saddle = fit_curvature(*_saddle())
    assert saddle.largest[0] == pytest.approx(0.01, rel=0.02)
    assert saddle.smallest[0] == pytest.approx(-0.02, rel=0.02)
    angles, along = np.random.default_rng(2).uniform((0, -40), (2 * np.pi, 40), (4000, 2)).T
    normals = np.stack([np.cos(angles), 0 * angles, np.sin(angles)], axis=1)
    places = 20 * normals + np.stack([0 * along, along, 0 * along], axis=1)
    tube = fit_curvature(places.astype(np.float32), normals.astype(np.float32))
    inside = np.abs(along) < 30
    np.testing.assert_allclose(tube.largest[inside], 1 / 20, rtol=0.05)
    np.testing.assert_allclose(tube.smallest[inside], 0, atol=0.003)
    np.testing.assert_allclose(tube.shape_index[inside], 0.75, atol=0.03)


def test_curvature_halves_where_size_doubles_and_turns_with_the_head() -> None:
    places, normals = _saddle()
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    small = fit_curvature(places, normals)
    large = fit_curvature(
        (2 * places @ turn.T).astype(np.float32), (normals @ turn.T).astype(np.float32)
    )
    np.testing.assert_allclose(large.largest, small.largest / 2, atol=1e-4)
    np.testing.assert_allclose(large.smallest, small.smallest / 2, atol=1e-4)


def test_a_surface_close_behind_that_looks_away_does_not_count() -> None:
    places, normals = _saddle()
    alone = fit_curvature(places, normals)
    behind = places - np.float32(1) * normals
    both = fit_curvature(np.concatenate([places, behind]), np.concatenate([normals, -normals]))
    assert both.largest[0] == pytest.approx(float(alone.largest[0]), abs=0.001)


def test_borders_are_not_trusted() -> None:
    trust = trusted(grid_triangles(6), 36).reshape(6, 6)
    assert not trust[0].any() and not trust[:, -1].any()
    assert (trust[1, 1:-1] == 0.5).all()
    assert (trust[2:4, 2:4] == 1).all()


def test_labels_follow_the_signs_of_curvature_and_the_slope() -> None:
    large = np.array([0.05, -0.02, 0.05, 0.005, 0.05, 0.02, 0.001, 0.05, 0.005], np.float32)
    small = np.array([0.02, -0.05, 0.001, -0.05, -0.02, -0.05, 0.0, 0.02, -0.003], np.float32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (9, 1))
    normals[7:] = (0.8, 0, 0.6)
    labels = [PRIMITIVES[i] for i in primitive_labels(Curvature(large, small), normals)]
    front = ["peak", "pit", "ridge", "ravine", "ridge saddle", "ravine saddle", "flat"]
    assert labels == [*front, "convex hill", "slope hill"]


def test_regions_lie_where_their_names_say() -> None:
    scan = made_up_geometry()
    regions = face_regions(scan)
    x, y = scan.vertices_mm[:, 0], scan.vertices_mm[:, 1]
    middle = {
        name: (x[regions == number].mean(), y[regions == number].mean())
        for number, name in enumerate(REGIONS)
    }
    assert middle["right cheek"][0] < -20 and middle["left cheek"][0] > 20
    assert middle["right eye and brow"][1] > 0 > middle["mouth"][1] > middle["chin"][1]
    assert (regions[np.abs(x) > 70] == NOWHERE).all()


def test_a_mirrored_face_has_its_sides_exchanged() -> None:
    def lopsided(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        dent = 6 * np.exp(-((x - 30) ** 2 + (y + 20) ** 2) / 150)
        return 30 - (x**2 + y**2) / 150 - dent

    shares = describe_primitives(made_up_geometry(lopsided))["primitives"]
    mirrored = describe_primitives(made_up_geometry(lopsided, mirrored=True))["primitives"]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    right, left = REGIONS.index("right cheek"), REGIONS.index("left cheek")
    np.testing.assert_allclose(mirrored[[left, right]], shares[[right, left]], atol=0.03)
    assert np.abs(shares[left] - shares[right]).sum() > 0.3
