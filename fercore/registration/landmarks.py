"""Facial landmarks as a start: the same points in the picture and in the rendered mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.geometry import Similarity

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

# Eyes, brows, nose and lips among mediapipe's 468 points. The outline of the face and
# the smooth cheeks between are guessed by the landmark model more than they are seen.
FEATURES = np.array(
    [
        *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),  # eye
        *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
        *(46, 53, 52, 65, 55, 70, 63, 105, 66, 107),  # brow
        *(276, 283, 282, 295, 285, 300, 293, 334, 296, 336),
        *(168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 294, 278, 48, 64),  # nose
        *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269),  # lips
        *(270, 409, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13),
        *(312, 311, 310, 415),
    ]
)

# The landmark model's answer trembles by some pixels with the cut of the picture:
# small motions (scale, degrees, shift in shares of the picture) average that out.
_MOTIONS = (
    (1.0, 0.0, 0.0, 0.0),
    (0.93, 5.0, 0.02, -0.015),
    (0.97, -5.0, -0.015, 0.02),
    (0.9, -3.0, 0.0, 0.03),
    (1.04, 2.5, 0.01, -0.02),
)


def steady_landmarks(
    landmarks: Callable[[UInt8Array], FloatArray | None],
    rgb: UInt8Array,
    wanted: NDArray[np.int64] = FEATURES,
) -> FloatArray | None:
    """Return columns and rows (N, 2) of the wanted points in a picture; None without a face.

    `landmarks` is a landmarker's method; the median of its answers to slightly
    moved copies of the picture is taken.
    """
    found = [
        points
        for motion in _MOTIONS
        if (points := _moved(landmarks, rgb, wanted, *motion)) is not None
    ]
    return np.median(found, axis=0).astype(np.float32) if found else None


def _moved(
    landmarks: Callable[[UInt8Array], FloatArray | None],
    rgb: UInt8Array,
    wanted: NDArray[np.int64],
    scale: float,
    angle_deg: float,
    right: float,
    down: float,
) -> FloatArray | None:
    height, width = rgb.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    motion = Similarity.about(centre, scale, angle_deg, (right * width, down * height))
    picture = cv2.warpAffine(rgb, motion.matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    points = landmarks(np.asarray(picture, np.uint8))
    return None if points is None else motion.inverse().apply(points[wanted]).astype(np.float32)
