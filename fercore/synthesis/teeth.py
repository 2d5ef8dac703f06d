"""Paints teeth: one shade where the model has every tooth, a row of teeth where it has a band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.canvas import TILES, noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.appearance import Skin

_GUM = np.array([0.36, 0.12, 0.11], np.float32)
# Edges between teeth along the arch, from the middle outwards, as shares of half the band.
_UPPER_EDGES = (0.0, 0.155, 0.285, 0.42, 0.55, 0.68, 0.84, 1.0)
_LOWER_EDGES = (0.0, 0.105, 0.22, 0.345, 0.48, 0.62, 0.80, 1.0)
_GAP = 0.012  # half width of the dark gap
_GUM_LINE = 0.62  # height of the gums over the teeth's edge, as share of the band


def teeth(skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return the tile (256, 256, 3) of a model that has every tooth, linear RGB."""
    size = TILES["M_Teeth"][2]
    shade = _shade(skin)
    return np.asarray(shade * (1 + 0.03 * noise(rng, size, 3.0)[..., None]), np.float32)


def teeth_band(skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return the tile (256, 256, 3) with a row of upper teeth over one of lower teeth."""
    size = TILES["M_TeethBand"][2]
    along = np.abs(np.linspace(-1, 1, size))[None, :]
    height = np.linspace(0, 1, size // 2)[:, None]
    upper = _row(along, 1 - height, _UPPER_EDGES, skin)  # gums above
    lower = _row(along, height, _LOWER_EDGES, skin)
    grain = 1 + 0.03 * noise(rng, size, 3.0)[..., None]
    return np.asarray(np.concatenate([upper, lower]) * grain, np.float32)


def _shade(skin: Skin) -> NDArray[np.float64]:
    white, yellow = np.array([0.74, 0.71, 0.63]), np.array([0.66, 0.57, 0.40])
    return np.asarray(white + skin.tooth_shade * (yellow - white))


def _row(
    along: NDArray[np.float64],
    to_gums: NDArray[np.float64],
    edges: tuple[float, ...],
    skin: Skin,
) -> NDArray[np.float64]:
    """Return one row (128, 256, 3); `to_gums` runs from the teeth's edge to the roots, 0..1."""
    sizes = np.diff(edges)
    tooth = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, len(sizes) - 1)
    within = (along - np.array(edges)[tooth]) / sizes[tooth]
    arch = 1 - (2 * within - 1) ** 2  # gums reach down between teeth
    gum_line = _GUM_LINE - 0.10 * (1 - arch)
    gums = np.clip((to_gums - gum_line) / 0.03 + 0.5, 0, 1)[..., None]
    distance = np.minimum(within, 1 - within) * sizes[tooth]
    gap = np.clip(1.3 - distance / _GAP, 0, 1) * (along > 0.02) + 0.5 * (along <= 0.02)
    rounded = 0.82 + 0.18 * np.sqrt(np.clip(arch, 0, 1))
    enamel = _shade(skin) * (rounded * (1 - 0.40 * gap) + 0 * to_gums)[..., None]
    return np.asarray(enamel + gums * (_GUM - enamel))
