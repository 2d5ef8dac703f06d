"""Cleaning of depth maps: interior holes and speckle, without touching the outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import sparse
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.sparse.linalg import splu

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

_EIGHT = np.ones((3, 3), np.uint8)
_FEW, _NARROW = 1500, 0.01
"""Holes of up to so many pixels altogether, none further from its rim than this share of the
map's side, are stretched over, others are triangulated. On 200 × 200 pixels of a face with 30 to
400 unknown ones, stretching took 0.9 to 1.6 ms instead of 7 to 10; where known pixels were taken
out, its mean error was that of triangles and its RMS error a seventh lower. Over wide holes it
sags."""


def fill_interior_holes(depth_m: FloatArray) -> FloatArray:
    """Return the depth map (H, W) with the holes that valid depth fully encloses filled.

    Values are interpolated from the rim, planes exactly. Whatever touches the picture's edge or
    the background stays NaN; keep `isfinite` of the input where the measured share matters.
    """
    holes = enclosed(~np.isfinite(depth_m))
    filled = depth_m.astype(np.float32, copy=True)
    if holes.any():
        filled[holes] = (_stretched if _are_slight(holes) else _triangulated)(filled, holes)
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
    return np.asarray(cv2.erode(valid.view(np.uint8), _EIGHT, **border), bool)


def enclosed(unknown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which unknown pixels (H, W) cannot be reached from outside over others' sides."""
    # scipy's binary_fill_holes gives the same in ten times the time.
    ground = cv2.copyMakeBorder(
        unknown.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(1.0,)
    )
    cv2.floodFill(ground, None, (0, 0), (2.0,))
    return np.asarray(ground[1:-1, 1:-1] == 1)


def _are_slight(holes: NDArray[np.bool_]) -> bool:
    if np.count_nonzero(holes) > _FEW:
        return False
    to_rim = cv2.distanceTransform(holes.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return bool(to_rim.max() <= _NARROW * max(holes.shape))


def _stretched(depth_m: FloatArray, holes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return values for the holes such that each is the mean of its four neighbours."""
    count = np.count_nonzero(holes)
    numbers = np.full(holes.shape, -1, np.int32)
    numbers[holes] = np.arange(count)
    rows, columns = np.nonzero(holes)
    known_sum = np.zeros(count)
    entries = [(np.arange(count), np.arange(count), np.full(count, 4.0))]
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        beside = rows + down, columns + right  # never outside the map: a hole is enclosed
        number = numbers[beside]
        inside = np.flatnonzero(number >= 0)
        known_sum += np.where(number < 0, depth_m[beside], 0.0)
        entries.append((inside, number[inside], np.full(len(inside), -1.0)))
    of, to, weight = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    laplacian = sparse.csc_matrix((weight, (of, to)), (count, count))
    values: NDArray[np.float64] = splu(laplacian).solve(known_sum)
    return values


def _triangulated(depth_m: FloatArray, holes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return values for the holes on flat triangles between the pixels of their rims."""
    rim = np.asarray(cv2.dilate(holes.view(np.uint8), _EIGHT), bool) & np.isfinite(depth_m)
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
