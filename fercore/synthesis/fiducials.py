"""The 83 landmarks of BU-3DFE, placed on the face model.

The model knows 68 landmarks. Lips (20) and lid corners are taken over as they are. The
lids' middles, the two edges of the brows, the sides of the nose and the 15 points of the
contour are interpolated from their neighbours and moved to the nearest vertex, so they
are plausible, not anatomically exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array
    from fercore.synthesis.face_model import FaceModel
    from fercore.synthesis.scanner import ScanSurface

POSE_LANDMARKS = (36, 39, 42, 45, 30, 48, 54, 8)
"""Of the 68: outer and inner eye corners, nose tip, mouth corners, chin."""

_BROW_EDGES_MM = (3.0, -4.0)  # upper and lower edge, from the brow's landmark
# Side of the nose from bridge to nostril: landmark and offset (outwards, up, forwards).
_NOSE_SIDE: tuple[tuple[int, tuple[float, float, float]], ...] = (
    (27, (8.0, -2.0, -5.0)),
    (28, (10.0, 0.0, -8.0)),
    (29, (13.0, -6.0, -12.0)),
    (31, (5.0, 5.0, -2.0)),
    (31, (0.0, 0.0, 0.0)),
    (32, (0.0, 0.0, 0.0)),
)


def landmark_vertices(model: FaceModel, surface: ScanSurface) -> Int32Array:
    """Return the scan's vertex (83,) at each landmark of a `.bnd` file, in the file's order."""
    skin = np.flatnonzero(surface.vertices < model.regions["face"][1])
    tree = cKDTree(model.neutral_mm[surface.vertices[skin]])
    nearest = tree.query(_targets(model.neutral_mm[model.landmarks68]))[1]
    return np.asarray(skin[nearest], np.int32)


def _targets(points: FloatArray) -> FloatArray:
    """Return where on the neutral face the 83 landmarks lie, from the 68."""
    sides = (_nose_side(points, -1.0), _nose_side(_mirrored_nose(points), 1.0)[::-1])
    groups = (
        _eye(points[36:42]),
        _eye(points[42:48]),
        _brow(points[17:22]),
        _brow(points[22:27]),
        *sides,
        points[48:60],
        points[60:68],
        _contour(points[:17]),
    )
    return np.asarray(np.concatenate(groups), np.float32)


def _eye(lid: FloatArray) -> NDArray[np.float64]:
    upper, lower = (lid[1] + lid[2]) / 2, (lid[4] + lid[5]) / 2
    return np.stack([lid[0], lid[1], upper, lid[2], lid[3], lid[4], lower, lid[5]])


def _brow(points: FloatArray) -> NDArray[np.float64]:
    above, below = _BROW_EDGES_MM
    upper, lower = np.array((0, above, 0)), np.array((0, below, 0))
    return np.concatenate([points + upper, points[::-1] + lower])


def _mirrored_nose(points: FloatArray) -> FloatArray:
    mirrored = points.copy()
    mirrored[[31, 32]] = points[[35, 34]]
    return mirrored


def _nose_side(points: FloatArray, side: float) -> NDArray[np.float64]:
    return np.stack([points[index] + np.array(step) * (side, 1, 1) for index, step in _NOSE_SIDE])


def _contour(jaw: FloatArray) -> NDArray[np.float64]:
    """Resample the 17 points of the jaw line to 15; the chin stays in the middle."""
    place = np.linspace(0, 16, 15)
    return np.stack([np.interp(place, np.arange(17), jaw[:, axis]) for axis in range(3)], axis=1)
