"""Where rays meet surfaces, and what leaves them towards the eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray


@dataclass(frozen=True, slots=True)
class Hits:
    """Where rays met one surface, N times."""

    rays: NDArray[np.bool_]  # (R,), N of them true
    distance: FloatArray  # (N,), in lengths of the ray's direction
    numbers: NDArray[np.int64]  # (N,), the triangle
    weights: FloatArray  # (N, 3), barycentric


@dataclass(frozen=True, slots=True)
class Shaded:
    """What leaves a surface at N hits towards the camera, and what a depth sensor meets there."""

    light: FloatArray  # (N, 3), linear RGB
    facing: FloatArray  # (N,), cosine between surface and line of sight, 0..1
    infrared: FloatArray  # (N,), reflectance near 850 nm, 0..1
    glint: FloatArray  # (N,), highlight of a lamp beside the camera


def glance(normals: FloatArray, direction: FloatArray) -> FloatArray:
    """Return the cosines (N,), at least 0, between normals (N, 3) and a unit vector or N of them.

    The normals need not be of length 1.
    """
    lengths = np.sqrt(np.einsum("nk,nk->n", normals, normals))
    towards = np.broadcast_to(direction, normals.shape)
    cosines = np.einsum("nk,nk->n", normals, towards) / np.maximum(lengths, np.float32(1e-6))
    return np.asarray(np.maximum(cosines, 0), np.float32)
