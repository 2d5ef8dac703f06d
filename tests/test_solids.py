"""Solids are closed, look outwards and stand where they should."""

from __future__ import annotations

import numpy as np
import pytest
from toy_face import toy_face_model

from fercore.geometry import vertex_normals
from fercore.synthesis.occluders import (
    FaceFrame,
    Material,
    Solid,
    ellipsoid,
    glasses,
    hand,
    held_thing,
    joined,
    lens_outlines,
    shoulders,
    tube,
)

CLOTH = Material(np.array([0.2, 0.3, 0.4], np.float32), 0.5, 0.1)


@pytest.fixture(scope="module")
def face():
    model = toy_face_model()
    return FaceFrame.of(model.neutral_mm[model.landmarks68])


def test_an_ellipsoid_looks_outwards():
    centre = np.array([5.0, -3.0, 40.0])
    vertices, triangles = ellipsoid(centre, np.diag([10.0, 20.0, 30.0]))
    normals = vertex_normals(vertices, triangles)
    assert ((vertices - centre) * normals).sum(axis=1).min() > 0
    assert np.abs(vertices - centre).max(axis=0) == pytest.approx([10, 20, 30], rel=0.05)


@pytest.mark.parametrize("closed", [False, True])
def test_a_tube_looks_outwards(closed):
    angle = np.linspace(0, 2 * np.pi if closed else 2.0, 24, endpoint=not closed)
    line = 50 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    vertices, triangles = tube(line, 4.0, closed)
    nearest = np.linalg.norm(vertices[:, None] - line, axis=2)
    outwards = vertices - line[nearest.argmin(axis=1)]
    normals = vertex_normals(vertices, triangles)
    assert nearest.min(axis=1).max() < 7.5
    assert ((outwards * normals).sum(axis=1) > 0).mean() > 0.99


def test_joining_keeps_every_part():
    ball = Solid.of(*ellipsoid(np.zeros(3), np.eye(3)), CLOTH)
    both = joined([ball, ball])
    assert len(both.vertices_mm) == 2 * len(ball.vertices_mm)
    assert both.triangles.max() == len(both.vertices_mm) - 1
    assert len(both.reflectance) == len(both.infrared) == len(both.gloss) == len(both.vertices_mm)


def test_the_axes_of_a_face_follow_its_landmarks(face):
    assert face.right == pytest.approx([1, 0, 0], abs=0.05)
    assert face.up[1] > 0.9
    assert face.forward[2] > 0.9
    np.testing.assert_allclose(face.moved(np.zeros(3), 2, 0, 0), 2 * face.right)


def test_glasses_sit_before_the_eyes(face):
    worn = glasses(face, np.random.default_rng(0))
    eyes = face.landmarks_mm[36:48]
    ahead = (worn.vertices_mm - eyes.mean(axis=0)) @ face.forward
    assert ahead.max() > 8
    across = (worn.vertices_mm - eyes.mean(axis=0)) @ face.right
    assert across.min() < (eyes @ face.right).min() < (eyes @ face.right).max() < across.max()
    for lens, eye in zip(lens_outlines(face, np.random.default_rng(0)), (0, 1), strict=True):
        corners = face.landmarks_mm[[36 + 6 * eye, 39 + 6 * eye]].mean(axis=0)
        assert np.linalg.norm((lens.mean(axis=0) - corners)[:2]) < 6


def test_hands_touch_the_face_from_both_sides(face):
    skin = np.array([0.4, 0.3, 0.25], np.float32)
    hands = [hand(face, skin, np.random.default_rng(seed)) for seed in range(20)]
    middle = face.landmarks_mm.mean(axis=0)
    for found in hands:
        gaps = np.linalg.norm(found.vertices_mm[:, None] - face.landmarks_mm, axis=2)
        assert gaps.min() < 45
        assert np.isfinite(found.vertices_mm).all()
        np.testing.assert_allclose(found.reflectance[0], skin)
    elbows = [np.sign(found.vertices_mm[-1, 0] - middle[0]) for found in hands]
    assert {-1.0, 1.0} <= set(elbows)


def test_held_things_are_before_the_face(face):
    for seed in range(5):
        thing = held_thing(face, np.random.default_rng(seed))
        ahead = (thing.vertices_mm - face.landmarks_mm[48:60].mean(axis=0)) @ face.forward
        assert 10 < ahead.mean() < 100


def test_shoulders_are_below_the_neck():
    neck = np.array([10.0, -120.0, -500.0], np.float32)
    for seed in range(5):
        torso = shoulders(neck, np.random.default_rng(seed))  # and maybe a collar
        assert torso.vertices_mm[:, 1].max() < neck[1] + 1
        assert np.ptp(torso.vertices_mm[:, 0]) > 350
        normals = vertex_normals(torso.vertices_mm, torso.triangles)
        outwards = torso.vertices_mm - (neck - (0, 300, 0))
        assert ((normals * outwards).sum(axis=1) > 0)[:520].all()


def test_things_of_the_same_draw_are_the_same(face):
    once, again = (glasses(face, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(once.vertices_mm, again.vertices_mm)
