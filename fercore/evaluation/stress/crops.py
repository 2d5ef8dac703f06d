"""Face crops as the perturbations see them, and the random draws that belong to each face."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
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
