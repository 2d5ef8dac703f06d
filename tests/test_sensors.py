"""Depth cameras: their noise, steps, holes and edges are those that their physics asks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fercore.synthesis import sensors
from fercore.synthesis.sensors import CAMERA_NAMES, CAMERAS, SCANNER, aged, measure
from fercore.synthesis.sights import Sight

STEREO = ("d415", "d435", "d455", "d405")
FOCAL_PX = 600.0


@pytest.fixture(autouse=True)
def aligned(monkeypatch):
    """Let colour and depth agree, for tests of anything else."""
    monkeypatch.setattr(sensors, "_ALIGNMENT_PX", 0.0)
    monkeypatch.setattr(sensors, "_ALIGNMENT_SCALE", 0.0)


def wall(depth_m, infrared=0.8, shape=(160, 200)):
    """Return a wall (H, W) that faces the camera."""
    return Sight(
        light=np.zeros((*shape, 3), np.float32),
        depth_m=np.full(shape, depth_m, np.float32),
        facing=np.ones(shape, np.float32),
        infrared=np.full(shape, infrared, np.float32),
        glint=np.zeros(shape, np.float32),
        face=np.ones(shape, bool),
    )


def seen(name, sight, seed=0, **changes):
    sensor = replace(CAMERAS[name].sensor, **changes)
    return measure(sensor, sight, FOCAL_PX, np.random.default_rng(seed))


def rms_m(name, distance_m, **changes):
    """Return the noise of a wall's depth, over several pictures, without the bend."""
    pictures = [
        seen(name, wall(distance_m), seed, bend_px=0.0, step_m=1e-6, **changes) for seed in range(4)
    ]
    return float(np.nanstd(np.stack(pictures)))


@pytest.mark.parametrize("name", STEREO)
def test_stereo_noise_is_z2_over_focal_length_and_baseline(name):
    sensor = CAMERAS[name].sensor
    for distance_m in (0.42, 0.6):
        expected = distance_m**2 * sensor.noise_px / (sensor.focal_px * sensor.baseline_m)
        assert rms_m(name, distance_m) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("name", STEREO)
def test_stereo_noise_grows_with_the_square_of_the_distance(name):
    ratio = rms_m(name, 0.84) / rms_m(name, 0.42)
    assert ratio == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(
    ("name", "distance_m", "noise_mm"),
    [("d415", 0.5, 0.4), ("d435", 0.5, 0.9), ("d455", 0.5, 0.5), ("d405", 0.3, 0.6)],
)
def test_noise_at_the_distance_of_a_face(name, distance_m, noise_mm):
    assert 1000 * rms_m(name, distance_m) == pytest.approx(noise_mm, rel=0.2)


def test_coded_light_is_off_by_about_a_millimetre():
    assert 0.1 < 1000 * rms_m("sr305", 0.4) < 1.0
    assert 0.5 < 1000 * rms_m("sr305", 0.8) < 4.0


def test_coded_light_reads_dim_surfaces_less_well():
    bright, dim = (np.nanstd(seen("sr305", wall(0.5, infrared))) for infrared in (0.9, 0.25))
    assert dim > 1.4 * bright


def test_noise_is_shared_by_neighbours():
    depth_m = seen("d435", wall(0.6), bend_px=0.0, step_m=1e-6)
    off = depth_m - np.nanmean(depth_m)
    right = np.corrcoef(off[:, :-1].ravel(), off[:, 1:].ravel())[0, 1]
    assert right > 0.7


def test_disparity_comes_in_32nds_of_a_pixel():
    sensor = CAMERAS["d435"].sensor
    depth_m = seen("d435", wall(0.6), step_m=1e-7)
    steps = 32 * sensor.focal_px * sensor.baseline_m / depth_m[np.isfinite(depth_m)].astype(float)
    assert np.abs(steps - np.round(steps)).max() < 0.02
    assert len(np.unique(np.round(steps))) > 3


@pytest.mark.parametrize(("name", "step_m"), [("d415", 1e-3), ("d405", 1e-4), ("sr305", 1.25e-4)])
def test_depth_comes_in_the_cameras_units(name, step_m):
    depth_m = seen(name, wall(0.5))
    steps = depth_m[np.isfinite(depth_m)].astype(float) / step_m
    assert np.abs(steps - np.round(steps)).max() < 0.01


def test_disparity_bends_between_whole_pixels():
    shape = (60, 400)
    slanted = replace_depth(wall(0.5, shape=shape), np.linspace(0.5, 0.56, shape[1]))
    straight, bent = (
        seen("d435", slanted, noise_px=0.0, step_m=1e-6, bend_px=bend) for bend in (0.0, 0.05)
    )
    sensor = CAMERAS["d435"].sensor
    off_px = sensor.disparity_px(bent) - sensor.disparity_px(straight)
    assert np.nanmax(off_px) == pytest.approx(0.05, abs=0.035)
    assert np.nanmin(off_px) == pytest.approx(-0.05, abs=0.035)


def replace_depth(sight, depth_m):
    return replace(sight, depth_m=np.broadcast_to(depth_m, sight.depth_m.shape).astype(np.float32))


def post(near_m=0.5, far_m=1.0):
    sight = wall(far_m)
    sight.depth_m[:, 80:120] = near_m
    return sight


@pytest.mark.parametrize("name", ["d415", "d435", "sr305"])
def test_nothing_is_known_left_of_a_near_thing(name):
    depth_m = seen(name, post(), noise_px=0.0, edge_px=1.0)
    sensor = CAMERAS[name].sensor
    shadow_px = FOCAL_PX * sensor.baseline_m * (1 / 0.5 - 1 / 1.0)
    unknown = np.isnan(depth_m).mean(axis=0)
    left, right = unknown[80 - int(shadow_px) + 4 : 76], unknown[140:]
    assert left.mean() > 0.8
    assert right.mean() < 0.2


def test_the_d455_loses_what_its_colour_camera_sees_alone():
    """Its colour camera stands to the right of the depth picture's eye, by 59 mm."""
    depth_m = seen("d455", post(), noise_px=0.0, edge_px=1.0)
    unknown = np.isnan(depth_m).mean(axis=0)
    assert unknown[124:150].mean() > 0.8


def test_edges_bleed():
    def width(edge_px):
        depth_m = seen("d435", post(), noise_px=0.0, edge_px=edge_px, baseline_m=0.05)
        return float((depth_m < 0.7).sum(axis=1).mean())

    assert width(4.0) > width(0.0) + 2


def half(sight, field, value):
    """Change one property of the right half of a sight."""
    getattr(sight, field)[:, sight.depth_m.shape[1] // 2 :] = value
    return sight


@pytest.mark.parametrize("name", [*STEREO, "sr305"])
@pytest.mark.parametrize(("field", "value"), [("infrared", 0.03), ("facing", 0.02), ("glint", 1.0)])
def test_hair_grazing_surfaces_and_highlights_leave_holes(name, field, value):
    depth_m = seen(name, half(wall(0.45), field, value))
    known = np.isfinite(depth_m)
    assert known[:, 30:85].mean() > 0.95
    assert known[:, 115:].mean() < 0.1


@pytest.mark.parametrize("name", CAMERAS)
def test_nothing_is_known_out_of_range(name):
    sensor = CAMERAS[name].sensor
    for depth_m in (0.9 * sensor.nearest_m, 2 * sensor.farthest_m, np.inf):
        assert np.isnan(seen(name, wall(depth_m))).all()


@pytest.mark.parametrize("name", CAMERAS)
def test_faces_sit_where_the_camera_can_see_them(name):
    camera = CAMERAS[name]
    assert camera.sensor.nearest_m < camera.nearest_face_m < camera.farthest_face_m
    assert camera.farthest_face_m < camera.sensor.farthest_m
    for distance_m in (camera.nearest_face_m, camera.farthest_face_m):
        assert np.isfinite(seen(name, wall(distance_m, 0.7))[:, 60:140]).mean() > 0.95


@pytest.mark.parametrize("name", CAMERAS)
def test_a_measurement_depends_on_its_random_numbers_alone(name):
    np.testing.assert_array_equal(seen(name, post(), 3), seen(name, post(), 3))
    assert not np.array_equal(seen(name, post(), 3), seen(name, post(), 4), equal_nan=True)


def test_colour_and_depth_are_off_by_a_pixel_or_two(monkeypatch):
    monkeypatch.setattr(sensors, "_ALIGNMENT_PX", 0.8)

    def middle(seed):
        depth_m = seen("d405", post(), seed, noise_px=0.0, edge_px=0.0)
        return float((depth_m < 0.7).nonzero()[1].mean())

    off_px = np.array([middle(seed) for seed in range(12)]) - 99.5
    assert 0.4 < np.abs(off_px).max() < 3
    assert abs(off_px.mean()) < 1


def test_specimens_differ_around_their_kind():
    rng = np.random.default_rng(0)
    noises = [aged(CAMERAS["d415"].sensor, rng).noise_px for _ in range(300)]
    assert np.median(noises) == pytest.approx(0.08, rel=0.1)
    assert min(noises) < 0.06 < 0.11 < max(noises)


def test_every_name_is_a_camera_or_the_scanner():
    assert CAMERA_NAMES == ("d415", "d435", "d455", "d405", "sr305", SCANNER)
