"""Scans in any unit and axes, with parts of their own and open mouths, become plain faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.frames import scan_rendering
from fercore.datasets.opening import sample_root
from fercore.datasets.scan_face import scan_face
from fercore.errors import MeshError
from fercore.geometry import MeshRenderer, OrthographicCamera
from fercore.geometry.repairs import kept_triangles
from fercore.structures import Mesh


@pytest.fixture(scope="module")
def scan():
    return Bu3dfe(sample_root()).find("F9001_SU04WH")


@pytest.fixture(scope="module")
def mesh(scan):
    return scan.mesh()


MARGIN = np.array([4, 2, 0])


def moved(mesh, matrix):
    return replace(mesh, vertices_mm=(mesh.vertices_mm @ np.array(matrix).T).astype(np.float32))


def test_plain_scans_stay_as_they_are():
    for scan in Bu3dfe(sample_root()).scans():
        mesh = scan.mesh()
        face, remark, _ = scan_face(mesh, scan.name)
        assert remark == "", scan.name
        np.testing.assert_array_equal(face.vertices_mm, mesh.vertices_mm)
        np.testing.assert_array_equal(face.triangles, mesh.triangles)
        np.testing.assert_array_equal(face.uv_triangles, mesh.uv_triangles)


@pytest.mark.parametrize(
    ("unit", "per_mm"),
    [("metres", 0.001), ("decimetres", 0.01), ("centimetres", 0.1), ("micrometres", 1000.0)],
)
def test_units_are_told_by_the_size_of_a_face(mesh, unit, per_mm):
    face, remark, _ = scan_face(moved(mesh, np.eye(3) * per_mm), "a.wrl")
    assert remark == f"scan read in {unit}"
    np.testing.assert_allclose(face.vertices_mm, mesh.vertices_mm, atol=1e-3)


AXES = {
    "z up, as Blender writes it": ([[1, 0, 0], [0, 0, -1], [0, 1, 0]], "-y"),
    "away from the camera": ([[-1, 0, 0], [0, 1, 0], [0, 0, -1]], "-z"),
    "a camera's own axes": ([[1, 0, 0], [0, -1, 0], [0, 0, -1]], "-z"),
    "to the side": ([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], "+x"),
    "upside down to the side": ([[0, 0, -1], [0, -1, 0], [-1, 0, 0]], "-x"),
}


@pytest.mark.parametrize(("axes", "name"), AXES.values(), ids=AXES)
def test_axes_are_told_by_the_face(mesh, axes, name):
    assert np.linalg.det(axes) == 1
    face, remark, _ = scan_face(moved(mesh, axes), "a.wrl")
    assert remark == f"scan looked along {name} and was turned"
    np.testing.assert_allclose(face.vertices_mm, mesh.vertices_mm, atol=1e-3)


def test_triangles_that_run_the_other_way_do_not_turn_a_face(mesh):
    backwards = replace(
        mesh, triangles=mesh.triangles[:, ::-1], uv_triangles=mesh.uv_triangles[:, ::-1]
    )
    face, remark, _ = scan_face(backwards, "a.wrl")
    assert remark == ""
    np.testing.assert_array_equal(face.vertices_mm, mesh.vertices_mm)


REFUSED = {
    "inches": (np.eye(3) / 25.4, "face's size in decimetres alone"),
    "feet": (np.eye(3) / 304.8, "face's size in metres alone"),
    "kilometres": (np.eye(3) / 1e6, "face's size in none of millimetres"),
    "flat": (np.diag([1, 1, 0.01]), "is flat"),
    "mirrored": (np.diag([1, 1, -1]), "is inside out"),
    "askew": ([[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]], None),
    "half turned away": ([[-0.4, 0.69, 0.6], [0, 0.66, -0.75], [-0.91, -0.3, -0.27]], "looks"),
}


@pytest.mark.parametrize(("matrix", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_certain_is_refused(mesh, matrix, reason):
    if reason is None:  # turned by 53 degrees: for the detector to find, or not
        assert scan_face(moved(mesh, matrix), "a.wrl").remark == ""
        return
    with pytest.raises(MeshError, match=reason) as caught:
        scan_face(moved(mesh, matrix), "a.wrl")
    assert "a.wrl" in str(caught.value)


def ball(centre, radius=10.0):
    """Return vertices and triangles of a ball of 200 triangles."""
    down, around = np.meshgrid(np.linspace(0, np.pi, 11), np.arange(10) * np.pi / 5, indexing="ij")
    unit = np.stack([np.sin(down) * np.cos(around), np.cos(down), np.sin(down) * np.sin(around)], 2)
    rows, columns = np.meshgrid(np.arange(10), np.arange(10), indexing="ij")
    here, right = rows * 10 + columns, rows * 10 + (columns + 1) % 10
    triangles = np.concatenate(
        [np.stack([here, right, here + 10], 2), np.stack([right, right + 10, here + 10], 2)]
    )
    return (unit * radius + centre).reshape(-1, 3), triangles.reshape(-1, 3)


def test_eyes_stay_in_the_face_and_strays_are_counted(scan, mesh):
    marks = scan.landmarks()
    bare = replace(mesh, uv=None, uv_triangles=None, texture_rgb=None)
    vertices, triangles = [bare.vertices_mm], [bare.triangles]
    eyes = [marks.group(side).mean(axis=0) - [0, 0, 11] for side in ("right eye", "left eye")]
    strays = [np.array([0, 0, 160]), np.array([150, 0, 0])]  # before the nose, beside the head
    for centre in (*eyes, *strays):
        points, corners = ball(centre)
        triangles.append(corners + sum(map(len, vertices)))
        vertices.append(points)
    whole = Mesh(
        np.concatenate(vertices).astype(np.float32), np.concatenate(triangles).astype(np.int32)
    )
    face, remark, _ = scan_face(whole, "a.wrl")
    assert len(face.triangles) == len(mesh.triangles) + 400
    assert remark == f"400 of {len(whole.triangles)} triangles apart from the face left out"


def test_a_hole_at_the_mouth_looks_like_an_open_mouth(scan, mesh):
    lips = scan.landmarks().group("inner lips")
    centres = mesh.vertices_mm[mesh.triangles].mean(axis=1)
    low, high = lips.min(axis=0) + MARGIN, lips.max(axis=0) - MARGIN
    inside = ((centres > low) & (centres < high))[:, :2].all(axis=1)
    holed = kept_triangles(mesh, ~inside)
    face, remark, _ = scan_face(holed, scan.name)
    assert remark.endswith("hole at the mouth shown as an open mouth")
    frame = scan_rendering(scan, face)
    camera = OrthographicCamera.framing(mesh.vertices_mm)
    column, row = camera.project(lips.mean(axis=0)[None])[0].round().astype(int)
    lips_m = 1 - lips[:, 2].mean() / 1000
    assert 0.015 < frame.depth_m[row, column] - lips_m < 0.040
    assert frame.rgb[row, column].max() < 70
    untouched = MeshRenderer(holed, 1).orthographic(camera)
    outer = camera.project(scan.landmarks().group("outer lips")).round().astype(int)
    (left, top), (right, bottom) = outer.min(axis=0), outer.max(axis=0)
    elsewhere = np.isfinite(untouched.depth_m)
    elsewhere[top:bottom, left:right] = False
    np.testing.assert_array_equal(frame.depth_m[elsewhere], untouched.depth_m[elsewhere])
    np.testing.assert_array_equal(frame.rgb[elsewhere], untouched.rgb[elsewhere])
