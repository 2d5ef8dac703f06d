"""What the frontal picture is like around each landmark: SIFT, HSOG and grey patches.

SIFT (Lowe 2004) counts directions of change; HSOG (Huang et al., "HSOG: a novel local image
descriptor based on histograms of the second-order gradients", TIP 2014) counts them again in
each of eight maps of change. The picture shows the posed head, so nothing is left to turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.baselines.mesh_descriptors import (
    BINS,
    PATCH_SIZE,
    PATCH_STEP_MM,
    clipped_unit,
    describe_mesh,
    range_patches,
    soft_histograms,
)
from fercore.baselines.posed_scans import PICTURE_CAMERA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.baselines.posed_scans import ScanFeatures, ScanGeometry
    from fercore.structures import FloatArray, UInt8Array

_SIFT_PIXELS = 24.0  # diameter of the key points
_FINE, _COARSE = 1.0, 2.0  # pixels, smoothing of the picture and of its maps of change
_RING_PIXELS = 12.0  # of the eight outer circles' centres
_LEAST_CONTRAST = 1.0  # grey levels; a flatter patch is not stretched to a deviation of 1
_CIRCLE_PIXELS = 6.0  # standard deviation of a circle's weights


def describe_around_points(scan: ScanGeometry) -> ScanFeatures:
    """Return the picture's and the mesh's descriptors at the landmarks: `descriptors-svm`."""
    return {**describe_picture(scan), **describe_mesh(scan)}


def describe_picture(scan: ScanGeometry) -> ScanFeatures:
    """Return `sift` (68, 128) and `hsog` (68, 576) at the landmarks."""
    grey = cv2.cvtColor(scan.picture_rgb, cv2.COLOR_RGB2GRAY)
    pixels = scan.in_picture(scan.inner_points_mm)
    return {"sift": root_sift(grey, pixels), "hsog": second_order(grey, pixels)}


def describe_patches(scan: ScanGeometry) -> ScanFeatures:
    """Return `texture` and `range` (P, 15, 15) at the named points, and `points_mm` (68, 3)."""
    points = np.array([scan.named_mm[name] for name in sorted(scan.named_mm)], np.float32)
    return {
        "texture": grey_patches(scan, points),
        "range": range_patches(scan, points),
        "points_mm": scan.inner_points_mm,
    }


def root_sift(grey: UInt8Array, pixels: NDArray[np.float64]) -> FloatArray:
    """Return RootSIFT (P, 128) at columns and rows (P, 2): unit length, not turned."""
    sift = cv2.SIFT.create()
    keys = [cv2.KeyPoint(float(x), float(y), _SIFT_PIXELS, 0.0) for x, y in pixels]
    found = sift.compute(grey, keys)[1].astype(np.float64)
    shares = found / found.sum(axis=1, keepdims=True).clip(1e-9)
    return np.asarray(np.sqrt(shares), np.float32)


def second_order(grey: UInt8Array, pixels: NDArray[np.float64]) -> FloatArray:
    """Return HSOG (P, 576) at columns and rows (P, 2): 8 maps × 9 circles × 8 bins.

    Map n holds how fast the picture brightens in direction n / 8 of a turn. In each, directions
    of change are counted in one circle in the middle and eight around it.
    """
    part, inside = _around(grey, pixels)
    down, right = np.gradient(cv2.GaussianBlur(part, (0, 0), _FINE))
    descriptors = []
    for angle in np.arange(BINS) * 2 * np.pi / BINS:
        rising = np.maximum(np.cos(angle) * right + np.sin(angle) * down, 0.0)
        descriptors.append(_counted(cv2.GaussianBlur(rising, (0, 0), _COARSE), inside))
    return clipped_unit(np.concatenate(descriptors, axis=1).astype(np.float64))


def grey_patches(scan: ScanGeometry, points_mm: FloatArray) -> FloatArray:
    """Return grey levels around points (P, 3), (P, 15, 15), mean 0, deviation 1 or less."""
    grey = cv2.cvtColor(scan.picture_rgb, cv2.COLOR_RGB2GRAY)
    step = PATCH_STEP_MM / PICTURE_CAMERA.mm_per_pixel
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), step / 2)
    steps = (np.arange(PATCH_SIZE) - (PATCH_SIZE - 1) / 2) * step
    pixels = scan.in_picture(points_mm)
    patches = _sampled(smooth, pixels, *np.meshgrid(steps, steps))
    patches -= patches.mean(axis=(1, 2), keepdims=True)
    return np.asarray(
        patches / patches.std(axis=(1, 2), keepdims=True).clip(_LEAST_CONTRAST), np.float32
    )


def _around(
    grey: UInt8Array, pixels: NDArray[np.float64]
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Return the part of the picture that the descriptors of pixels (P, 2) see, and their place."""
    margin = int(_RING_PIXELS + 4 * _CIRCLE_PIXELS)
    height, width = grey.shape
    left, top = (pixels.min(axis=0).astype(int) - margin).clip(0, (width - 2, height - 2))
    right, bottom = (pixels.max(axis=0).astype(int) + margin).clip((left + 2, top + 2))
    return grey[top:bottom, left:right].astype(np.float32), pixels - (left, top)


def _counted(picture: FloatArray, pixels: NDArray[np.float64]) -> FloatArray:
    """Return directions of change (P, 72) in the nine circles around pixels (P, 2)."""
    down, right = np.gradient(picture)
    places = np.arctan2(down, right).astype(np.float64) / (2 * np.pi) * BINS
    maps = soft_histograms(places, np.hypot(down, right), turning=True).astype(np.float32)
    pooled = cv2.GaussianBlur(maps, (0, 0), _CIRCLE_PIXELS)
    angles = np.arange(BINS) * 2 * np.pi / BINS
    right_steps = np.append(0.0, _RING_PIXELS * np.cos(angles))
    down_steps = np.append(0.0, _RING_PIXELS * np.sin(angles))
    circles = _sampled(pooled, pixels, right_steps[None], down_steps[None])  # (P, 1, 9, 8)
    return circles.reshape(len(pixels), -1)


def _sampled(
    picture: FloatArray,
    pixels: NDArray[np.float64],
    right: NDArray[np.float64],
    down: NDArray[np.float64],
) -> FloatArray:
    """Return a picture (H, W[, C]) at steps (h, w) from pixels (P, 2): (P, h, w[, C])."""
    columns = (pixels[:, 0, None, None] + right).astype(np.float32)
    rows = (pixels[:, 1, None, None] + down).astype(np.float32)
    shape = (*columns.shape, *picture.shape[2:])
    flat = (len(columns), -1)
    seen: FloatArray = cv2.remap(
        picture,
        columns.reshape(flat),
        rows.reshape(flat),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return seen.reshape(shape)
