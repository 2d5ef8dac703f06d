"""One row of a cache from one frame: find the face and cut it out, or say that there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fercore.caches.records import OK, CacheRow
from fercore.faces.cropping import crop_face

if TYPE_CHECKING:
    from fercore.faces.detection import FaceDetector
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import FloatArray, RGBDFrame, UInt8Array

NO_FACE = "no face"
"""Status of a row in whose picture no face was found."""

Entry = tuple[CacheRow, "UInt8Array", "FloatArray"]


def cut_out(
    frame: RGBDFrame, row: CacheRow, parameters: Preprocessing, detector: FaceDetector
) -> Entry:
    """Return the row with the face of a frame that has depth, cut out as live use does it."""
    boxes = detector.detect(frame.rgb)
    if not boxes:
        return without_face(row, NO_FACE, "no face found in the picture", parameters)
    pair = crop_face(frame, boxes[0], parameters)
    assert pair.depth_m is not None
    found = replace(row, status=OK, valid_fraction=round(pair.valid_fraction, 4), box=pair.box)
    return found, pair.rgb, pair.depth_m


def without_face(row: CacheRow, status: str, reason: str, parameters: Preprocessing) -> Entry:
    """Return a row that has no face, with a black picture and unknown depth."""
    rgb = np.zeros((parameters.rgb_size, parameters.rgb_size, 3), np.uint8)
    depth_m = np.full((parameters.depth_size, parameters.depth_size), np.nan, np.float32)
    return replace(row, status=status, reason=reason), rgb, depth_m
