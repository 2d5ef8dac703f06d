"""How far a head is turned, from the six points that the face detector finds along with a face.

The points of a mean face are laid over them by OpenCV's perspective-n-point solver. On 75
rendered pictures of synthetic people whom the mean face does not know, turned by up to 30
degrees, the median error of one picture is 5 degrees of yaw, 7 of pitch and 3 of roll, and a
tenth of the errors exceed 14, 15 and 8: enough to tell who looks away, not to measure by.

Depth is not used. Fitting the points' measured depth (`Rotation.align_vectors`) at least doubled
the error of the yaw, since the point of a hidden ear lies on the cheek, and taking their depth
only where it agrees with the picture gained nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.structures import FaceBox

POINTS = ("right eye", "left eye", "nose", "mouth", "right ear", "left ear")
"""The person's right and left, in the detector's order."""

MEAN_FACE_MM = np.array(
    [
        (-30.0, 21.5, 10.8),
        (30.0, 21.5, 10.8),
        (0.0, -10.5, 45.3),
        (0.0, -42.6, 27.3),
        (-65.3, 5.0, -47.1),
        (65.3, 5.0, -47.1),
    ]
)
"""Where POINTS are: x to the image's right, y up, z towards the camera. Fitted to what BlazeFace
finds in 155 rendered pictures of 40 synthetic people, half of each face model, at known turns."""

_DISTANCE_MM = 600.0
"""Every face is taken to be so far away: half or twice of it changes little, so that no camera's
focal length is needed."""

_LEAST_SPREAD_PX = 2.0  # of the points; a smaller face has no angle
_FARTHEST_PX = 1e6  # from the picture's corner
_TO_CAMERA = np.diag([1.0, -1.0, -1.0])  # OpenCV's y is down and its z away from the camera


class HeadAngle(NamedTuple):
    """A head's turn in degrees, away from one that looks straight at the camera.

    The signs are those of `fercore.geometry.Pose.turned`.
    """

    yaw_deg: float  # to the image's right
    pitch_deg: float  # down
    roll_deg: float  # counter-clockwise as the camera sees it


def head_angle(points_px: Sequence[tuple[float, float]]) -> HeadAngle | None:
    """Return how far a head is turned from the line of sight, None where that cannot be told.

    `points_px` (6, 2) are the columns and rows of POINTS.
    """
    pixels = np.array(points_px, np.float64)
    # What is not a number is not smaller, either.
    if pixels.shape != (len(POINTS), 2) or not (np.abs(pixels) < _FARTHEST_PX).all():
        return None
    offsets = pixels - pixels.mean(axis=0)
    spread_px = float(np.sqrt(np.square(offsets).mean()))
    if spread_px < _LEAST_SPREAD_PX:
        return None
    rotation = _rotation(offsets / spread_px)
    if rotation is None or rotation[2, 2] <= 0:
        return None  # the back of a head is not what the detector found
    roll, pitch, yaw = Rotation.from_matrix(rotation).as_euler("ZXY", degrees=True)
    return HeadAngle(float(yaw), float(pitch), float(roll))


def _rotation(offsets: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the rotation (3, 3) of the mean face that explains points (6, 2) of spread 1."""
    focal = _DISTANCE_MM / np.sqrt(np.square(MEAN_FACE_MM[:, :2]).mean())
    camera = np.diag([focal, focal, 1.0])
    try:
        found, turn, _ = cv2.solvePnP(
            MEAN_FACE_MM @ _TO_CAMERA, offsets, camera, None, flags=cv2.SOLVEPNP_SQPNP
        )
    except cv2.error:
        return None
    if not found or not np.isfinite(turn).all():
        return None
    rotation: NDArray[np.float64] = _TO_CAMERA @ cv2.Rodrigues(turn)[0] @ _TO_CAMERA
    return rotation


def tilt_deg(face: FaceBox) -> float | None:
    """Return how far a found face is turned in the picture plane, -180 to 180 degrees.

    0 is upright, positive counter-clockwise as `HeadAngle.roll_deg`; None where the detector
    found no points. It is the way from the mouth to the middle of the eyes that tells, for faces
    at any angle.
    """
    points = np.array(getattr(face, "points_px", ()), np.float64)
    if points.shape != (len(POINTS), 2) or not np.isfinite(points).all():
        return None
    right, up = (points[0] + points[1]) / 2 - points[3]
    return float(np.degrees(np.arctan2(-right, -up)))
