"""Making faces in a picture unrecognisable, before the picture leaves memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fercore.structures import FaceBox, UInt8Array

BLOCKS = 7  # across a face
_MARGIN = 0.3  # of a box's size, on each side
_WHOLE_BLOCKS = 12  # across the shorter side, where no face was found
_MEMORY_S = 1.0


class FaceBlur:
    """Pixelates every face that is found, and where one was found within the last second.

    Detectors miss a face now and then; whoever sat there a moment ago is still there.
    Where there is none at all, the whole picture is pixelated. Used from one thread.
    """

    def __init__(self, find_faces: Callable[[UInt8Array], Sequence[FaceBox]]) -> None:
        self._find_faces = find_faces
        self._recent: deque[tuple[float, FaceBox]] = deque()

    def apply(self, rgb: UInt8Array, known: FaceBox | None, time_s: float) -> UInt8Array:
        """Return a copy of a picture (H, W, 3) without recognisable faces.

        `known` is a face that was found elsewhere.
        """
        found = [*self._find_faces(rgb), *([known] if known is not None else [])]
        if not found:
            return pixelated(rgb, min(rgb.shape[:2]) / _WHOLE_BLOCKS)
        while self._recent and self._recent[0][0] < time_s - _MEMORY_S:
            self._recent.popleft()
        self._recent.extend((time_s, box) for box in found)
        return _pixelated_within(rgb, [box for _, box in self._recent])


def pixelated(rgb: UInt8Array, block: float) -> UInt8Array:
    """Return a picture (H, W, 3) in which blocks of about `block` pixels have one colour."""
    height, width = rgb.shape[:2]
    down, across = (max(1, round(size / block)) for size in (height, width))
    rows = np.linspace(0, height, down + 1).round().astype(int)
    columns = np.linspace(0, width, across + 1).round().astype(int)
    sums = np.add.reduceat(np.add.reduceat(rgb.astype(np.uint32), rows[:-1], 0), columns[:-1], 1)
    areas = np.outer(np.diff(rows), np.diff(columns))[..., None]
    small: UInt8Array = (sums / areas).round().astype(np.uint8)
    large: UInt8Array = small.repeat(np.diff(rows), 0).repeat(np.diff(columns), 1)
    return large


def _pixelated_within(rgb: UInt8Array, boxes: Sequence[FaceBox]) -> UInt8Array:
    """Return a copy that is pixelated inside the boxes, as coarsely as the largest needs."""
    height, width = rgb.shape[:2]
    inside = np.zeros((height, width), bool)
    for box in boxes:
        x_margin, y_margin = _MARGIN * box.width, _MARGIN * box.height
        x0, x1 = _clipped(box.x0 - x_margin, box.x1 + x_margin, width)
        y0, y1 = _clipped(box.y0 - y_margin, box.y1 + y_margin, height)
        inside[y0:y1, x0:x1] = True
    blurred = rgb.copy()
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if len(rows):
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        block = max(max(box.width, box.height) for box in boxes) / BLOCKS
        coarse = pixelated(rgb[part], max(block, 1.0))
        blurred[part] = np.where(inside[part][..., None], coarse, rgb[part])
    return blurred


def _clipped(low: float, high: float, limit: int) -> tuple[int, int]:
    return max(0, int(np.floor(low))), min(limit, int(np.ceil(high)))
