"""What a colour camera makes of the light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fercore.synthesis.exposure import Exposure, expose, sample_exposure

PLAIN = Exposure(
    stops=0.0,
    whitening=1.0,
    balance=np.ones(3, np.float32),
    gamma=2.2,
    contrast=0.0,
    saturation=1.0,
    shot_noise=0.0,
    read_noise=0.0,
    grain=0.0,
    defocus=0.3,
    motion_px=np.zeros(2, np.float32),
    sharpening=0.0,
    jpeg_quality=0,
)


def scene(level=0.2, size=64):
    """Return a grey scene with a brighter square in its middle, and where the face is."""
    light = np.full((size, size, 3), 0.5 * level, np.float32)
    face = np.zeros((size, size), bool)
    face[size // 4 : -size // 4, size // 4 : -size // 4] = True
    light[face] = level
    return light, face


def taken(camera, level=0.2, seed=0):
    light, face = scene(level)
    return expose(light, face, camera, np.random.default_rng(seed)).astype(float)


def test_a_picture_is_rgb_bytes():
    light, face = scene()
    rgb = expose(light, face, PLAIN, np.random.default_rng(0))
    assert rgb.shape == (64, 64, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous


def test_automatic_exposure_makes_up_for_most_of_the_light():
    dim, bright = taken(PLAIN, 0.05)[32, 32, 1], taken(PLAIN, 0.8)[32, 32, 1]
    assert 80 < dim < bright < 200


def test_stops_darken_and_brighten():
    values = [taken(replace(PLAIN, stops=stops))[32, 32, 1] for stops in (-2, 0, 2)]
    assert values[0] < 0.65 * values[1] < values[1] < 0.7 * values[2]


def test_white_balance_takes_the_lamps_colour_away():
    light, face = scene()
    warm = light * np.array([1.6, 1.0, 0.5], np.float32)

    def redness(whitening):
        camera = replace(PLAIN, whitening=whitening)
        red, _, blue = expose(warm, face, camera, np.random.default_rng(0))[32, 32].astype(float)
        return red / blue

    assert redness(1.0) < 0.8 * redness(0.3)


def test_noise_grows_where_it_should():
    quiet = taken(PLAIN)[20:40, 20:40, 1].std()
    shot, read = (
        taken(replace(PLAIN, **{name: value}))[20:40, 20:40, 1].std()
        for name, value in (("shot_noise", 1e-3), ("read_noise", 0.02))
    )
    assert quiet < 1
    assert shot > 3
    assert read > 3


def contrast_at_edge(picture):
    row = picture[32, :, 1]
    return np.abs(np.diff(row)).max()


def test_blur_and_motion_soften_and_sharpening_hardens():
    sharp = contrast_at_edge(taken(PLAIN))
    assert contrast_at_edge(taken(replace(PLAIN, defocus=2.0))) < 0.5 * sharp
    across = np.array([6.0, 0.0], np.float32)
    assert contrast_at_edge(taken(replace(PLAIN, motion_px=across))) < 0.5 * sharp
    down = np.array([0.0, 6.0], np.float32)
    assert contrast_at_edge(taken(replace(PLAIN, motion_px=down))) > 0.8 * sharp
    soft = replace(PLAIN, defocus=1.0)
    assert contrast_at_edge(taken(replace(soft, sharpening=1.0))) > 1.1 * contrast_at_edge(
        taken(soft)
    )


def test_no_saturation_is_grey():
    light, face = scene()
    light[..., 0] *= 2
    rgb = expose(light, face, replace(PLAIN, saturation=0.0), np.random.default_rng(0)).astype(int)
    assert np.ptp(rgb, axis=2).max() <= 1


def test_compression_changes_little():
    noisy = replace(PLAIN, shot_noise=2e-4)
    plain, compressed = taken(noisy), taken(replace(noisy, jpeg_quality=60))
    assert 0 < np.abs(plain - compressed).mean() < 8


def test_darkness_and_glare_are_survived():
    face = np.zeros((8, 8), bool)
    for level in (0.0, 1e3):
        light = np.full((8, 8, 3), level, np.float32)
        rgb = expose(light, face, PLAIN, np.random.default_rng(0))
        assert np.isfinite(rgb.astype(float)).all()


def test_drawn_cameras_are_within_their_ranges_and_differ():
    rng = np.random.default_rng(0)
    cameras = [sample_exposure(rng) for _ in range(300)]
    off = np.array([abs(camera.stops) for camera in cameras])
    assert 0.1 < (off > 0.7).mean() < 0.4
    assert off.max() < 2.5
    assert {camera.jpeg_quality == 0 for camera in cameras} == {True, False}
    assert all(1.9 <= camera.gamma <= 2.5 for camera in cameras)
    assert max(np.hypot(*camera.motion_px) for camera in cameras) == pytest.approx(7.5, abs=0.6)


def test_a_picture_depends_on_its_random_numbers_alone():
    noisy = replace(PLAIN, shot_noise=1e-3, grain=0.6)
    np.testing.assert_array_equal(taken(noisy, seed=4), taken(noisy, seed=4))
    assert (taken(noisy, seed=4) != taken(noisy, seed=5)).any()
