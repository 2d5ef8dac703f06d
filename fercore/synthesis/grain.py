"""Noise whose neighbours go together, with a variance that does not depend on how smooth it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from fercore.structures import FloatArray

_FINE_ENOUGH = 2.0  # pixels of correlation that a coarse grid must keep


def smooth_noise(
    shape: tuple[int, ...], across_px: float, down_px: float, rng: np.random.Generator
) -> FloatArray:
    """Return Gaussian noise (H, W) or (H, W, C) of variance 1, correlated over those sigmas."""
    height, width = shape[:2]
    # Slow noise is drawn on a coarse grid: nobody sees the difference, and it costs little.
    step = max(1, int(min(across_px, down_px) / _FINE_ENOUGH))
    coarse = (-(-height // step) + 1, -(-width // step) + 1, *shape[2:])
    noise = _blurred(rng.standard_normal(coarse, np.float32), across_px / step, down_px / step)
    if step > 1:
        size = (coarse[1] * step, coarse[0] * step)
        noise = np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_LINEAR))
    return noise[:height, :width]


def _blurred(noise: FloatArray, across_px: float, down_px: float) -> FloatArray:
    """Blur, and give back the variance that blurring takes."""
    kernels = [_kernel(across_px), _kernel(down_px)]
    gain = np.prod([np.sqrt(np.square(kernel).sum()) for kernel in kernels])
    blurred = cv2.sepFilter2D(noise, -1, *(kernel / gain**0.5 for kernel in kernels))
    return np.asarray(blurred, np.float32)


def _kernel(sigma_px: float) -> FloatArray:
    size = 2 * round(3 * sigma_px) + 1
    return np.asarray(cv2.getGaussianKernel(size, max(sigma_px, 0.1), cv2.CV_32F)[:, 0])
