"""Where the parts of the MakeHuman head lie on the tiles of their materials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fercore.structures import FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

Box = tuple[float, float, float, float]
Layout = Callable[[FloatArray], FloatArray]

# The body's islands in MakeHuman's atlas: u from, v from, u to, v to.
HEAD_ISLAND: Box = (0.641, 0.148, 0.994, 0.818)
MOUTH_ISLAND: Box = (0.70, 0.0, 1.0, 0.142)
SOCKET_ISLANDS: Box = (0.0, 0.52, 0.18, 0.66)
NECK_ISLAND: Box = (0.0, 0.80, 0.60, 1.0)
# Where they lie on the head's tile.
_HEAD_ON_TILE: Box = (0.01, 0.36, 0.99, 0.99)
_NECK_ON_TILE: Box = (0.01, 0.01, 0.48, 0.32)
_MOUTH_ON_TILE: Box = (0.51, 0.01, 0.73, 0.32)
_SOCKETS_ON_TILE: Box = (0.76, 0.01, 0.98, 0.32)

_LIMBUS = 0.125  # radius of the painted iris on the eye's tile
_LIMBUS_DEG = 27.5  # the same, seen from the middle of the eyeball
_FARTHEST = 0.49


def inside(uv: FloatArray, island: Box) -> NDArray[np.bool_]:
    """Tell which places (N, 2) of the atlas lie in a box."""
    low, high = np.array(island[:2]), np.array(island[2:])
    return np.asarray(((uv > low) & (uv < high)).all(axis=-1))


def head_layout(uv: FloatArray) -> FloatArray:
    """Put the head (Q, 4, 2), which lies on its side in the atlas, upright on its tile."""
    u0, v0, u1, v1 = HEAD_ISLAND
    upright = _rescaled(uv[..., ::-1] * (1, -1), (v0, -u1, v1, -u0), _HEAD_ON_TILE)
    neck = inside(uv.mean(axis=1), NECK_ISLAND)
    upright[neck] = _rescaled(uv[neck], NECK_ISLAND, _NECK_ON_TILE)
    return upright


def mouth_layout(uv: FloatArray) -> FloatArray:
    """Put the mouth's lining (Q, 4, 2) on the head's tile."""
    return _rescaled(uv, MOUTH_ISLAND, _MOUTH_ON_TILE)


def socket_layout(uv: FloatArray) -> FloatArray:
    """Put the eye sockets (Q, 4, 2) on the head's tile."""
    return _rescaled(uv, SOCKET_ISLANDS, _SOCKETS_ON_TILE)


def _rescaled(uv: FloatArray, source: Box, target: Box) -> FloatArray:
    share = (uv - np.array(source[:2])) / (np.array(source[2:]) - source[:2])
    return np.asarray(target[:2] + share * (np.array(target[2:]) - target[:2]), np.float32)


def eye_layout(places_mm: FloatArray) -> FloatArray:
    """Lay an eyeball out around its gaze: distance from the middle is the angle to it."""
    middle = (places_mm.min(axis=0) + places_mm.max(axis=0)) / 2
    x, y, z = (places_mm - middle).T
    off_axis = np.hypot(x, y)
    radius = np.degrees(np.arctan2(off_axis, z)) / _LIMBUS_DEG * _LIMBUS
    scale = np.minimum(radius, _FARTHEST) / np.maximum(off_axis, 1e-6)
    return np.asarray(np.stack([0.5 + x * scale, 0.5 + y * scale], axis=1), np.float32)


def upper_row_layout(places_mm: FloatArray) -> FloatArray:
    """Lay the upper teeth (N, 3) out in the upper half of their tile."""
    return _row_layout(places_mm, 0.5)


def lower_row_layout(places_mm: FloatArray) -> FloatArray:
    """Lay the lower teeth (N, 3) out in the lower half of their tile."""
    return _row_layout(places_mm, 0.0)


def _row_layout(places_mm: FloatArray, low: float) -> FloatArray:
    """Lay a row of teeth out along its arch, in the half of the tile that begins at `low`."""
    low_mm, high_mm = places_mm.min(axis=0), places_mm.max(axis=0)
    angle = np.arctan2(places_mm[:, 0], np.maximum(places_mm[:, 2] - low_mm[2], 1e-3))
    height = (places_mm[:, 1] - low_mm[1]) / max(float(high_mm[1] - low_mm[1]), 1e-3)
    along = 0.5 + 0.98 * angle / np.pi
    return np.asarray(np.stack([along, low + 0.02 + 0.46 * height], axis=1), np.float32)
