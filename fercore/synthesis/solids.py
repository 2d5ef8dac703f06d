"""Simple solid things around a synthetic face: shoulders, glasses, hands.

A solid is a mesh with a colour at each vertex; several are joined into one, so that one
ray a pixel finds whatever is nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array

    Points = FloatArray | NDArray[np.float64]

_ROUND = 10  # corners of a tube's section
_TURN = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)


@dataclass(frozen=True, slots=True)
class Material:
    """What a solid is made of."""

    reflectance: FloatArray  # (3,), linear RGB
    infrared: float  # reflectance near 850 nm, 0..1
    gloss: float  # strength of highlights


@dataclass(frozen=True, slots=True)
class Solid:
    """A coloured mesh in millimetres, in the axes of the face."""

    vertices_mm: FloatArray  # (V, 3)
    triangles: Int32Array  # (T, 3), indices into vertices_mm
    reflectance: FloatArray  # (V, 3), linear RGB
    infrared: FloatArray  # (V,), reflectance near 850 nm, 0..1
    gloss: FloatArray  # (V,), strength of highlights

    @classmethod
    def of(cls, vertices_mm: FloatArray, triangles: Int32Array, material: Material) -> Solid:
        """Return a mesh made of one material."""
        count = len(vertices_mm)
        return cls(
            np.ascontiguousarray(vertices_mm, np.float32),
            np.ascontiguousarray(triangles, np.int32),
            np.tile(material.reflectance.astype(np.float32), (count, 1)),
            np.full(count, material.infrared, np.float32),
            np.full(count, material.gloss, np.float32),
        )


def joined(solids: Sequence[Solid]) -> Solid:
    """Return several solids as one."""
    starts = np.cumsum([0, *(len(solid.vertices_mm) for solid in solids)])
    moved = [solid.triangles + start for solid, start in zip(solids, starts[:-1], strict=True)]
    return Solid(
        np.concatenate([solid.vertices_mm for solid in solids]),
        np.concatenate(moved).astype(np.int32),
        np.concatenate([solid.reflectance for solid in solids]),
        np.concatenate([solid.infrared for solid in solids]),
        np.concatenate([solid.gloss for solid in solids]),
    )


def ellipsoid(
    centre_mm: Points, axes_mm: Points, rows: int = 12, columns: int = 18
) -> tuple[FloatArray, Int32Array]:
    """Return the mesh of an ellipsoid; the rows of `axes_mm` (3, 3) are its half axes."""
    height = np.linspace(-np.pi / 2, np.pi / 2, rows)
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    up, around = np.meshgrid(height, angle, indexing="ij")
    sphere = np.stack([np.cos(up) * np.cos(around), np.sin(up), np.cos(up) * np.sin(around)], -1)
    vertices = sphere.reshape(-1, 3) @ np.asarray(axes_mm) + centre_mm
    # Around the y axis in this order the surface would look inwards.
    return vertices.astype(np.float32), sheet(rows, columns)[:, ::-1]


def tube(
    points_mm: Points, radii_mm: Points | float, closed: bool = False
) -> tuple[FloatArray, Int32Array]:
    """Return the mesh of a tube along points (N, 3), with round ends unless it is closed."""
    line = np.asarray(points_mm, np.float64)
    radii = np.broadcast_to(np.asarray(radii_mm, np.float64), len(line))
    if closed:
        line, radii = np.vstack([line, line[:1]]), np.append(radii, radii[0])
    else:
        line, radii = _with_caps(line, radii)
    forward = np.gradient(line, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True).clip(1e-9)
    across, upwards = _sections(forward)
    circle = np.cos(_TURN)[:, None, None] * across + np.sin(_TURN)[:, None, None] * upwards
    vertices = line[:, None] + np.moveaxis(circle, 0, 1) * radii[:, None, None]
    return vertices.reshape(-1, 3).astype(np.float32), sheet(len(line), _ROUND)


def _with_caps(
    line: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let the tube end in half spheres of three rings."""
    angles = np.radians([90.0, 60.0, 30.0])
    first, last = _unit(line[1] - line[0]), _unit(line[-1] - line[-2])
    before = line[0] - radii[0] * np.sin(angles)[:, None] * first
    after = line[-1] + radii[-1] * np.sin(angles[::-1])[:, None] * last
    tips = np.cos(angles).clip(1e-3)
    return (
        np.vstack([before, line, after]),
        np.concatenate([radii[0] * tips, radii, radii[-1] * tips[::-1]]),
    )


def _sections(
    forward: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two unit vectors (N, 3) across each direction, without a twist along the tube."""
    reference = np.eye(3)[np.abs(forward).max(axis=0).argmin()]
    across = np.cross(forward, reference)
    across /= np.linalg.norm(across, axis=1, keepdims=True).clip(1e-9)
    return across, np.cross(forward, across)


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


def sheet(rows: int, columns: int) -> Int32Array:
    """Return the triangles of a grid of vertices whose columns close to a ring."""
    low = np.arange((rows - 1) * columns).reshape(rows - 1, columns)
    right = np.roll(low, -1, axis=1)
    first = np.stack([low, right, low + columns], -1)
    second = np.stack([right, right + columns, low + columns], -1)
    return np.asarray(np.concatenate([first, second]).reshape(-1, 3), np.int32)
