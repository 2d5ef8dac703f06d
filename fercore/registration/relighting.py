"""What a depth map would look like under the light of a picture.

Mutual information between bare depth and grey has its optimum tens of pixels off
the right place: skin of one brightness lies at every depth. Brightness follows
the surface's normals, so the depth map is shown as a relief under the light that
explains the picture best: nine coefficients, the spherical harmonics up to the second
order (Basri and Jacobs, "Lambertian reflectance and linear subspaces", PAMI 2003).
What no light explains (lips, brows, eyes, cast shadows) is dark for reasons of its own
and would pull the face down by several pixels; it is told apart and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.geometry import Similarity
    from fercore.structures import FloatArray

_SMOOTHING = 1.0  # pixels, before differentiating
_EDGE = 4  # pixels next to the outline whose normals are not trusted
_EVERY = 7  # a seventh of the pixels decides nine numbers well enough
_ROUNDS = 4
_OUTLIER = 2.5  # times the median residual, while fitting
_RESIDUAL_SMOOTHING = 1.5  # pixels
_UNEXPLAINED = 2.0  # times the median residual


@dataclass(frozen=True, slots=True)
class Relief:
    """A depth map as a grey picture, and where it can be compared with the real one."""

    grey: FloatArray  # (H, W), in the units of the picture's grey
    explained: NDArray[np.bool_]  # (H, W), known surface whose brightness the light explains


def relit(depth_m: FloatArray, mm_per_pixel: float, grey: FloatArray, start: Similarity) -> Relief:
    """Return the depth map (H, W), holes filled, under the light of the picture `grey`.

    `start` maps the depth map's pixels to the picture's; it may be a few pixels off.
    """
    valid = np.isfinite(depth_m)
    basis = _harmonics(_normals(depth_m, valid, mm_per_pixel))
    seen = _seen(grey, start, depth_m.shape)
    inner = ndimage.binary_erosion(valid, iterations=_EDGE)
    used = inner if inner.any() else valid
    light = _robust_least_squares(basis[used][::_EVERY], seen[used][::_EVERY])
    relief = basis @ light
    # Noise of single pixels says nothing about what a place looks like.
    residuals = np.abs(cv2.GaussianBlur(seen, (0, 0), _RESIDUAL_SMOOTHING) - relief)
    unexplained = residuals > _UNEXPLAINED * np.median(residuals[used])
    specks_removed = ndimage.binary_opening(unexplained)
    return Relief(relief.astype(np.float32), valid & ~specks_removed)


def _seen(grey: FloatArray, start: Similarity, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the picture (H, W) as it lies under the depth map at the start."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], shape[0])
    seen = cv2.warpAffine(grey, start.matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float64)


def _normals(
    depth_m: FloatArray, valid: NDArray[np.bool_], mm_per_pixel: float
) -> NDArray[np.float64]:
    """Return unit normals (H, W, 3); beyond the outline the surface goes on at its depth."""
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    height = -1000 * depth_m[tuple(nearest)] / mm_per_pixel
    smooth = cv2.GaussianBlur((height - height.mean()).astype(np.float32), (0, 0), _SMOOTHING)
    down, right = np.gradient(smooth.astype(np.float64))
    normals = np.stack([-right, down, np.ones_like(right)], axis=-1)
    unit: NDArray[np.float64] = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    return unit


def _harmonics(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the spherical harmonics up to the second order (H, W, 9), not normalised."""
    x, y, z = np.moveaxis(normals, -1, 0)
    terms = [np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, z * z]
    return np.stack(terms, axis=-1)


def _robust_least_squares(
    basis: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    kept = np.ones(len(target), bool)
    solution = np.zeros(basis.shape[1])
    for _ in range(_ROUNDS):
        solution = np.linalg.lstsq(basis[kept], target[kept], rcond=None)[0]
        residuals = np.abs(target - basis @ solution)
        kept = residuals <= _OUTLIER * np.median(residuals)
    return solution
