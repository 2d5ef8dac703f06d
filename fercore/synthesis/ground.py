"""What lies beneath all painting: skin by pigments, or a photographed skin in another tone.

A photograph has a tone of its own, from its sitter and its light. It is given the subject's,
as far as the difference in melanin lets its shades stay natural.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.synthesis.appearance import pigment_filter, pigments_of
from fercore.synthesis.canvas import FACE_SIZE, TILES

if TYPE_CHECKING:
    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.appearance import Skin
    from fercore.synthesis.canvas import Canvas

_REACH = (-0.3, 0.9)  # how much melanin may be taken out of a photograph, or added to it
_PAINT_ON_PHOTO = 0.45  # share of the painted unevenness on skin that brings its own


class Ground:
    """A subject's bare skin on the tiles of face and head."""

    def __init__(self, canvas: Canvas, skin: Skin, photo: UInt8Array | None) -> None:
        self._skin = skin
        self._face = _developed(photo, canvas.face_photo, FACE_SIZE)
        self._head = _developed(photo, canvas.head_photo, TILES["M_BackHead"][2])
        self._gain = np.ones(3, np.float32)
        if self._face is not None:
            tone = _tone(self._face, canvas.landmarks)
            self._gain = _gain_to(skin, tone)
            if self._head is None:
                size = TILES["M_BackHead"][2]
                self._head = np.broadcast_to(tone, (size, size, 3))

    def face(self, melanin: FloatArray, haemoglobin: FloatArray) -> FloatArray:
        """Return linear RGB (1024, 1024, 3) with extra amounts (1024, 1024) of pigments."""
        return self._with(self._face, melanin, haemoglobin)

    def head(self, melanin: FloatArray, haemoglobin: FloatArray) -> FloatArray:
        """Return linear RGB (512, 512, 3) with extra amounts (512, 512) of pigments."""
        return self._with(self._head, melanin, haemoglobin)

    def _with(
        self, photo: FloatArray | None, melanin: FloatArray, haemoglobin: FloatArray
    ) -> FloatArray:
        if photo is None:
            return self._skin.reflectance(melanin, haemoglobin)
        share = np.float32(_PAINT_ON_PHOTO)
        return self._gain * photo * pigment_filter(share * melanin, share * haemoglobin)


def _developed(photo: UInt8Array | None, places: FloatArray | None, size: int) -> FloatArray | None:
    """Return the photograph unfolded on a tile (size, size, 3), linear RGB."""
    if photo is None or places is None:
        return None
    height, width = photo.shape[:2]
    fine = np.asarray(cv2.resize(places, (size, size), interpolation=cv2.INTER_LINEAR))
    columns, rows = fine[..., 0] * width - 0.5, (1 - fine[..., 1]) * height - 0.5
    coded = cv2.remap(photo, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray((coded.astype(np.float32) / 255) ** np.float32(2.2))


def _tone(face: FloatArray, landmarks: FloatArray) -> FloatArray:
    """Return the median linear RGB (3,) of both cheeks."""
    patches = []
    for jaw, wing in ((3, 31), (13, 35)):
        column, row = np.round(0.5 * (landmarks[jaw] + landmarks[wing])).astype(int)
        patches.append(face[row - 30 : row + 30, column - 30 : column + 30].reshape(-1, 3))
    return np.asarray(np.median(np.concatenate(patches), axis=0), np.float32)


def _gain_to(skin: Skin, tone: FloatArray) -> FloatArray:
    """Return the factors (3,) that bring a photograph of this tone (3,) near the subject's."""
    melanin, _ = pigments_of(tone)
    more = skin.melanin - melanin
    short = np.array([np.clip(more, *_REACH) - more], np.float32)
    own = skin.reflectance(short, np.zeros(1, np.float32))[0]
    return np.asarray(own / tone, np.float32)
