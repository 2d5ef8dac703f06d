import numpy as np
import pytest

from fercore.synthesis.subdivision import subdivide

CUBE = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
SIDES = np.array(
    [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)], np.int32
)
SHEET = np.array([(x, y, 0) for y in range(4) for x in range(4)], np.float32)
SQUARES = np.array(
    [(4 * y + x, 4 * y + x + 1, 4 * y + x + 5, 4 * y + x + 4) for y in range(3) for x in range(3)],
    np.int32,
)


def test_a_quad_becomes_four_around_its_middle():
    fine = subdivide(SQUARES, len(SHEET))
    assert fine.quads.shape == (4 * len(SQUARES), 4)
    assert fine.linear.shape == (16 + 24 + 9, 16)
    places = fine.linear @ SHEET
    assert places[fine.quads[:4]].mean(axis=(0, 1)).tolist() == [0.5, 0.5, 0.0]
    assert np.allclose(places[fine.quads].mean(axis=1).min(axis=0), (0.25, 0.25, 0))


def test_a_cube_gets_the_corners_of_catmull_and_clark():
    fine = subdivide(SIDES, len(CUBE)).smooth @ CUBE
    assert np.allclose(np.abs(fine[:8]), 5 / 9, atol=1e-6)
    assert np.allclose(np.sort(np.abs(fine[8:20]), axis=1), (0, 0.75, 0.75), atol=1e-6)
    assert np.allclose(np.sort(np.abs(fine[20:]), axis=1), (0, 0, 1), atol=1e-6)


def test_flat_stays_flat_and_inner_vertices_of_an_even_grid_stay():
    fine = subdivide(SQUARES, len(SHEET)).smooth @ SHEET
    assert np.allclose(fine[:, 2], 0)
    assert np.allclose(fine[[5, 6, 9, 10]], SHEET[[5, 6, 9, 10]], atol=1e-6)
    assert np.allclose(fine[1], SHEET[1], atol=1e-6)  # on a straight border
    assert fine[0, :2] == pytest.approx((0.125, 0.125))  # a corner is rounded off


@pytest.mark.parametrize(("quads", "count"), [(SIDES, 8), (SQUARES, 16), (SQUARES, 20)])
def test_every_new_place_is_a_weighted_mean(quads, count):
    fine = subdivide(quads, count)
    for matrix in (fine.smooth, fine.linear):
        assert np.allclose(matrix.sum(axis=1), 1, atol=1e-6)
        assert (matrix.data >= 0).all()


def test_vertices_without_quads_stay():
    places = np.vstack([SHEET, [[9, 9, 9]]]).astype(np.float32)
    fine = subdivide(SQUARES, 17).smooth @ places
    assert fine[16].tolist() == [9, 9, 9]
