"""Face crops as the perturbations see them: each face's random draws, smoothing, resampling."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

CROP_SIDE_MM = 150.0
"""What a crop's side measures on the face. Crops know no scale of their own; those of the
sample subjects span 132 to 172 mm."""


class Crops(NamedTuple):
    """Colour and depth of N faces; arrays of a perturbed copy may be the original's own."""

    rgb: UInt8Array  # (N, S, S, 3)
    depth_m: FloatArray  # (N, D, D), metres, NaN where unknown


def generators(crops: Crops, seed: int, stream: str) -> list[np.random.Generator]:
    """Return a fresh generator for each face.

    It depends on seed, stream and the face's own pixels alone: every network, every
    severity and every batch meets the same draws (common random numbers), so that
    curves differ by what is measured and not by chance.
    """
    name = zlib.crc32(stream.encode())
    return [
        np.random.default_rng([seed, name, zlib.crc32(rgb.tobytes()), zlib.crc32(depth.tobytes())])
        for rgb, depth in zip(crops.rgb, crops.depth_m, strict=True)
    ]


def gaussian_blur(pictures: FloatArray, sigma_px: float) -> FloatArray:
    """Return pictures (N, H, W, ...) blurred along H and W; the edge is repeated outwards."""
    reach = max(1, int(np.ceil(3 * sigma_px)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma_px, 1e-3)) ** 2)
    weights = (taps / taps.sum()).astype(np.float32)
    for axis in (1, 2):
        padding = [(0, 0)] * pictures.ndim
        padding[axis] = (reach, reach)
        padded = np.moveaxis(np.pad(pictures, padding, mode="edge"), axis, 0)
        length = pictures.shape[axis]
        blurred = np.zeros_like(padded[:length])
        for offset, weight in enumerate(weights):
            blurred += weight * padded[offset : offset + length]
        pictures = np.moveaxis(blurred, 0, axis)
    return pictures


def smooth_noise(
    draws: Sequence[np.random.Generator], size: int, sigma_px: float
) -> NDArray[np.float64]:
    """Return Gaussian noise (N, size, size) of expected RMS 1, smoothed by `sigma_px`.

    The same draws give the same white noise before smoothing, whatever the sigma.
    """
    frequencies = np.fft.fftfreq(size)
    transfer = np.exp(-2 * (np.pi * sigma_px * frequencies) ** 2)
    filtered = np.outer(transfer, transfer)
    filtered /= np.sqrt((filtered**2).mean())
    white = np.stack([draw.standard_normal((size, size)) for draw in draws])
    noise: NDArray[np.float64] = np.fft.ifft2(np.fft.fft2(white) * filtered).real
    return noise


def area_weights(length: int, shorter: int) -> FloatArray:
    """Return the matrix (shorter, length) that averages pixels over the area of larger ones."""
    edges = np.linspace(0, length, shorter + 1)
    pixels = np.arange(length)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    overlap = (high - low).clip(0)
    weights: FloatArray = (overlap / overlap.sum(1, keepdims=True)).astype(np.float32)
    return weights


def enlarged(pictures: FloatArray, size: int) -> FloatArray:
    """Return pictures (N, S, S) or (N, S, S, C) with sides of `size`, bilinear between centres."""
    stack = torch.from_numpy(np.ascontiguousarray(pictures.reshape(*pictures.shape[:3], -1)))
    planes = functional.interpolate(stack.permute(0, 3, 1, 2), size=(size, size), mode="bilinear")
    larger: FloatArray = planes.permute(0, 2, 3, 1).numpy()
    return larger.reshape(len(pictures), size, size, *pictures.shape[3:])


def along_both(weights: FloatArray, pictures: FloatArray) -> FloatArray:
    """Apply a matrix (out, in) to both sides of pictures (N, in, in, ...)."""
    rows = np.tensordot(pictures, weights, axes=(1, 1))  # N, in, ..., out
    both = np.tensordot(rows, weights, axes=(1, 1))  # N, ..., out, out
    moved: FloatArray = np.moveaxis(both, (-2, -1), (1, 2))
    return moved
