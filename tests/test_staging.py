"""A person before a camera: what is seen is where it should be."""

from __future__ import annotations

import numpy as np
import pytest
from toy_face import toy_face_model

from fercore.synthesis import staging
from fercore.synthesis.appearance import sample_skin
from fercore.synthesis.lighting import room_light
from fercore.synthesis.picture import LitSurface, looks_of
from fercore.synthesis.scanner import scanner_for
from fercore.synthesis.sensors import CAMERAS
from fercore.synthesis.sights import blank_sight, look, project
from fercore.synthesis.staging import HEIGHT, WIDTH, mirror_lenses, room, set_stage

SKIN = np.array([0.4, 0.3, 0.25], np.float32)


@pytest.fixture(scope="module")
def model():
    return toy_face_model()


def stage_of(model, seed, camera="d435", occluded=True):
    rng = np.random.default_rng(seed)
    return set_stage(
        model.neutral_mm, model.landmarks68, CAMERAS[camera], SKIN, rng, occluded=occluded
    )


def landmarks_mm(model, stage):
    return stage.vertices_mm[model.landmarks68]


@pytest.mark.parametrize("camera", CAMERAS)
def test_faces_are_in_the_picture_at_the_cameras_distance(model, camera):
    for seed in range(20):
        stage = stage_of(model, seed, camera)
        points = landmarks_mm(model, stage)
        distance_m = -points[:, 2].mean() / 1000
        range_m = CAMERAS[camera].nearest_face_m, CAMERAS[camera].farthest_face_m
        assert range_m[0] - 0.001 < distance_m < range_m[1] + 0.001
        pixels = project(points, stage.intrinsics)
        assert ((pixels > 0) & (pixels < (WIDTH, HEIGHT))).all(axis=1).mean() > 0.9
        assert stage.intrinsics.fx in CAMERAS[camera].focals_px


def turn_deg(points):
    """Return how far a face (68, 3) is turned to the side and rolled, degrees."""
    right = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    yaw = np.degrees(np.arctan2(right[2], np.hypot(right[0], right[1])))
    return abs(yaw), abs(np.degrees(np.arctan2(right[1], right[0])))


def test_heads_turn_within_their_limits(model):
    turns = np.array([turn_deg(landmarks_mm(model, stage_of(model, s))) for s in range(80)])
    yaw, roll = turns.max(axis=0)
    assert 20 < yaw < 31
    assert 6 < roll < 20  # as seen in the picture, yaw and pitch add a little
    assert np.median(turns[:, 0]) < 15


def test_a_turned_head_leaves_the_base_of_the_neck(model):
    vertices = np.vstack([model.neutral_mm, [[0, -250, -60]]]).astype(np.float32)
    turned, _ = staging._turned(vertices, model.landmarks68, np.array([30.0, 0.0, 0.0]))
    np.testing.assert_allclose(turned[-1], vertices[-1], atol=1e-3)
    moved = np.linalg.norm(turned - vertices, axis=1)[model.landmarks68]
    assert moved.max() > 30


def test_the_models_own_shoulders_are_drawn_in():
    wide = np.array([[200, -200, 0], [30, -200, 0], [200, 0, 0]], np.float32)
    tucked = staging._tucked(wide, -90.0, np.zeros(3, np.float32))
    assert tucked[0, 0] == pytest.approx(staging._BUST_MM)
    np.testing.assert_array_equal(tucked[1:], wide[1:])


def test_things_before_the_face_come_in_their_shares(model, monkeypatch):
    bare = [len(stage_of(model, seed, occluded=False).lenses) for seed in range(60)]
    worn = np.array([len(stage_of(model, seed).lenses) > 0 for seed in range(150)])
    assert not any(bare)
    assert worn.mean() == pytest.approx(staging.GLASSES_SHARE, abs=0.1)


@pytest.fixture(scope="module")
def seen(model):
    """Return a stage with glasses, the light and what is seen of it."""
    looks = looks_of(model, sample_skin(np.random.default_rng(1)))
    stage = next(s for s in (stage_of(model, seed) for seed in range(99)) if s.lenses)
    light = room_light(np.random.default_rng(0))
    surface = LitSurface(stage.vertices_mm, scanner_for(model), looks, stage.solid)
    sight = room(HEIGHT, WIDTH, 1.0, light, np.random.default_rng(2))
    nearby = np.concatenate([stage.vertices_mm, stage.solid.vertices_mm])
    look(sight, stage.intrinsics, surface, stage.solid, nearby, light)
    return stage, sight


def test_depth_is_that_of_the_landmarks(model, seen):
    stage, sight = seen
    points = landmarks_mm(model, stage)
    columns, rows = np.round(project(points, stage.intrinsics)).astype(int).T
    inside = sight.face[rows.clip(0, HEIGHT - 1), columns.clip(0, WIDTH - 1)]
    off_m = sight.depth_m[rows[inside], columns[inside]] + points[inside, 2] / 1000
    assert inside.mean() > 0.4
    assert np.median(np.abs(off_m)) < 0.004


def test_what_is_seen_makes_sense(seen):
    _, sight = seen
    assert np.isfinite(sight.light).all()
    assert (sight.light >= 0).all()
    assert sight.face.mean() > 0.02
    assert 0 <= sight.facing.min() <= sight.facing.max() <= 1 + 1e-5
    assert 0 <= sight.infrared.min() <= sight.infrared.max() <= 1
    behind = sight.depth_m[~sight.face]
    assert behind.max() > 1.2
    assert sight.light[sight.face].mean() > 0.01


def test_lenses_mirror_on_the_face_alone(seen):
    stage, sight = seen
    changed = False
    for seed in range(12):
        copy = blank_sight(HEIGHT, WIDTH)
        for name in ("light", "depth_m", "facing", "infrared", "glint"):
            getattr(copy, name)[:] = getattr(sight, name)
        mirror_lenses(stage, copy, np.random.default_rng(seed))
        np.testing.assert_array_equal(copy.depth_m, sight.depth_m)
        touched = np.abs(copy.light - sight.light).max(axis=2) > 1e-3
        assert touched.mean() < 0.2
        changed |= bool(touched.any())
    assert changed


def test_rooms_stand_behind_heads():
    rng = np.random.default_rng(0)
    for _ in range(10):
        sight = room(120, 160, 0.8, room_light(rng), rng)
        assert sight.depth_m.min() > 0.85
        assert sight.depth_m.max() < 7
        assert np.isfinite(sight.light).all()
        assert not sight.face.any()
