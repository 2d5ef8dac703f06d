"""In which unit a scan counts and which way it looks, as far as its shape alone can tell.

VRML's own unit is the metre, scanners' is the millimetre, and exporters write what their program
counts in; the axes are as various. A face from ear to ear is about 200 mm in its largest
extent, a bust up to 700; decimal units are ten times apart, so that one at most fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fercore.errors import MeshError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array, Mesh

LEAST_EXTENT_MM, MOST_EXTENT_MM = 95.0, 949.0
"""Of a scan in its largest direction: from a child's tightly cut face to a bust."""

LEAST_THICKNESS = 0.08
"""Smallest extent over the largest; a flat picture has none, a mask 0.2."""

UNITS_MM = {
    "millimetres": 1.0,
    "centimetres": 10.0,
    "decimetres": 100.0,
    "metres": 1000.0,
    "micrometres": 0.001,
}

_OPEN = 0.3  # an open mask's area vector over its area is 0.4; a closed head has none
_AWAY = 0.5  # cosine: a scan turned by less than 60 degrees is left as it is
_ALONG = 0.8  # cosine: within 37 degrees of an axis
_HOLLOW = -0.02  # of the width: how much deeper the middle of a mould is than its rim


class Standing(NamedTuple):
    """How a scan's own coordinates are to be read."""

    unit: str  # of UNITS_MM
    away: NDArray[np.float64] | None  # (3,), the axis it looks along; None: the camera, or unknown


def standing_of(mesh: Mesh, name: str) -> Standing:
    """Return how a connected scan of a face stands; `name` is its file's, for messages.

    Raises:
        MeshError: its size is a face's in no unit, it is flat, inside out, or askew.
    """
    extents = np.ptp(mesh.vertices_mm.astype(np.float64), axis=0)
    unit = _unit(extents)
    if unit is None:
        size = " × ".join(f"{extent:.4g}" for extent in extents)
        raise MeshError(
            f"The scan {name} is {size} in its own unit, which is a face's size in none of "
            f"{', '.join(UNITS_MM)}; write it again in millimetres."
        )
    if extents.min() < LEAST_THICKNESS * extents.max():
        raise MeshError(f"The scan {name} is flat; a face of some relief is needed.")
    return Standing(unit, _looks_away(mesh, name))


def _unit(extents: NDArray[np.float64]) -> str | None:
    largest = float(extents.max())
    fits = (u for u, mm in UNITS_MM.items() if LEAST_EXTENT_MM <= largest * mm <= MOST_EXTENT_MM)
    return next(fits, None)


def _looks_away(mesh: Mesh, name: str) -> NDArray[np.float64] | None:
    """Return the axis that an open mask looks along, None for the camera's or where unknown.

    Which way the corners of triangles run tells the outside, and so does the bulge.
    """
    area = _area_vectors(mesh.vertices_mm, mesh.triangles)
    whole = area.sum(axis=0)
    length = float(np.linalg.norm(whole))
    if length < _OPEN * np.linalg.norm(area, axis=1).sum():
        return None
    looks = whole / length
    if looks[2] > _AWAY:
        if _bulge(mesh, np.array([0.0, 0.0, 1.0])) < _HOLLOW:
            raise MeshError(_mirrored(name))
        return None
    axis = np.zeros(3)
    axis[np.abs(looks).argmax()] = np.sign(looks[np.abs(looks).argmax()])
    if _bulge(mesh, axis) < _HOLLOW:
        if axis[2] < 0:
            return None  # it bulges at the camera; only its triangles run the other way
        raise MeshError(_mirrored(name))
    if looks @ axis < _ALONG:
        raise MeshError(
            f"The scan {name} looks {np.degrees(np.arccos(looks[2])):.0f}° away from the camera; "
            "turn it to look along +z."
        )
    return axis


def _mirrored(name: str) -> str:
    return (
        f"The scan {name} is inside out: its middle lies deeper than its rim; "
        "one of its axes is mirrored, write it again with x right, y up, z to the camera."
    )


def _bulge(mesh: Mesh, axis: NDArray[np.float64]) -> float:
    """Return by how much the middle stands out over the rim along an axis, in widths."""
    points = mesh.vertices_mm.astype(np.float64)
    heights = points @ axis
    across = points - np.outer(heights, axis)
    distances = np.linalg.norm(across - (across.min(axis=0) + across.max(axis=0)) / 2, axis=1)
    farthest = float(distances.max())
    middle, rim = distances < 0.35 * farthest, distances > 0.75 * farthest
    if not (middle.any() and rim.any()):
        return 0.0
    return float(heights[middle].mean() - heights[rim].mean()) / (2 * farthest)


def _area_vectors(vertices: FloatArray, triangles: Int32Array) -> NDArray[np.float64]:
    corners = vertices[triangles].astype(np.float64)
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
