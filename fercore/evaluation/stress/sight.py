"""What keeps a camera from seeing the face well: blur, few pixels, something in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.evaluation.stress.crops import Crops
from fercore.evaluation.stress.filtering import (
    along_both,
    area_weights,
    gaussian_blur,
    linear_weights,
)
from fercore.evaluation.stress.light import from_linear, to_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.structures import FloatArray

COVER_DISTANCE_M = 0.04  # from the nearest covered point of the face to what covers it


def blur_colour(crops: Crops, sigma_px: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Blur colour by a Gaussian, sigma in pixels of the colour crop. Draws nothing."""
    return crops._replace(rgb=from_linear(gaussian_blur(to_linear(crops.rgb), sigma_px)))


def lower_resolution(crops: Crops, halvings: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Take the face with a side of S / 2**halvings pixels in colour and in depth.

    S is the colour crop's side; depth suffers once its own side is not reached any more.
    Both are enlarged again as `fercore.faces.cropping` does. Draws nothing.
    """
    side = max(1, round(crops.rgb.shape[1] / 2**halvings))
    return Crops(_coarse_colour(crops, side), _coarse_depth(crops.depth_m, side))


def cover(crops: Crops, share: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Hold a flat disc of one drawn colour before that share (0..1) of the face.

    The face is where depth is known, the disc's centre a drawn point of it; a larger
    disc keeps colour and centre. It stands `COVER_DISTANCE_M` before what it covers.
    """
    depth_m, rgb = crops.depth_m.copy(), crops.rgb.copy()
    for face_m, picture, draw in zip(depth_m, rgb, draws, strict=True):
        centre, radius = _disc(np.isfinite(face_m), share, draw)
        picture[_within(len(picture), centre, radius)] = draw.integers(0, 256, 3)
        hidden = _within(len(face_m), centre, radius)
        if np.isfinite(face_m[hidden]).any():
            face_m[hidden] = np.nanmin(face_m[hidden]) - np.float32(COVER_DISTANCE_M)
    return Crops(rgb, depth_m)


def cover_colour(crops: Crops, share: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Cover as `cover` does, but in colour alone: glare, paint or a shadow has no relief."""
    return crops._replace(rgb=cover(crops, share, draws).rgb)


def _coarse_colour(crops: Crops, side: int) -> NDArray[np.uint8]:
    size = crops.rgb.shape[1]
    if side >= size:
        return crops.rgb
    coarse = along_both(area_weights(size, side), to_linear(crops.rgb))
    return from_linear(along_both(linear_weights(side, size), coarse))


def _coarse_depth(depth_m: FloatArray, side: int) -> FloatArray:
    size = depth_m.shape[-1]
    if side >= size:
        return depth_m
    known = np.isfinite(depth_m)
    weights = area_weights(size, side)
    share = along_both(weights, known.astype(np.float32))
    total = along_both(weights, np.where(known, depth_m, np.float32(0)))
    coarse = np.where(share >= 0.5, total / np.maximum(share, 0.5), np.float32(np.nan))
    nearest = (np.arange(size) + 0.5) * side // size
    index = nearest.astype(np.int64)
    enlarged: FloatArray = coarse[:, index[:, None], index].astype(np.float32)
    return enlarged


def _disc(
    face: NDArray[np.bool_], share: float, draw: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Return centre (row, column) and radius, in sides of the crop; a negative radius covers none.

    A crop without depth counts as face everywhere.
    """
    points = (np.argwhere(face if face.any() else ~face) + 0.5) / len(face)
    centre = points[int(draw.random() * len(points))]
    distances = np.sort(np.hypot(*(points - centre).T))
    covered = round(share * len(points))
    return centre, float(distances[covered - 1]) if covered else -1.0


def _within(size: int, centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    row, column = (np.mgrid[:size, :size] + 0.5) / size
    inside: NDArray[np.bool_] = np.hypot(row - centre[0], column - centre[1]) <= radius
    return inside
