"""Polygons as VRML lists them, each closed by -1, and how they become triangles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import Int32Array

CLOSED = -1
"""The index that ends a polygon."""


def polygons(
    values: NDArray[np.float64] | NDArray[np.int64] | NDArray[np.int32], count: int, name: str
) -> NDArray[np.int32]:
    """Check a list of polygons and return it with every polygon closed.

    `values` are the numbers of the file, (N,), each an index below `count` or -1; the
    last -1 may be missing. `name` is that of the list, for the error message.

    Raises:
        ValueError: no polygon, one with fewer than 3 corners, or a wrong index.
    """
    if not values.size:
        raise ValueError(f"{name} is empty")
    wrong = values[(values < CLOSED) | (values >= count) | (values % 1 != 0)]
    if wrong.size:
        raise ValueError(f"{name} refers to number {wrong[0]:g} of {count}, counted from 0")
    corners = values.astype(np.int32)
    if corners[-1] != CLOSED:
        corners = np.append(corners, np.int32(CLOSED))
    sizes = polygon_sizes(corners)
    if sizes.min() < 3:
        polygon = int(sizes.argmin())
        raise ValueError(f"polygon {polygon} of {name} has {sizes[polygon]} corners, fewer than 3")
    return corners


def polygon_sizes(corners: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the number of corners of each polygon, (P,), of (N,) closed polygons."""
    ends = np.flatnonzero(corners == CLOSED)
    return np.diff(ends, prepend=-1) - 1


def fan_triangles(corners: NDArray[np.int32]) -> Int32Array:
    """Cut closed polygons into triangles that share each polygon's first corner, (T, 3)."""
    sizes = polygon_sizes(corners)
    fans = sizes - 2
    first = np.repeat(np.cumsum(sizes + 1) - sizes - 1, fans)
    step = np.arange(fans.sum()) - np.repeat(np.cumsum(fans) - fans, fans)
    positions = np.stack([first, first + step + 1, first + step + 2], axis=1)
    triangles: Int32Array = corners[positions]
    return triangles
