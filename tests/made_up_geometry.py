"""A scan's geometry of known shape, with points where a face has them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fercore.baselines.named_points import named_points
from fercore.baselines.posed_scans import ScanGeometry
from fercore.geometry import vertex_normals
from fercore.structures import Int32Array

Height = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

_HALF_MM, _SIDE = 80.0, 65  # 2.5 mm from vertex to vertex


def bulge(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a head's rough shape with a nose, in millimetres."""
    return 30 - (x**2 + y**2) / 150 + 20 * np.exp(-(x**2 + (y + 20) ** 2) / 200)


def made_up_geometry(height: Height = bulge, mirrored: bool = False) -> ScanGeometry:
    """Return a sheet z = height(x, y) from -80 to 80 mm; its picture brightens downwards."""
    line = np.linspace(-_HALF_MM, _HALF_MM, _SIDE)
    x, y = np.meshgrid(line, line)
    sign = -1.0 if mirrored else 1.0
    vertices = np.stack([x, y, height(sign * x, y)], axis=-1).reshape(-1, 3).astype(np.float32)
    triangles = grid_triangles(_SIDE)
    flat = _points()
    points = np.column_stack([flat, height(sign * flat[:, 0], flat[:, 1])]).astype(np.float32)
    rows = np.arange(512)[:, None, None] // 2
    picture = np.broadcast_to(rows, (512, 512, 3)).astype(np.uint8)
    normals = vertex_normals(vertices, triangles)
    return ScanGeometry(
        vertices, triangles, normals, points, named_points(points), picture, is_coloured=True
    )


def grid_triangles(side: int) -> Int32Array:
    """Return the triangles of a square grid of vertices, counter-clockwise from the front."""
    first = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    corners = [(0, 1, side), (1, side + 1, side)]
    return np.concatenate([first[:, None] + corner for corner in corners]).astype(np.int32)


def _points() -> NDArray[np.float64]:
    """Return the places (69, 2) of eyes, brows, nose, lips and the tip of the chin."""
    eyes = [_ellipse(sign * 31, 15, 13, 5, 8) for sign in (-1, 1)]
    brows = [_ellipse(sign * 33, 36, 20, 3, 10) for sign in (-1, 1)]
    nose = [_ellipse(0, -5, 16, 22, 12)]
    lips = [_ellipse(0, -50, 25, 9, 12), _ellipse(0, -50, 18, 3, 8)]
    return np.concatenate([*eyes, *brows, *nose, *lips, [[0.0, -75.0]]])


def _ellipse(x: float, y: float, width: float, height: float, count: int) -> NDArray[np.float64]:
    angles = np.arange(count) * 2 * np.pi / count
    return np.stack([x + width * np.cos(angles), y + height * np.sin(angles)], axis=1)
