"""What geometry takes from a depth map: hidden surfaces, edges, alignment."""

from __future__ import annotations

import numpy as np
import pytest

from fercore.synthesis.sensors import (
    averaged,
    bleed,
    hidden_from,
    outline_share,
    resampled,
    shifted,
)

FOCAL_PX = 500.0


def post(near_m=0.5, far_m=1.0):
    """Return a wall with a post before it, columns 40 to 59."""
    depth_m = np.full((20, 100), far_m, np.float32)
    depth_m[:, 40:60] = near_m
    return depth_m


def test_a_camera_to_the_right_misses_what_lies_left_of_a_post():
    hidden = hidden_from(post(), FOCAL_PX, 0.02)
    # The post shifts by 20 pixels, the wall by 10: the post covers 10 more on its left.
    assert hidden[10].nonzero()[0].tolist() == list(range(31, 40))


def test_a_camera_to_the_left_misses_what_lies_right_of_it():
    hidden = hidden_from(post(), FOCAL_PX, -0.02)
    assert hidden[10].nonzero()[0].tolist() == list(range(60, 69))


def test_one_eye_hides_nothing_from_itself():
    assert not hidden_from(post(), FOCAL_PX, 0.0).any()


def test_a_slanted_wall_hides_nothing():
    slanted = np.tile(np.linspace(0.6, 0.7, 100, dtype=np.float32), (5, 1))
    assert not hidden_from(slanted, FOCAL_PX, 0.05).any()


def test_nothing_behind_a_post_is_hidden_like_a_wall():
    depth_m = post(far_m=np.inf)
    hidden = hidden_from(depth_m, FOCAL_PX, 0.02)
    assert hidden[10, 21:40].all()
    assert not hidden[10, 40:].any()


def test_near_surfaces_bleed_where_asked():
    nearness = 1 / post()
    everywhere = bleed(nearness, 3, 0.5, np.ones(nearness.shape, bool))
    assert (everywhere[10] == 2).sum() == 26
    nowhere = bleed(nearness, 3, 0.5, np.zeros(nearness.shape, bool))
    np.testing.assert_array_equal(nowhere, nearness)


def test_small_steps_do_not_bleed():
    nearness = 1 / post(0.98, 1.0)
    everywhere = np.ones(nearness.shape, bool)
    np.testing.assert_array_equal(bleed(nearness, 3, 0.5, everywhere), nearness)


def test_averaging_keeps_gaps_and_takes_details():
    nearness = (1 / post()).astype(np.float32)
    nearness[5, 20] += 0.1
    smooth = averaged(nearness, 1.2, 0.5)
    assert smooth[5, 20] < nearness[5, 20] - 0.07
    assert smooth[10, 39] < 1.25
    assert smooth[10, 40] > 1.75


def test_outlines_lie_beside_gaps():
    share = outline_share((1 / post()).astype(np.float32), 3, 0.5)
    assert share[10, 39] > 0.4
    assert share[10, 20] == 0


def test_resampling_keeps_values():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    twice = resampled(image, (8, 6))
    assert twice.shape == (6, 8)
    assert set(twice.ravel()) == set(image.ravel())
    np.testing.assert_array_equal(resampled(twice, (4, 3)), image)


def test_moving_a_depth_map_leaves_the_unknown_behind():
    depth_m = np.tile(np.arange(10, dtype=np.float32), (8, 1))
    moved = shifted(depth_m, 2.0, 0.0, 1.0)
    np.testing.assert_array_equal(moved[:, 2:], depth_m[:, :-2])
    assert np.isnan(moved[:, :2]).all()


def test_scaling_keeps_the_middle():
    depth_m = np.tile(np.arange(101, dtype=np.float32), (11, 1))
    moved = shifted(depth_m, 0.0, 0.0, 1.1)
    assert moved[5, 50] == 50
    assert moved[5, 61] == pytest.approx(60, abs=1)
