"""Line segments between named points, after Tang and Huang (FG 2008), and the points themselves.

Their abstract speaks of 96 features: normalised distances and slopes of segments. Which segments,
what they are normalised by and what a slope is, is not in it; 48 segments are the natural reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fercore.baselines.posed_scans import ScanFeatures, ScanGeometry
    from fercore.structures import FloatArray

_OF_EACH_SIDE = (
    ("{} eye upper", "{} eye lower"),
    ("{} eye outer", "{} eye inner"),
    ("{} brow outer", "{} eye outer"),
    ("{} brow middle", "{} eye upper"),
    ("{} brow inner", "{} eye inner"),
    ("{} brow outer", "{} brow inner"),
    ("{} brow middle", "{} brow inner"),
    ("{} brow middle", "{} brow outer"),
    ("mouth {}", "mouth upper"),
    ("mouth {}", "mouth lower"),
    ("mouth {}", "{} eye outer"),
    ("mouth {}", "{} eye lower"),
    ("mouth {}", "{} nostril"),
    ("mouth {}", "chin"),
    ("{} nostril", "{} eye lower"),
    ("{} nostril", "mouth upper"),
    ("{} eye inner", "{} nostril"),
    ("{} brow inner", "nose root"),
)
_IN_THE_MIDDLE = (
    ("right brow inner", "left brow inner"),
    ("mouth right", "mouth left"),
    ("mouth upper", "mouth lower"),
    ("inner mouth upper", "inner mouth lower"),
    ("inner mouth right", "inner mouth left"),
    ("mouth upper", "inner mouth upper"),
    ("mouth lower", "inner mouth lower"),
    ("mouth upper", "nose base"),
    ("mouth lower", "chin"),
    ("nose base", "chin"),
    ("right nostril", "left nostril"),
    ("nose root", "nose base"),
)
SEGMENTS = (
    *(
        (one.format(side), other.format(side))
        for one, other in _OF_EACH_SIDE
        for side in ("right", "left")
    ),
    *_IN_THE_MIDDLE,
)
"""The 48 segments: lids, eyes, brows, lips, and how these stand to nose and chin."""


def describe_segments(geometry: ScanGeometry) -> ScanFeatures:
    """Return 48 distances and 48 slopes of the posed scan's segments."""
    return {"segments": segment_features(geometry.named_mm)}


def segment_features(named_mm: Mapping[str, FloatArray]) -> FloatArray:
    """Return distances over the distance of the inner corners of the eyes, then slopes (96,).

    A slope is the angle in degrees that a segment rises by in the frontal plane, -90 to 90: unlike
    a quotient it stays finite where a segment stands upright.
    """
    ends = np.array([[named_mm[one], named_mm[other]] for one, other in SEGMENTS], np.float64)
    steps = ends[:, 1] - ends[:, 0]  # 48, 3
    unit_mm = np.linalg.norm(named_mm["right eye inner"] - named_mm["left eye inner"])
    distances = np.linalg.norm(steps, axis=1) / max(float(unit_mm), 1e-6)
    slopes = np.degrees(np.arctan2(steps[:, 1], np.abs(steps[:, 0])))
    return np.asarray(np.concatenate([distances, slopes]), np.float32)


def describe_points(geometry: ScanGeometry) -> ScanFeatures:
    """Return the points themselves, (P, 3) in millimetres."""
    return {"points_mm": np.asarray(geometry.points_mm, np.float32)}
