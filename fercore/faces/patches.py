"""A face's picture, small and grey, by which it is found again in the next frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.structures import FaceBox

if TYPE_CHECKING:
    from fercore.structures import FloatArray, UInt8Array

_SIDE = 40  # pixels, longer side of a patch
_MARGIN = 0.35  # of the box, how far a face is searched for beside its last place
_LEAST_SIDE = 0.3  # share of a face that must lie in the picture, across and down
_MIN_LIKENESS = 0.75  # normalised correlation below which it is another picture


@dataclass(frozen=True, slots=True)
class FacePatch:
    """A face's picture, small and grey, to find it again by."""

    grey: UInt8Array  # (h, w), the part of the box inside the picture
    left: int  # of that part in the picture
    top: int
    scale: float  # of `grey` over the picture
    box: FaceBox  # as detected


def cut_patch(rgb: UInt8Array, box: FaceBox) -> FacePatch | None:
    """Return what to find a face again by, None where too little of it is in the picture."""
    height, width = rgb.shape[:2]
    left, top = max(0, int(box.x0)), max(0, int(box.y0))
    inner = rgb[top : min(height, int(box.y1)), left : min(width, int(box.x1))]
    if min(inner.shape[:2]) < _LEAST_SIDE * max(box.width, box.height):
        return None
    scale = _SIDE / max(inner.shape[:2])
    return FacePatch(_small_grey(inner, scale), left, top, scale, box)


def search_patch(rgb: UInt8Array, patch: FacePatch, last: FaceBox) -> FaceBox | None:
    """Return where a face's picture lies now, None if it is not there."""
    margin = _MARGIN * max(last.width, last.height)
    x0, y0 = max(0, int(last.x0 - margin)), max(0, int(last.y0 - margin))
    around = rgb[y0 : max(y0, int(last.y1 + margin)), x0 : max(x0, int(last.x1 + margin))]
    if around.size == 0:
        return None
    window = _small_grey(around, patch.scale)
    if window.shape[0] < patch.grey.shape[0] or window.shape[1] < patch.grey.shape[1]:
        return None
    likeness = cv2.matchTemplate(window, patch.grey, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(likeness)
    if not best >= _MIN_LIKENESS:
        return None
    right = x0 + (column + _summit(likeness[row], column)) / patch.scale - patch.left
    down = y0 + (row + _summit(likeness[:, column], row)) / patch.scale - patch.top
    box = patch.box
    return FaceBox(box.x0 + right, box.y0 + down, box.x1 + right, box.y1 + down, box.score)


def _small_grey(rgb: UInt8Array, scale: float) -> UInt8Array:
    height, width = rgb.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _summit(values: FloatArray, peak: int) -> float:
    """Return how far the top of the parabola through a peak and its neighbours lies beside it."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = (float(v) for v in values[peak - 1 : peak + 2])
    bend = before - 2 * top + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
