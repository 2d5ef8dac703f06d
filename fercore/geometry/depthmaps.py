"""Cleaning of depth maps: interior holes and speckle, without touching the outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

_EIGHT = np.ones((3, 3), bool)


def fill_interior_holes(depth_m: FloatArray) -> FloatArray:
    """Return the depth map (H, W) with the holes that valid depth fully encloses filled.

    Values are interpolated linearly from the rim. Whatever touches the picture's edge or
    the background stays NaN; keep `isfinite` of the input where the measured share matters.
    """
    valid = np.isfinite(depth_m)
    holes = ndimage.binary_fill_holes(valid) & ~valid
    filled = depth_m.astype(np.float32, copy=True)
    if holes.any():
        filled[holes] = _from_rim(filled, valid & ndimage.binary_dilation(holes, _EIGHT), holes)
    return filled


def median3(depth_m: FloatArray) -> FloatArray:
    """Return the 3×3 median of a depth map (H, W) over known values; NaN stays NaN."""
    valid = np.isfinite(depth_m)
    known = np.where(valid, depth_m, np.float32(0)).astype(np.float32)
    smooth = np.where(valid, cv2.medianBlur(known, 3), np.float32(np.nan))
    edge = np.argwhere(valid & ~_surrounded(valid))
    if len(edge):
        smooth[edge[:, 0], edge[:, 1]] = _median_around(np.where(valid, depth_m, np.nan), edge)
    return smooth


def _surrounded(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels (H, W) have no invalid one around them; beyond the edge all are valid."""
    # scipy's erosion gives the same in thirty times the time.
    border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 1}
    return np.asarray(cv2.erode(valid.view(np.uint8), _EIGHT.view(np.uint8), **border), bool)


def _from_rim(
    depth_m: FloatArray, rim: NDArray[np.bool_], holes: NDArray[np.bool_]
) -> NDArray[np.float64]:
    points, targets = np.argwhere(rim), np.argwhere(holes)
    values: NDArray[np.float64] = LinearNDInterpolator(points, depth_m[rim])(targets)
    unreached = np.isnan(values)
    if unreached.any():
        nearest = NearestNDInterpolator(points, depth_m[rim])
        values[unreached] = nearest(targets[unreached])
    return values


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
