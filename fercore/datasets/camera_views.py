"""Scans as a camera on the desk would see them: turned, off the centre, at any distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.geometry import MeshRenderer, Pose
from fercore.structures import Intrinsics, RGBDFrame

if TYPE_CHECKING:
    from fercore.geometry import Rendering
    from fercore.structures import UInt8Array

WEBCAM = Intrinsics(fx=600.0, fy=600.0, cx=319.5, cy=239.5, width=640, height=480)
NEAREST_MM, FARTHEST_MM = 450.0, 800.0
MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG = 20.0, 12.0, 8.0

_HEAD_MM = 130.0  # from the head's centre to its farthest edge: keeps it inside the picture
_PLAIN_SHARE = 0.5  # of the views keep the renderer's plain grey background


def camera_view(renderer: MeshRenderer, rng: np.random.Generator) -> RGBDFrame:
    """Return one view (480, 640) with a drawn head turn, place, distance and background."""
    distance_mm = rng.uniform(NEAREST_MM, FARTHEST_MM)
    limits_deg = np.array([MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG])
    yaw_deg, pitch_deg, roll_deg = rng.uniform(-limits_deg, limits_deg).tolist()
    room_mm = np.array([WEBCAM.cx / WEBCAM.fx, WEBCAM.cy / WEBCAM.fy]) * distance_mm - _HEAD_MM
    right_mm, up_mm = (rng.uniform(-1, 1, 2) * room_mm.clip(0)).tolist()
    pose = Pose.turned(yaw_deg, pitch_deg, roll_deg, (right_mm, up_mm, 0.0))
    rendering = renderer.pinhole(WEBCAM, pose, distance_mm)
    return RGBDFrame(_with_background(rendering, rng), rendering.depth_m, WEBCAM, 0.0, 0)


def _with_background(rendering: Rendering, rng: np.random.Generator) -> UInt8Array:
    """Return the colours before a soft, coloured background, or as they are."""
    colours = rng.uniform(10, 245, (2, 2, 3)).astype(np.float32)
    if rng.uniform() < _PLAIN_SHARE:
        return rendering.rgb
    height, width = rendering.depth_m.shape
    background = cv2.resize(colours, (width, height), interpolation=cv2.INTER_LINEAR)
    seen = np.isfinite(rendering.depth_m)[..., None]
    return np.where(seen, rendering.rgb, background.astype(np.uint8))
