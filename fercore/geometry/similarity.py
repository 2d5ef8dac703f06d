"""Similarity transforms of the picture plane: scale, rotation, shift; nothing that bends a face."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

_ROUNDS = 5
_OUTLIER = 2.5  # times the median residual


@dataclass(frozen=True, slots=True)
class Similarity:
    """Maps columns and rows: scaled, rotated about pixel (0, 0), then shifted."""

    scale: float = 1.0
    angle_deg: float = 0.0  # positive turns columns towards rows: clockwise on the screen
    shift_x: float = 0.0  # pixels
    shift_y: float = 0.0  # pixels

    @classmethod
    def about(
        cls, centre: tuple[float, float], scale: float, angle_deg: float, shift: tuple[float, float]
    ) -> Self:
        """Return the transform that scales and rotates about a centre and then shifts."""
        turned = cls(scale, angle_deg).apply(np.array([centre]))[0]
        x, y = np.array(centre) + np.array(shift) - turned
        return cls(scale, angle_deg, float(x), float(y))

    @classmethod
    def from_matrix(cls, matrix: NDArray[np.float64]) -> Self:
        """Return the transform of a similarity's matrix (2, 3)."""
        scale = math.hypot(matrix[0, 0], matrix[1, 0])
        angle_deg = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
        return cls(scale, angle_deg, float(matrix[0, 2]), float(matrix[1, 2]))

    @classmethod
    def fitted(cls, source: FloatArray, target: FloatArray) -> Self:
        """Return the least-squares transform from points (N, 2) to points (N, 2).

        Points that do not follow the rest are left out, in a few rounds.
        """
        kept = np.ones(len(source), bool)
        transform = cls()
        for _ in range(_ROUNDS):
            transform = cls._least_squares(source[kept], target[kept])
            residuals = transform.residuals(source, target)
            kept = residuals <= max(1.0, _OUTLIER * float(np.median(residuals)))
        return transform

    @classmethod
    def _least_squares(cls, source: FloatArray, target: FloatArray) -> Self:
        source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
        # As complex numbers, scale and rotation are one factor.
        before = (source - source_mean).astype(np.float64) @ np.array([1, 1j])
        after = (target - target_mean).astype(np.float64) @ np.array([1, 1j])
        factor = complex(np.vdot(before, after) / max(np.vdot(before, before).real, 1e-12))
        shift = complex(*target_mean) - factor * complex(*source_mean)
        angle_deg = math.degrees(math.atan2(factor.imag, factor.real))
        return cls(abs(factor), angle_deg, shift.real, shift.imag)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The matrix (2, 3) that maps (column, row, 1)."""
        angle = math.radians(self.angle_deg)
        cosine, sine = self.scale * math.cos(angle), self.scale * math.sin(angle)
        return np.array([[cosine, -sine, self.shift_x], [sine, cosine, self.shift_y]])

    def apply(self, points: NDArray[np.float64] | FloatArray) -> NDArray[np.float64]:
        """Return where points (N, 2) go."""
        matrix = self.matrix
        moved: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
        return moved

    def then(self, other: Similarity) -> Similarity:
        """Return this transform followed by another one."""
        both = np.vstack([other.matrix, [0, 0, 1]]) @ np.vstack([self.matrix, [0, 0, 1]])
        return Similarity.from_matrix(both[:2])

    def inverse(self) -> Similarity:
        """Return the transform that undoes this one."""
        whole = np.vstack([self.matrix, [0, 0, 1]])
        return Similarity.from_matrix(np.linalg.inv(whole)[:2])

    def residuals(self, source: FloatArray, target: FloatArray) -> NDArray[np.float64]:
        """Return the distances (N,) in pixels that remain between points (N, 2)."""
        remaining: NDArray[np.float64] = np.linalg.norm(self.apply(source) - target, axis=1)
        return remaining
