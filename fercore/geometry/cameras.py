"""Where a mesh stands, how it is looked at, and similarity transforms of the picture plane."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Intrinsics

NOMINAL_DISTANCE_M = 1.0
"""Depth given to z = 0 in orthographic depth maps, which know no camera distance."""

FRAMING_MARGIN = 1.04
"""Height of an orthographic picture over the height of the face in it (BU-3DFE's F2D)."""
_ROUNDS = 5
_OUTLIER = 2.5  # times the median residual


def _zero_mm() -> FloatArray:
    return np.zeros(3, np.float32)


@dataclass(frozen=True, slots=True)
class Pose:
    """A rigid motion about the mesh's centre; the axes stay x right, y up, z towards the camera."""

    rotation: FloatArray  # (3, 3), orthonormal
    translation_mm: FloatArray = field(default_factory=_zero_mm)  # (3,)

    @classmethod
    def frontal(cls) -> Self:
        """Return the pose that leaves the mesh as it is."""
        return cls(np.eye(3, dtype=np.float32))

    @classmethod
    def turned(
        cls,
        yaw_deg: float = 0.0,
        pitch_deg: float = 0.0,
        roll_deg: float = 0.0,
        translation_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Self:
        """Return a head turn in degrees.

        Positive yaw turns the face to the image's right, positive pitch down,
        positive roll counter-clockwise as seen by the camera.
        """
        yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
        rotation = _about_z(roll) @ _about_x(pitch) @ _about_y(yaw)
        return cls(rotation.astype(np.float32), np.asarray(translation_mm, np.float32))


@dataclass(frozen=True, slots=True)
class OrthographicCamera:
    """A square picture looking along -z; pixel centres lie on whole rows and columns."""

    mm_per_pixel: float
    centre_x_mm: float
    centre_y_mm: float
    size: int = 512  # pixels, width and height

    @classmethod
    def framing(cls, vertices_mm: FloatArray, size: int = 512) -> Self:
        """Return the camera that frames a face as BU-3DFE's F2D pictures do."""
        low, high = vertices_mm[:, :2].min(axis=0), vertices_mm[:, :2].max(axis=0)
        centre_x, centre_y = (float(value) for value in (low + high) / 2)
        height_mm = max(float(high[1] - low[1]), 1e-3)
        return cls(FRAMING_MARGIN * height_mm / size, centre_x, centre_y, size)

    def project(self, points_mm: FloatArray) -> NDArray[np.float64]:
        """Return the columns and rows (N, 2) at which points (N, 3) appear, in pixels."""
        middle = (self.size - 1) / 2
        columns = middle + (points_mm[:, 0] - self.centre_x_mm) / self.mm_per_pixel
        rows = middle - (points_mm[:, 1] - self.centre_y_mm) / self.mm_per_pixel
        pixels: NDArray[np.float64] = np.stack([columns, rows], axis=1).astype(np.float64)
        return pixels


def to_camera(
    points_mm: FloatArray, centre_mm: FloatArray, pose: Pose, distance_mm: float
) -> NDArray[np.float64]:
    """Return mesh points (N, 3) in the axes of a pinhole camera (x right, y down), millimetres."""
    turned = (points_mm - centre_mm) @ pose.rotation.T.astype(np.float64)
    flip, camera = np.array([1.0, -1.0, -1.0]), np.array([0.0, 0.0, distance_mm])
    moved: NDArray[np.float64] = (turned + pose.translation_mm) * flip + camera
    return moved


def project_pinhole(camera_mm: NDArray[np.float64], intrinsics: Intrinsics) -> NDArray[np.float64]:
    """Return columns and rows (N, 2) in pixels of points (N, 3) in front of the camera."""
    slopes = camera_mm[:, :2] / camera_mm[:, 2:]
    focal = np.array([intrinsics.fx, intrinsics.fy])
    pixels: NDArray[np.float64] = slopes * focal + np.array([intrinsics.cx, intrinsics.cy])
    return pixels


def _about_x(angle: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]], dtype=np.float64)


def _about_y(angle: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], dtype=np.float64)


def _about_z(angle: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], dtype=np.float64)


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
