"""Whether a face keeps still: by its own pictures and its head, not by what networks say of it.

A network may waver over a face that does not move, and may say the same of two that differ. The
pictures are compared small, grey and freed of brightness and contrast, so that noise, light and
a box that jitters count little: the measure is 0.66 to 0.98 in every three seconds of the two
synthetic sample subjects' performances, and about 0.3 at most in the half seconds in which they
rest and their heads are still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from fercore.faces.head_angle import HeadAngle
    from fercore.structures import FacePair, FloatArray

_SIDE = 32  # pixels that a crop is compared at
_BORDER = 4  # of these, where hair and background are
_SHARE = 90  # percent of the frames that must be so near: a blink may be farther


class Stillness:
    """Takes the crops of some seconds."""

    def __init__(self) -> None:
        self._pictures: list[FloatArray] = []
        self._angles: list[HeadAngle] = []

    def add(self, pair: FacePair, angle: HeadAngle | None) -> None:
        """Take one frame's face, and how far its head is turned where that is known."""
        self._pictures.append(_small(pair))
        if angle is not None:
            self._angles.append(angle)

    @property
    def change(self) -> float:
        """How far nine tenths of the pictures are at most from the middle one, 0 to about 1.4.

        Root mean square in standard deviations of a picture's grey levels; 0 without pictures.
        """
        if not self._pictures:
            return 0.0
        pictures = np.array(self._pictures)
        distances = np.sqrt(np.square(pictures - np.median(pictures, axis=0)).mean(axis=(1, 2)))
        return float(np.percentile(distances, _SHARE))

    @property
    def turn_deg(self) -> float:
        """How far the head turned meanwhile: nine tenths of the angles' range; 0 where unknown."""
        if not self._angles:
            return 0.0
        angles = np.array(self._angles)
        low, high = np.percentile(angles, ((100 - _SHARE) / 2, (100 + _SHARE) / 2), axis=0)
        return float((high - low).max())


def _small(pair: FacePair) -> FloatArray:
    grey = cv2.cvtColor(pair.rgb, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    inner = small[_BORDER:-_BORDER, _BORDER:-_BORDER]
    spread = max(float(inner.std()), 1.0)  # a picture without any contrast has no face either
    return np.asarray((inner - inner.mean()) / spread, np.float32)
