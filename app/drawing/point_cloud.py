"""A face as coloured points in space, and a picture of them from any side.

Software only: a few thousand points take some milliseconds, and no graphics driver is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FaceBox, FloatArray, RGBDFrame, UInt8Array

MOST_POINTS = 6000
GROUND_RGB = (18, 20, 24)
_REACH_M = 0.13  # a face's points lie no further from its middle in depth; the wall does
_SHOWN_M = 0.26  # side of the space that fills the picture
_USUAL_BOX_M = 0.2  # side of a face's box, where the camera's scale is not known
_FEWEST = 20
_OVERLAP = 1.5  # of the points, so that a turned face has no gaps


@dataclass(frozen=True, slots=True)
class PointCloud:
    """Points around a face's middle."""

    points_m: FloatArray  # (N, 3): x right, y down, z away from the camera, 0: the face's middle
    rgb: UInt8Array  # (N, 3)
    spacing_m: float  # between neighbours


def face_cloud(frame: RGBDFrame, box: FaceBox) -> PointCloud | None:
    """Return the points of a face, None where too little depth is known."""
    rows, columns = _grid(frame, box)
    if frame.depth_m is None or not rows.size or not columns.size:
        return None
    depth_m = frame.depth_m[np.ix_(rows, columns)]
    middle_m = _middle(depth_m)
    near = np.abs(depth_m - middle_m) < _REACH_M  # False where unknown
    if near.sum() < _FEWEST:
        return None
    metres = _metres_per_pixel(frame, box, depth_m)
    x = (columns[None, :] - (box.x0 + box.x1) / 2) * metres
    y = (rows[:, None] - (box.y0 + box.y1) / 2) * metres
    points = np.stack([x[near], y[near], (depth_m - middle_m)[near]], axis=1)
    spacing_m = float((rows[1] - rows[0] if len(rows) > 1 else 1) * np.median(metres[near]))
    colours = frame.rgb[np.ix_(rows, columns)][near]
    return PointCloud(points.astype(np.float32), colours, spacing_m)


def rendered(cloud: PointCloud, side_px: int, yaw_deg: float, pitch_deg: float) -> UInt8Array:
    """Return a square picture (side, side, 3) of a cloud; yaw 0, pitch 0 is the camera's view.

    A positive yaw turns the nose to the right of the picture, a positive pitch downwards.
    """
    picture = np.full((side_px, side_px, 3), GROUND_RGB, np.uint8)
    turned = cloud.points_m @ _rotation(yaw_deg, pitch_deg).T
    order = np.argsort(-turned[:, 2])  # the nearest last, over the others
    scale = side_px / _SHOWN_M
    size = max(1, math.ceil(_OVERLAP * scale * cloud.spacing_m))
    corner = np.rint(turned[order, :2] * scale + (side_px - size) / 2).astype(np.int64)
    inside = ((corner >= 0) & (corner <= side_px - size)).all(axis=1)
    block = (np.arange(size)[:, None] * side_px + np.arange(size)).ravel()
    places = corner[inside, 1] * side_px + corner[inside, 0]
    flat = picture.reshape(-1, 3)
    flat[(places[:, None] + block).ravel()] = np.repeat(cloud.rgb[order][inside], size**2, axis=0)
    return picture


def _grid(frame: RGBDFrame, box: FaceBox) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of the points that are taken."""
    height, width = frame.rgb.shape[:2]
    step = max(1, math.ceil(math.sqrt(max(box.width * box.height, 1) / MOST_POINTS)))
    rows = np.arange(max(0, int(box.y0)), min(height, int(box.y1)), step)
    columns = np.arange(max(0, int(box.x0)), min(width, int(box.x1)), step)
    return rows, columns


def _middle(depth_m: FloatArray) -> float:
    """Return the median depth of the middle of the box, NaN where nothing is known."""
    rows, columns = depth_m.shape
    part = depth_m[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    known = part[np.isfinite(part)]
    return float(np.median(known)) if known.size else math.nan


def _metres_per_pixel(frame: RGBDFrame, box: FaceBox, depth_m: FloatArray) -> FloatArray:
    if frame.intrinsics is None:
        return np.full_like(depth_m, _USUAL_BOX_M / max(box.width, 1.0))
    return np.asarray(depth_m / np.float32(frame.intrinsics.fx), np.float32)


def _rotation(yaw_deg: float, pitch_deg: float) -> FloatArray:
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    about_y = [[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]]
    about_x = [
        [1, 0, 0],
        [0, math.cos(pitch), -math.sin(pitch)],
        [0, math.sin(pitch), math.cos(pitch)],
    ]
    return np.array(np.array(about_x) @ np.array(about_y), np.float32)
