"""The scattering transform of pictures: local energies of wavelets, and of wavelets of those.

Mallat, "Group invariant scattering" (2012); Bruna and Mallat, "Invariant scattering convolution
networks" (PAMI 2013). A picture is convolved with Morlet wavelets of `SCALES` octaves and
`ANGLES` orientations; the modulus of each is convolved again with the wavelets of coarser
octaves; low-passed and sampled every 2^`SCALES` pixels, the picture itself, the first and the
second moduli are the coefficients. They change little where the picture moves by less than that.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import nn

SCALES, ANGLES = 4, 8
STEP = 2**SCALES
"""Pixels between two coefficients, and to how many pixels' shift they are almost blind."""

PATHS = 1 + SCALES * ANGLES + SCALES * (SCALES - 1) // 2 * ANGLES**2
"""Coefficients at each place: order 0, then order 1, then order 2 with growing scales."""

_BANDWIDTH, _FREQUENCY = 0.8, 3 * math.pi / 4  # of the finest wavelet, per pixel
_SLANT = 4 / ANGLES  # a wavelet is longer across its direction of change by 1 / slant
_TAILS = range(-2, 3)  # periods of the picture over which a filter's tails are folded


def scattering(pictures: torch.Tensor) -> torch.Tensor:
    """Return the coefficients (N, 417, S / 16, S / 16) of square pictures (N, S, S).

    The angles of order 1 are k / 8 of half a turn from the rows' axis, k = 0..7; order 2 comes by
    first scale, second scale, first angle, second angle. Borders are mirrored.

    Raises:
        ValueError: S is not a multiple of 16 above 16.
    """
    size = pictures.shape[-1]
    if size % STEP or size <= STEP:
        raise ValueError(f"pictures to scatter must be a multiple of {STEP} wide, not {size}")
    mirrored = nn.functional.pad(pictures[:, None], [STEP] * 4, mode="reflect")[:, 0]
    spectra = torch.fft.fft2(mirrored)  # (N, P, P)
    first, second = [_smoothed(spectra, 0)], []
    for scale in range(SCALES):
        moduli = _moduli(spectra, scale, 0).flatten(0, 1)  # (N * 8, p, p)
        first.append(_smoothed(moduli, scale).view(-1, ANGLES, size // STEP, size // STEP))
        for coarser in range(scale + 1, SCALES):
            again = _moduli(moduli, coarser, scale).flatten(0, 1)  # (N * 64, q, q)
            second.append(_smoothed(again, coarser).view(-1, ANGLES**2, *first[0].shape[2:]))
    return torch.cat([*first, *second], dim=1)


def _moduli(spectra: torch.Tensor, scale: int, resolution: int) -> torch.Tensor:
    """Return the spectra (N, 8, q, q) of 8 wavelets' moduli, sampled every 2^scale pixels.

    `spectra` (N, p, p) are of pictures that are sampled every 2^resolution pixels.
    """
    bank = _low(_wavelets(spectra.shape[-1] << resolution, scale), resolution)
    moduli = torch.fft.ifft2(_passed(spectra, bank, scale - resolution)).abs()
    transformed: torch.Tensor = torch.fft.fft2(moduli)
    return transformed


def _smoothed(spectra: torch.Tensor, resolution: int) -> torch.Tensor:
    """Return the low-passed pictures (N, 1, s, s), every 2^SCALES pixels, without the margin."""
    low_pass = _low(_low_pass(spectra.shape[-1] << resolution), resolution)
    passed = _passed(spectra, low_pass[None], SCALES - resolution)
    smooth: torch.Tensor = torch.fft.ifft2(passed).real
    return smooth[..., 1:-1, 1:-1]


def _passed(spectra: torch.Tensor, filters: torch.Tensor, octaves: int) -> torch.Tensor:
    """Return spectra (N, F, q, q) of filtered pictures (N, p, p), at every 2^octaves-th pixel.

    To sample a picture is to add up the parts of its spectrum.
    """
    folds, size = 1 << octaves, spectra.shape[-1] >> octaves
    shape = (-1, folds, size, folds, size)
    parts, responses = spectra.reshape(shape), filters.reshape(shape).to(spectra.dtype)
    return torch.einsum("naibj,faibj->nfij", parts, responses) / folds**2


def _low(filters: torch.Tensor, octaves: int) -> torch.Tensor:
    """Return the lowest frequencies of filters (..., P, P): (..., P / 2^octaves, ...)."""
    half = filters.shape[-1] >> octaves + 1
    if not octaves:
        return filters
    rows = torch.cat([filters[..., :half, :], filters[..., -half:, :]], dim=-2)
    return torch.cat([rows[..., :half], rows[..., -half:]], dim=-1)


@lru_cache(maxsize=16)
def _wavelets(size: int, scale: int) -> torch.Tensor:
    """Return the Morlet wavelets of a scale in the Fourier domain, (8, size, size)."""
    angles = [index * math.pi / ANGLES for index in range(ANGLES)]
    return torch.stack([_morlet(size, scale, angle) for angle in angles])


def _morlet(size: int, scale: int, angle: float) -> torch.Tensor:
    """Return a Gabor wavelet less as much of its envelope as takes away its mean."""
    bandwidth, frequency = _BANDWIDTH * 2**scale, _FREQUENCY / 2**scale
    wave = _gabor(size, bandwidth, angle, frequency, _SLANT)
    envelope = _gabor(size, bandwidth, angle, 0.0, _SLANT)
    morlet = wave - envelope * (wave.sum() / envelope.sum())
    spectrum: torch.Tensor = torch.fft.fft2(morlet)
    return spectrum.real.float()


@lru_cache(maxsize=4)
def _low_pass(size: int) -> torch.Tensor:
    gaussian = _gabor(size, _BANDWIDTH * 2 ** (SCALES - 1), 0.0, 0.0, 1.0)
    spectrum: torch.Tensor = torch.fft.fft2(gaussian)
    return spectrum.real.float()


def _gabor(
    size: int, bandwidth: float, angle: float, frequency: float, slant: float
) -> torch.Tensor:
    """Return a plane wave under a Gaussian of unit sum around pixel 0, periodic, (size, size)."""
    total = torch.zeros(size, size, dtype=torch.complex128)
    for down in _TAILS:
        for right in _TAILS:
            rows = torch.arange(size, dtype=torch.float64)[:, None] + down * size
            columns = torch.arange(size, dtype=torch.float64) + right * size
            along = rows * math.cos(angle) + columns * math.sin(angle)
            across = columns * math.cos(angle) - rows * math.sin(angle)
            decay = -(along**2 + (slant * across) ** 2) / (2 * bandwidth**2)
            total += torch.exp(torch.complex(decay, frequency * along))
    return total * slant / (2 * math.pi * bandwidth**2)
