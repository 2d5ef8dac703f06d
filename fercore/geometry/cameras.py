"""Where a mesh stands and how it is looked at."""

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
