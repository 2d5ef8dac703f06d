"""Descriptors and patches at landmarks: what they count, and what must not change them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_up_geometry import made_up_geometry
from numpy.typing import NDArray

from fercore.baselines.mesh_descriptors import (
    _ways_mm,
    describe_mesh,
    range_patches,
    soft_histograms,
)
from fercore.baselines.picture_descriptors import (
    describe_patches,
    describe_picture,
    grey_patches,
    root_sift,
    second_order,
)

_MIDDLE = np.array([[0.0, 0.0, 0.0]], np.float32)


def test_a_value_between_two_bins_counts_half_in_each_and_directions_close_a_circle() -> None:
    turning = soft_histograms(np.array([0.5, 7.75, -3.0]), np.array([2.0, 1.0, 1.0]), turning=True)
    assert turning[0, :2].tolist() == [1, 1]
    assert (turning[1, 7], turning[1, 0]) == pytest.approx((0.25, 0.75))
    assert turning[2, 5] == 1
    assert soft_histograms(np.array([7.9]), np.array([1.0]), turning=False)[0, 7] == 1


def test_mesh_descriptors_do_not_depend_on_where_the_head_is() -> None:
    scan = made_up_geometry()
    step = np.array([3.0, -4.0, 7.0], np.float32)
    moved = replace(scan, vertices_mm=scan.vertices_mm + step, points_mm=scan.points_mm + step)
    here, there = describe_mesh(scan), describe_mesh(moved)
    for name in ("mesh_hog", "mesh_hos"):
        assert here[name].shape == (68, 72)
        np.testing.assert_allclose(there[name], here[name], atol=0.02)
        np.testing.assert_allclose(np.linalg.norm(here[name], axis=1), 1, atol=1e-3)


def test_a_furrow_is_seen_by_its_direction_and_its_shape() -> None:
    def flat(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return 0 * x

    def upright(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return -8 * np.exp(-(x**2) / 60)

    def level(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return -8 * np.exp(-((y - 5) ** 2) / 60)

    bins = {}
    for height in (upright, level):
        scan = made_up_geometry(height)
        nose = replace(scan, points_mm=np.tile(np.array([[0, 5, -8]], np.float32), (68, 1)))
        found = describe_mesh(nose)
        bins[height] = found["mesh_hog"][0].reshape(9, 8)[0]
        assert found["mesh_hos"][0].reshape(9, 8)[0].argmax() in (1, 2)  # a valley
    assert bins[upright][[0, 4]].sum() > 5 * bins[upright][[2, 6]].sum()
    assert bins[level][[2, 6]].sum() > 5 * bins[level][[0, 4]].sum()
    assert not describe_mesh(made_up_geometry(flat))["mesh_hog"].any()


def test_the_way_along_the_surface_does_not_cross_a_gap() -> None:
    vertices = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0], [0, -1, 0], [3, -1, 0], [0, -4, 0]])
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    ways = _ways_mm(vertices.astype(np.float32), triangles, np.array([0]))
    assert ways[0, :3] == pytest.approx([0, 3, 3])
    assert np.isinf(ways[0, 3:]).all()


def test_range_patches_are_flat_in_the_tangent_plane_and_round_on_a_ball() -> None:
    tilted = made_up_geometry(lambda x, y: 0.3 * x + 0.2 * y)
    np.testing.assert_allclose(range_patches(tilted, _MIDDLE), 0, atol=1e-3)
    ball = made_up_geometry(lambda x, y: np.sqrt(200**2 - x**2 - y**2) - 200)
    patch = range_patches(ball, _MIDDLE)[0]
    assert patch[7, 7] - patch[7, 0] == pytest.approx(14**2 / 400, abs=0.05)


def test_grey_patches_forget_brightness_and_keep_direction() -> None:
    scan = made_up_geometry()
    darker = replace(scan, picture_rgb=scan.picture_rgb // 2)
    patch = grey_patches(scan, _MIDDLE)[0]
    np.testing.assert_allclose(grey_patches(darker, _MIDDLE)[0], patch, atol=0.1)
    assert patch[-1].mean() > 1 > -1 > patch[0].mean()


def test_picture_descriptors_forget_contrast_and_survive_an_empty_picture() -> None:
    grey = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8), (0, 0), 3
    )
    grey = cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX)
    pixels = np.array([[60.0, 80.0], [120.0, 90.0]])
    half = (grey // 2).astype(np.uint8)
    assert root_sift(grey, pixels).shape == (2, 128)
    assert (root_sift(grey, pixels) * root_sift(half, pixels)).sum(axis=1).min() > 0.97
    assert (second_order(grey, pixels) * second_order(half, pixels)).sum(axis=1).min() > 0.97
    assert (second_order(grey, pixels)[0] * second_order(grey, pixels)[1]).sum() < 0.95
    blank = replace(made_up_geometry(), picture_rgb=np.full((512, 512, 3), 96, np.uint8))
    for array in {**describe_picture(blank), **describe_patches(blank)}.values():
        assert np.isfinite(array).all()


def test_hsog_counts_in_the_map_of_the_direction_of_change() -> None:
    """A bright disc brightens rightwards on its left: in map 0 all change lies there."""
    rows, columns = np.mgrid[:120, :120]
    ridge = np.exp(-((columns - 60) ** 2) / 200) + 0 * rows
    found = second_order((255 * ridge).astype(np.uint8), np.array([[60.0, 60.0]]))
    energy = (found.reshape(8, 9, 8) ** 2).sum(axis=(1, 2))
    assert energy[[0, 4]].min() > 3 * energy[[2, 6]].max()
