"""Cleaning of depth maps: interior holes and speckle, without touching the outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

_EIGHT = np.ones((3, 3), np.uint8)


def fill_interior_holes(depth_m: FloatArray) -> FloatArray:
    """Return the depth map (H, W) with the holes that valid depth fully encloses filled.

    Values are interpolated linearly across the hole, along its row and its column, the
    shorter way counting more; a plane is filled exactly. Whatever touches the picture's edge or
    the background stays NaN; keep `isfinite` of the input where the measured share matters.
    """
    filled = depth_m.astype(np.float32, copy=True)
    holes = _enclosed(~np.isfinite(depth_m))
    if holes.any():
        filled[holes] = _across(filled, holes)
    return filled


def median3(depth_m: FloatArray) -> FloatArray:
    """Return the 3×3 median of a depth map (H, W) over known values; NaN stays NaN."""
    valid = np.isfinite(depth_m)
    known = np.where(valid, depth_m, np.float32(0)).astype(np.float32)
    smooth = np.where(valid, cv2.medianBlur(known, 3), np.float32(np.nan))
    inner = cv2.erode(valid.view(np.uint8), _EIGHT).view(bool)
    edge = np.argwhere(valid & ~inner)
    if len(edge):
        smooth[edge[:, 0], edge[:, 1]] = _median_around(np.where(valid, depth_m, np.nan), edge)
    return smooth


def _enclosed(unknown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what of a mask (H, W) no path over the four neighbours leads out of the picture."""
    padded = np.pad(unknown.view(np.uint8), 1, constant_values=1)
    cv2.floodFill(padded, None, (0, 0), 0)  # over four neighbours, as is its default
    return padded[1:-1, 1:-1].astype(bool)


def _across(depth_m: FloatArray, holes: NDArray[np.bool_]) -> FloatArray:
    """Return the values of all hole pixels, from the known ones at both ends of row and column.

    An enclosed hole has known pixels in all four directions.
    """
    rows, columns = np.nonzero(holes)
    left, right = (ends[rows, columns] for ends in _ends(holes, 1))
    up, down = (ends[rows, columns] for ends in _ends(holes, 0))
    width, height = (right - left).astype(np.float32), (down - up).astype(np.float32)
    before, after = depth_m[rows, left], depth_m[rows, right]
    along_row = before + (columns - left) / width * (after - before)
    before, after = depth_m[up, columns], depth_m[down, columns]
    along_column = before + (rows - up) / height * (after - before)
    values: FloatArray = (height * along_row + width * along_column) / (height + width)
    return values.astype(np.float32)


def _ends(holes: NDArray[np.bool_], axis: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return where the last known pixel before and the next one after each pixel lie."""
    places = np.arange(holes.shape[axis], dtype=np.int16)
    places = places[None, :] if axis else places[:, None]
    before = np.maximum.accumulate(np.where(holes, np.int16(0), places), axis)
    last = np.int16(holes.shape[axis] - 1)
    backwards = np.flip(np.where(holes, last, places), axis)
    return before, np.flip(np.minimum.accumulate(backwards, axis), axis)


def _median_around(depth_m: FloatArray, pixels: NDArray[np.intp]) -> FloatArray:
    """Return the median of the known values in the 3×3 neighbourhood of each pixel (N, 2)."""
    padded = np.pad(depth_m, 1, constant_values=np.nan)
    rows, columns = pixels.T
    neighbours = np.stack(
        [padded[rows + down, columns + right] for down in range(3) for right in range(3)], axis=1
    )
    ordered = np.sort(neighbours, axis=1)
    count = np.isfinite(neighbours).sum(axis=1)
    each = np.arange(len(pixels))
    middle: FloatArray = (ordered[each, (count - 1) // 2] + ordered[each, count // 2]) / 2
    return middle.astype(np.float32)
