"""The refinement of a start: a depth map shown under a picture's light, mutual information.

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
import SimpleITK as sitk
from scipy import ndimage

from fercore.geometry import Similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

_SMOOTHING = 1.0  # pixels, before differentiating
_EDGE = 4  # pixels next to the outline whose normals are not trusted
_EVERY = 7  # a seventh of the pixels decides nine numbers well enough
_ROUNDS = 4
_OUTLIER = 2.5  # times the median residual, while fitting
_RESIDUAL_SMOOTHING = 1.5  # pixels
_UNEXPLAINED = 2.0  # times the median residual
BINS = 50
SAMPLES = 0.2  # share of the masked pixels
_SHRINK, _SIGMA = (2, 1), (1.5, 1.0)
_STEP, _SMALLEST_STEP, _STEPS, _RELAXATION = 0.7, 0.03, 14, 0.6  # pixels; at most 10 px a level
_ARM = 150.0  # pixels from the centre to the face's edge: makes a step mean the same for all


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


def refine(
    fixed: FloatArray,
    moving: FloatArray,
    mask: NDArray[np.bool_],
    start: Similarity,
    seed: int = 0,
) -> tuple[Similarity, float]:
    """Climb from `start` to the next maximum; return where it is and its mutual information.

    `mask` (H, W) chooses the pixels of `fixed` that count. The transform maps pixels of
    `moving` to pixels of `fixed`. Runs in one thread, so that the result is the same everywhere.

    Raises:
        RuntimeError: SimpleITK found no overlap.
    """
    method = _method(mask, seed)
    transform = _to_sitk(start.inverse(), mask)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(_image(fixed), _image(moving))
    return _from_sitk(transform).inverse(), -float(method.GetMetricValue())


def _method(mask: NDArray[np.bool_], seed: int) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    # SimpleITK takes 0 for "seed by the clock".
    method.SetMetricSamplingPercentage(SAMPLES, seed + 1)
    method.SetMetricFixedMask(sitk.GetImageFromArray(mask.astype(np.uint8)))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel(list(_SHRINK))
    method.SetSmoothingSigmasPerLevel(list(_SIGMA))
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(False)
    method.SetOptimizerAsRegularStepGradientDescent(
        _STEP, _SMALLEST_STEP, _STEPS, relaxationFactor=_RELAXATION
    )
    method.SetOptimizerScales([_ARM**2, _ARM**2, 1, 1])
    return method


def _image(array: FloatArray) -> sitk.Image:
    return sitk.GetImageFromArray(np.ascontiguousarray(array, np.float32))


def _to_sitk(transform: Similarity, mask: NDArray[np.bool_]) -> sitk.Similarity2DTransform:
    rows, columns = np.nonzero(mask)
    centre = np.array([[columns.mean(), rows.mean()]])
    result = sitk.Similarity2DTransform()
    result.SetCenter(centre[0].tolist())
    result.SetScale(transform.scale)
    result.SetAngle(float(np.deg2rad(transform.angle_deg)))
    result.SetTranslation((transform.apply(centre) - centre)[0].tolist())
    return result


def _from_sitk(transform: sitk.Similarity2DTransform) -> Similarity:
    centre = tuple(transform.GetCenter())
    angle_deg = float(np.rad2deg(transform.GetAngle()))
    return Similarity.about(centre, transform.GetScale(), angle_deg, transform.GetTranslation())
