"""Similarity registration of two pictures by Mattes mutual information, with SimpleITK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from fercore.geometry import Similarity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

BINS = 50
SAMPLES = 0.2  # share of the masked pixels
_SHRINK, _SIGMA = (2, 1), (1.5, 1.0)
_STEP, _SMALLEST_STEP, _STEPS, _RELAXATION = 0.7, 0.03, 14, 0.6  # pixels; at most 10 px a level
_ARM = 150.0  # pixels from the centre to the face's edge: makes a step mean the same for all


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
