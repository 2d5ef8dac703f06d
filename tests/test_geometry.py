"""Meshes, depth maps and ray casting, against shapes whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fercore.errors import MeshError
from fercore.geometry import (
    BACKGROUND_GREY,
    NOMINAL_DISTANCE_M,
    MeshRenderer,
    OrthographicCamera,
    Pose,
    fill_interior_holes,
    largest_component,
    median3,
    vertex_normals,
)
from fercore.structures import Intrinsics, Mesh

WEBCAM = Intrinsics(fx=600.0, fy=600.0, cx=319.5, cy=239.5, width=640, height=480)


def square(side_mm: float = 100.0, z_mm: float = 0.0) -> Mesh:
    half = side_mm / 2
    corners = [[-half, -half], [half, -half], [half, half], [-half, half]]
    vertices = np.array([[x, y, z_mm] for x, y in corners], np.float32)
    return Mesh(vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def textured_square() -> Mesh:
    """Red at the top left, green at the top right, blue below left, white below right."""
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, 0], texture[0, 1], texture[1, 0], texture[1, 1] = (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
    )
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    plain = square()
    return replace(plain, uv=uv, uv_triangles=plain.triangles, texture_rgb=texture)


def ball(radius_mm: float = 60.0, rings: int = 24) -> Mesh:
    """Return the half of a ball that faces the camera, coarse enough to have facets."""
    across = np.linspace(-1, 1, rings)
    x, y = (part.ravel() for part in np.meshgrid(across, across))
    polar = np.maximum(np.abs(x), np.abs(y)) * (math.pi / 2) * 0.95
    azimuth = np.arctan2(y, x)
    vertices = radius_mm * np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=1
    )
    first = (np.arange(rings - 1)[:, None] * rings + np.arange(rings - 1)).ravel()
    lower = np.stack([first, first + 1, first + rings + 1], axis=1)
    upper = np.stack([first, first + rings + 1, first + rings], axis=1)
    return Mesh(vertices.astype(np.float32), np.concatenate([lower, upper]).astype(np.int32))


class TestVertexNormals:
    def test_of_a_ball_point_outwards(self):
        mesh = ball()
        normals = vertex_normals(mesh.vertices_mm, mesh.triangles)
        outwards = mesh.vertices_mm / np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
        inner = mesh.vertices_mm[:, 2] > 20
        assert normals.dtype == np.float32
        assert (normals * outwards).sum(axis=1)[inner].min() > math.cos(math.radians(4))

    def test_are_shared_by_duplicate_vertices(self):
        flat = square()
        tilted = np.array([[50, -50, 0], [50, 50, 0], [50, 0, -80]], np.float32)
        vertices = np.concatenate([flat.vertices_mm, tilted])
        triangles = np.concatenate([flat.triangles, np.array([[4, 6, 5]], np.int32)])
        normals = vertex_normals(vertices, triangles)
        np.testing.assert_array_equal(normals[1], normals[4])

    def test_without_area_look_at_the_camera(self):
        vertices = np.zeros((3, 3), np.float32)
        normals = vertex_normals(vertices, np.array([[0, 1, 2]], np.int32))
        np.testing.assert_array_equal(normals, np.tile([0, 0, 1], (3, 1)))


class TestLargestComponent:
    def test_drops_a_small_part_and_its_vertices(self):
        large, small = square(100), square(10, z_mm=50)
        both = Mesh(
            np.concatenate([small.vertices_mm, large.vertices_mm]),
            np.concatenate([small.triangles, large.triangles + 4]),
        )
        kept = largest_component(both)
        np.testing.assert_array_equal(kept.vertices_mm, large.vertices_mm)
        np.testing.assert_array_equal(kept.triangles, large.triangles)

    def test_follows_area_not_triangle_count(self):
        fine, large = ball(5), square(100)
        both = Mesh(
            np.concatenate([fine.vertices_mm, large.vertices_mm]),
            np.concatenate([fine.triangles, large.triangles + len(fine.vertices_mm)]),
        )
        assert len(largest_component(both).triangles) == 2

    def test_joins_duplicate_vertices(self):
        flat = square()
        vertices = np.concatenate([flat.vertices_mm, flat.vertices_mm[[0, 2, 3]]])
        mesh = Mesh(vertices, np.array([[0, 1, 2], [4, 5, 6]], np.int32))
        assert len(largest_component(mesh).triangles) == 2

    def test_keeps_texture_triangles_in_step(self):
        mesh = textured_square()
        far = mesh.vertices_mm[:3] * 0.01 + 500
        triangles = np.concatenate([[[4, 5, 6]], mesh.triangles]).astype(np.int32)
        uv_triangles = np.concatenate([[[0, 0, 0]], mesh.uv_triangles]).astype(np.int32)
        vertices = np.concatenate([mesh.vertices_mm, far])
        kept = largest_component(
            replace(mesh, vertices_mm=vertices, triangles=triangles, uv_triangles=uv_triangles)
        )
        np.testing.assert_array_equal(kept.uv_triangles, mesh.uv_triangles)


class TestDepthMaps:
    @pytest.mark.parametrize("unknown", [np.nan, np.inf])
    @pytest.mark.parametrize("width", [3, 18, 80])
    def test_interior_hole_of_a_slope_is_filled_exactly(self, width, unknown):
        rows, columns = np.mgrid[:200, :200].astype(np.float32)
        depth_m = 0.5 + 0.001 * rows + 0.002 * columns
        holed = depth_m.copy()
        holed[10:30, 12 : 12 + width] = unknown
        holed[33:37, 50] = unknown
        np.testing.assert_allclose(fill_interior_holes(holed), depth_m, atol=1e-6)

    def test_a_hole_that_the_outside_touches_with_a_corner_is_filled(self):
        depth_m = np.full((4, 4), 0.6, np.float32)
        depth_m[[0, 1], [0, 1]] = np.nan
        filled = fill_interior_holes(depth_m)
        assert filled[1, 1] == pytest.approx(0.6)
        assert np.isnan(filled[0, 0])

    def test_outside_and_bays_stay_unknown(self):
        depth_m = np.full((30, 30), np.nan, np.float32)
        depth_m[5:25, 5:25] = 0.7
        depth_m[5:10, 12:14] = np.nan  # a bay, open to the background
        filled = fill_interior_holes(depth_m)
        np.testing.assert_array_equal(np.isnan(filled), np.isnan(depth_m))

    def test_input_is_left_alone(self):
        depth_m = np.ones((9, 9), np.float32)
        depth_m[4, 4] = np.nan
        assert np.isfinite(fill_interior_holes(depth_m)[4, 4])
        assert np.isnan(depth_m[4, 4])

    @pytest.mark.parametrize("value", [np.nan, 0.5])
    def test_nothing_to_fill(self, value):
        depth_m = np.full((8, 8), value, np.float32)
        np.testing.assert_array_equal(fill_interior_holes(depth_m), depth_m)
        np.testing.assert_array_equal(median3(depth_m), depth_m)

    def test_median_removes_a_speck_and_keeps_the_outline(self):
        depth_m = np.full((12, 12), np.nan, np.float32)
        depth_m[2:10, 2:10] = 0.6
        depth_m[2, 2] = depth_m[5, 5] = 0.9
        cleaned = median3(depth_m)
        np.testing.assert_array_equal(np.isnan(cleaned), np.isnan(depth_m))
        assert np.nanmax(cleaned) == np.float32(0.6)

    def test_median_takes_known_neighbours_only(self):
        rng = np.random.default_rng(0)
        depth_m = rng.uniform(0.4, 0.8, (20, 20)).astype(np.float32)
        depth_m[rng.uniform(size=depth_m.shape) < 0.3] = np.nan
        padded = np.pad(depth_m, 1, constant_values=np.nan)
        cleaned = median3(depth_m)
        for row, column in np.argwhere(np.isfinite(depth_m)):
            if 0 < row < 19 and 0 < column < 19:
                window = padded[row : row + 3, column : column + 3]
                assert cleaned[row, column] == pytest.approx(np.nanmedian(window))


class TestOrthographic:
    def test_framing_leaves_four_percent_of_the_height(self):
        camera = OrthographicCamera.framing(square(100).vertices_mm)
        assert camera.mm_per_pixel == pytest.approx(104 / 512)
        depth_m = MeshRenderer(square(100)).orthographic(camera).depth_m
        known = np.flatnonzero(np.isfinite(depth_m).any(axis=1))
        assert known[-1] - known[0] + 1 == pytest.approx(512 / 1.04, abs=1.5)

    def test_depth_is_the_nominal_distance_less_z(self):
        mesh = ball(60)
        camera = OrthographicCamera(0.5, 0.0, 0.0, size=257)
        rendering = MeshRenderer(mesh).orthographic(camera)
        assert rendering.depth_m.shape == (257, 257)
        assert rendering.depth_m.dtype == np.float32
        assert rendering.depth_m[128, 128] == pytest.approx(NOMINAL_DISTANCE_M - 0.06, abs=5e-4)
        assert np.isnan(rendering.depth_m[0, 0])
        assert (rendering.rgb[0, 0] == BACKGROUND_GREY).all()

    def test_pixels_lie_where_project_says(self):
        mesh = Mesh(square(100).vertices_mm + np.float32([20, -10, 0]), square(100).triangles)
        camera = OrthographicCamera(1.0, 0.0, 0.0, size=201)
        valid = np.isfinite(MeshRenderer(mesh).orthographic(camera).depth_m)
        rows, columns = np.nonzero(valid)
        corners = camera.project(mesh.vertices_mm)
        assert columns.min() == pytest.approx(corners[:, 0].min(), abs=1)
        assert columns.max() == pytest.approx(corners[:, 0].max(), abs=1)
        assert rows.min() == pytest.approx(corners[:, 1].min(), abs=1)
        assert rows.max() == pytest.approx(corners[:, 1].max(), abs=1)

    def test_texture_stands_upright(self):
        camera = OrthographicCamera(1.0, 0.0, 0.0, size=101)
        rgb = MeshRenderer(textured_square()).orthographic(camera).rgb
        assert rgb[10, 10].tolist() == [255, 0, 0]
        assert rgb[10, 90].tolist() == [0, 255, 0]
        assert rgb[90, 10].tolist() == [0, 0, 255]
        assert rgb[90, 90].tolist() == [255, 255, 255]

    def test_texture_is_interpolated(self):
        camera = OrthographicCamera(1.0, 0.0, 0.0, size=101)
        rgb = MeshRenderer(textured_square()).orthographic(camera).rgb
        np.testing.assert_allclose(rgb[50, 50], 127.5, atol=5)

    def test_out_of_the_picture_is_empty(self):
        camera = OrthographicCamera(1.0, 5000.0, 0.0, size=64)
        rendering = MeshRenderer(square()).orthographic(camera)
        assert np.isnan(rendering.depth_m).all()
        assert (rendering.rgb == BACKGROUND_GREY).all()


class TestPinhole:
    def test_flat_square_has_its_distance_everywhere(self):
        depth_m = MeshRenderer(square()).pinhole(WEBCAM, Pose.frontal(), 600.0).depth_m
        assert depth_m.shape == (480, 640)
        known = np.isfinite(depth_m)
        np.testing.assert_allclose(depth_m[known], 0.6, atol=1e-5)
        assert known.sum() == pytest.approx((100 / 600 * 600) ** 2, rel=0.03)

    def test_position_follows_the_intrinsics(self):
        pose = Pose.turned(translation_mm=(60.0, 30.0, 0.0))
        depth_m = MeshRenderer(square(20)).pinhole(WEBCAM, pose, 600.0).depth_m
        rows, columns = np.nonzero(np.isfinite(depth_m))
        assert columns.mean() == pytest.approx(319.5 + 60, abs=0.6)
        assert rows.mean() == pytest.approx(239.5 - 30, abs=0.6)

    def test_yaw_turns_the_face_to_the_right(self):
        depth_m = MeshRenderer(square()).pinhole(WEBCAM, Pose.turned(yaw_deg=30), 600.0).depth_m
        row = depth_m[239]
        known = np.flatnonzero(np.isfinite(row))
        assert row[known[0]] < row[known[-1]]
        assert row[known[0]] == pytest.approx(0.6 - 0.05 * math.sin(math.radians(30)), abs=1e-3)

    def test_pitch_turns_the_face_down(self):
        depth_m = MeshRenderer(square()).pinhole(WEBCAM, Pose.turned(pitch_deg=30), 600.0).depth_m
        column = depth_m[:, 319]
        known = np.flatnonzero(np.isfinite(column))
        assert column[known[0]] < column[known[-1]]

    def test_roll_is_counter_clockwise(self):
        mesh = replace(square(), vertices_mm=square().vertices_mm * np.float32([1, 0.2, 1]))
        depth_m = MeshRenderer(mesh).pinhole(WEBCAM, Pose.turned(roll_deg=20), 600.0).depth_m
        rows, columns = np.nonzero(np.isfinite(depth_m))
        assert rows[columns > 340].mean() < rows[columns < 300].mean()

    def test_surface_points_come_back(self):
        """Pixels lifted to points and moved back must lie on the ball."""
        mesh = ball(60, rings=80)
        pose = Pose.turned(12, -7, 5, (15.0, -20.0, 30.0))
        renderer = MeshRenderer(mesh)
        depth_m = renderer.pinhole(WEBCAM, pose, 500.0).depth_m
        rows, columns = np.nonzero(np.isfinite(depth_m))
        z_mm = 1000 * depth_m[rows, columns]
        x_mm, y_mm = (columns - WEBCAM.cx) / 600 * z_mm, -(rows - WEBCAM.cy) / 600 * z_mm
        placed = np.stack([x_mm, y_mm, 500 - z_mm], axis=1)
        points = (placed - pose.translation_mm) @ pose.rotation + renderer.centre_mm
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), 60, atol=0.15)

    def test_shading_shows_no_facets(self):
        """Neighbouring pixels differ little although the ball has only a few triangles."""
        rgb = MeshRenderer(ball(60, rings=16)).pinhole(WEBCAM, Pose.frontal(), 450.0).rgb
        inner = rgb[205:275, 285:355, 0].astype(int)
        # Flat shading would show one grey level for each of the few facets in view.
        assert len(np.unique(inner)) > 60
        assert rgb[..., 0].max() > 150

    def test_partly_out_of_the_picture(self):
        pose = Pose.turned(translation_mm=(310.0, 0.0, 0.0))
        known = np.isfinite(MeshRenderer(square()).pinhole(WEBCAM, pose, 600.0).depth_m)
        assert known[:, -1].any()
        assert not known[:, :300].any()

    def test_camera_inside_the_mesh(self):
        mesh = ball(60)
        depth_m = MeshRenderer(mesh).pinhole(WEBCAM, Pose.turned(90), 10.0).depth_m
        assert np.isfinite(depth_m).any()
        assert np.nanmin(depth_m) > 0

    def test_behind_the_camera(self):
        with pytest.raises(MeshError, match="behind the camera"):
            MeshRenderer(square()).pinhole(WEBCAM, Pose.frontal(), -100.0)


class TestUnusableMeshes:
    def test_without_triangles(self):
        empty = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
        for use in (MeshRenderer, largest_component):
            with pytest.raises(MeshError, match="no triangles"):
                use(empty)

    def test_not_finite(self):
        broken = replace(square(), vertices_mm=np.full((4, 3), np.nan, np.float32))
        for use in (MeshRenderer, largest_component):
            with pytest.raises(MeshError, match="not numbers"):
                use(broken)

    def test_triangle_without_area_is_harmless(self):
        mesh = Mesh(np.ones((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
        camera = OrthographicCamera.framing(mesh.vertices_mm)
        assert np.isnan(MeshRenderer(mesh).orthographic(camera).depth_m).all()
