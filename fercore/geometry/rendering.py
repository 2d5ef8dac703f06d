"""Mesh to colour and depth by ray casting, orthographic or through a pinhole camera.

Casting real rays gives each pixel its triangle and its place in it, so colour is
sampled from the texture and normals are interpolated: no facets show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.errors import MeshError
from fercore.geometry.cameras import (
    NOMINAL_DISTANCE_M,
    OrthographicCamera,
    Pose,
    project_pinhole,
    to_camera,
)
from fercore.geometry.repairs import require_usable, vertex_normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Intrinsics, Mesh, UInt8Array

BACKGROUND_GREY = 96
"""Grey level of the colour picture where there is no surface."""

_LIGHT = np.array([-0.25, 0.45, 1.0], np.float32) / np.linalg.norm([-0.25, 0.45, 1.0])
_AMBIENT, _DIFFUSE = 60.0, 165.0
_NEAR_MM = 1.0


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a camera sees of a mesh."""

    rgb: UInt8Array  # (H, W, 3), plain grey where there is no surface
    depth_m: FloatArray  # (H, W), metres along the optical axis, NaN where there is no surface


@dataclass(frozen=True, slots=True)
class _Window:
    """The pixels worth casting rays for: rows top..bottom, columns left..right, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def around(cls, pixels: NDArray[np.float64], height: int, width: int) -> _Window:
        low = np.floor(pixels.min(axis=0)).clip(0, (width, height)).astype(int)
        high = (np.ceil(pixels.max(axis=0)) + 1).clip(low, (width, height)).astype(int)
        return cls(int(low[1]), int(high[1]), int(low[0]), int(high[0]))

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """Return the columns and the rows of the window's pixels, each (h, w)."""
        columns = np.arange(self.left, self.right, dtype=np.float32)
        rows = np.arange(self.top, self.bottom, dtype=np.float32)
        grid_columns, grid_rows = np.meshgrid(columns, rows)
        return grid_columns, grid_rows


@dataclass(frozen=True, slots=True)
class _Hits:
    """Where the rays of a window met the surface."""

    distance: FloatArray  # (h, w), in lengths of the ray direction; inf: missed
    triangle: NDArray[np.int64]  # (h, w), 0 where missed
    weights: FloatArray  # (h, w, 3), barycentric


class MeshRenderer:
    """Renders one mesh any number of times; building costs a few milliseconds.

    Not thread-safe. `threads` limits the rays' worker threads (0: all cores).

    Raises:
        MeshError: the mesh has no triangles or a vertex is not finite.
    """

    def __init__(self, mesh: Mesh, threads: int = 0) -> None:
        import open3d as o3d  # takes a second to load, which other users of geometry are spared

        require_usable(mesh)
        self._mesh = mesh
        self._threads = threads
        self._centre_mm: FloatArray = mesh.vertices_mm.mean(axis=0)
        self._normals: FloatArray | None = None
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=threads)
        self._scene.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.vertices_mm, np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.triangles, np.uint32)),
        )

    @property
    def centre_mm(self) -> FloatArray:
        """Mean of the vertices (3,), the point that poses turn about."""
        return self._centre_mm

    def orthographic(self, camera: OrthographicCamera) -> Rendering:
        """Render along -z; depth is `NOMINAL_DISTANCE_M` minus z."""
        window, hits, height_mm = self._orthographic_hits(camera)
        depth_m = NOMINAL_DISTANCE_M - height_mm / 1000
        return self._rendering(hits, depth_m, window, (camera.size, camera.size), _LIGHT)

    def orthographic_values(self, camera: OrthographicCamera, values: FloatArray) -> FloatArray:
        """Return what vertices carry, (V, C), as seen along -z: (S, S, C), NaN beside the mesh."""
        window, hits, _ = self._orthographic_hits(camera)
        seen = np.full((camera.size, camera.size, values.shape[1]), np.nan, np.float32)
        inside = np.s_[window.top : window.bottom, window.left : window.right]
        met = np.isfinite(hits.distance)[..., None]
        if met.any():
            seen[inside] = np.where(met, _interpolate(values, self._mesh.triangles, hits), np.nan)
        return seen

    def distances(
        self, origins_mm: NDArray[np.float32], directions: NDArray[np.float32]
    ) -> FloatArray:
        """Return how far rays (..., 3) run to the surface, in lengths of their directions.

        The result (...) is inf where a ray misses.
        """
        return self._cast(origins_mm, directions).distance

    def _orthographic_hits(
        self, camera: OrthographicCamera
    ) -> tuple[_Window, _Hits, NDArray[np.float32]]:
        """Return the pixels that may see the mesh, what they see, and its height z."""
        window = _Window.around(camera.project(self._mesh.vertices_mm), camera.size, camera.size)
        columns, rows = window.grid()
        middle = (camera.size - 1) / 2
        front_mm = float(self._mesh.vertices_mm[:, 2].max()) + 10.0
        origins = np.stack(
            [
                camera.centre_x_mm + (columns - middle) * camera.mm_per_pixel,
                camera.centre_y_mm - (rows - middle) * camera.mm_per_pixel,
                np.full_like(columns, front_mm),
            ],
            axis=-1,
        )
        directions = np.broadcast_to(np.array([0, 0, -1], np.float32), origins.shape)
        hits = self._cast(origins, directions)
        return window, hits, front_mm - hits.distance

    def pinhole(self, intrinsics: Intrinsics, pose: Pose, distance_mm: float) -> Rendering:
        """Render the mesh with its centre `distance_mm` in front of the camera, moved by `pose`.

        Raises:
            MeshError: the whole mesh is behind the camera.
        """
        window = self._pinhole_window(intrinsics, pose, distance_mm)
        columns, rows = window.grid()
        slopes = np.stack(
            [
                (columns - intrinsics.cx) / intrinsics.fx,
                (intrinsics.cy - rows) / intrinsics.fy,
                np.full_like(columns, -1),
            ],
            axis=-1,
        ).astype(np.float32)
        eye_mm = np.array([0, 0, distance_mm]) - pose.translation_mm
        origin_mm = (eye_mm @ pose.rotation + self._centre_mm).astype(np.float32)
        hits = self._cast(np.broadcast_to(origin_mm, slopes.shape), slopes @ pose.rotation)
        shape = (intrinsics.height, intrinsics.width)
        return self._rendering(hits, hits.distance / 1000, window, shape, _LIGHT @ pose.rotation)

    def _pinhole_window(self, intrinsics: Intrinsics, pose: Pose, distance_mm: float) -> _Window:
        camera_mm = to_camera(self._mesh.vertices_mm, self._centre_mm, pose, distance_mm)
        in_front = camera_mm[:, 2] > _NEAR_MM
        if not in_front.any():
            raise MeshError(
                f"The mesh lies behind the camera at a distance of {distance_mm:g} mm; "
                "move it further away."
            )
        if not in_front.all():
            return _Window(0, intrinsics.height, 0, intrinsics.width)
        pixels = project_pinhole(camera_mm, intrinsics)
        return _Window.around(pixels, intrinsics.height, intrinsics.width)

    def _cast(self, origins: NDArray[np.float32], directions: NDArray[np.float32]) -> _Hits:
        import open3d as o3d

        rays = np.concatenate([origins, directions], axis=-1, dtype=np.float32)
        answer = self._scene.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=self._threads)
        distance = answer["t_hit"].numpy()
        triangle = np.where(np.isfinite(distance), answer["primitive_ids"].numpy(), 0)
        second = answer["primitive_uvs"].numpy()
        first = 1 - second.sum(axis=-1, keepdims=True)
        weights = np.concatenate([first, second], axis=-1)
        return _Hits(distance, triangle.astype(np.int64), weights)

    def _rendering(
        self,
        hits: _Hits,
        depth_m: FloatArray,
        window: _Window,
        shape: tuple[int, int],
        light: FloatArray,
    ) -> Rendering:
        rgb = np.full((*shape, 3), BACKGROUND_GREY, np.uint8)
        depth = np.full(shape, np.nan, np.float32)
        met = np.isfinite(hits.distance)
        if met.any():
            inside = np.s_[window.top : window.bottom, window.left : window.right]
            depth[inside] = np.where(met, depth_m, np.nan)
            colour = self._colour(hits, light)
            rgb[inside][met] = colour[met]
        return Rendering(rgb, depth)

    def _colour(self, hits: _Hits, light: FloatArray) -> UInt8Array:
        mesh = self._mesh
        if mesh.is_textured:
            return self._texture(hits)
        if mesh.vertex_rgb is not None:
            mixed = _interpolate(mesh.vertex_rgb.astype(np.float32), mesh.triangles, hits)
            return np.rint(mixed).clip(0, 255).astype(np.uint8)
        return self._shading(hits, light)

    def _texture(self, hits: _Hits) -> UInt8Array:
        mesh = self._mesh
        assert mesh.uv is not None and mesh.uv_triangles is not None
        assert mesh.texture_rgb is not None
        uv = _interpolate(mesh.uv, mesh.uv_triangles, hits)
        height, width = mesh.texture_rgb.shape[:2]
        columns = uv[..., 0] * width - 0.5
        rows = (1 - uv[..., 1]) * height - 0.5
        colour: UInt8Array = cv2.remap(
            mesh.texture_rgb, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return colour

    def _shading(self, hits: _Hits, light: FloatArray) -> UInt8Array:
        if self._normals is None:
            self._normals = vertex_normals(self._mesh.vertices_mm, self._mesh.triangles)
        normals = _interpolate(self._normals, self._mesh.triangles, hits)
        lengths = np.linalg.norm(normals, axis=-1).clip(1e-6)
        # The winding of scanned meshes is not reliable: light both sides alike.
        cosine = np.abs(normals @ light) / lengths
        grey = (_AMBIENT + _DIFFUSE * cosine).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)


def _interpolate(values: FloatArray, triangles: NDArray[np.int32], hits: _Hits) -> FloatArray:
    """Return the values (N, C) of the hit triangles' corners, mixed: (h, w, C) float32."""
    corners = triangles[hits.triangle]
    mixed = values[corners[..., 0]] * hits.weights[..., :1]
    mixed += values[corners[..., 1]] * hits.weights[..., 1:2]
    mixed += values[corners[..., 2]] * hits.weights[..., 2:]
    return np.asarray(mixed, np.float32)
