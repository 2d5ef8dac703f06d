"""Verdicts relative to a person's own resting face, and whether a face keeps still for it.

A network may waver over a face that does not move, and may say the same of two that differ. The
pictures are compared small, grey and freed of brightness and contrast, so that noise, light and
a box that jitters count little: the measure is 0.66 to 0.98 in every three seconds of the two
synthetic sample subjects' performances, and about 0.3 at most in the half seconds in which they
rest and their heads are still.

Every face at rest looks a little like something: heavy brows like anger, a long lip like sadness.
What a head says of a resting face is therefore taken off what it says later, and what it says of
people at rest in general is put in its place. Both happen on logits, where the answers to the two
questions (is there an expression, and which of the six) simply add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.faces.head_angle import HeadAngle
    from fercore.structures import FacePair, FloatArray

_SIDE = 32  # pixels that a crop is compared at
_BORDER = 4  # of these, where hair and background are
_SHARE = 90  # percent of the frames that must be so near: a blink may be farther
STRENGTH = 1.0
"""Share of a resting face's peculiarity that is taken off; at 0 nothing is changed."""

FLOOR = 0.01
"""No answer of a resting face counts as surer than 99 %: what it never shows is not blown up."""

TYPICAL_RESTING = np.array([0.0] * len(EXPRESSIONS) + [np.log(0.4 / 0.6)])
"""Logits (7,) that a resting face should have: like no expression more than another, and calm to
four tenths, the most (of steps of a tenth) with which no more strong expressions are called calm
than without a resting face. Of people who did not train `fusion-resnet50` calls 4.5 % of them so,
5.8 % without; with six tenths it were 28 %."""

_SIX = len(EXPRESSIONS)
_SUREST = np.log((1 - FLOOR) / FLOOR)


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


def relative(
    logits: NDArray[np.float64],
    resting_logits: NDArray[np.float64],
    typical_resting_logits: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a head's logits (..., 6 or 7) as they would be, had this person a typical face.

    `resting_logits` (6 or 7) are the head's means over the person's resting face and
    `typical_resting_logits` (6 or 7) those over people at rest. A calm that is unknown, NaN or
    missing, at rest or in general leaves the calm of `logits` as it is.
    """
    width = logits.shape[-1]
    offset = _answers(resting_logits, width) - _answers(typical_resting_logits, width)
    offset[..., _SIX:] = np.nan_to_num(offset[..., _SIX:])
    return np.asarray(logits - STRENGTH * offset, np.float64)


def logits_of(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logits (..., 7) that give these probabilities (..., 7); an unknown calm stays NaN."""
    values = np.asarray(probabilities, np.float64)
    tiny = np.finfo(np.float32).tiny
    calm, six = values[..., _SIX:], np.log(np.maximum(values[..., :_SIX], tiny))
    expressive = values[..., :_SIX].sum(axis=-1, keepdims=True)
    odds = np.log(np.maximum(calm, tiny)) - np.log(np.maximum(expressive, tiny))
    return np.concatenate((six, odds), axis=-1)


def probabilities_of(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities (..., 7) of logits (..., 7); where calm is NaN, of the six alone.

    The same as `fercore.networks.paper.verdict_probabilities`, without torch.
    """
    six = np.exp(_log_softmax(logits[..., :_SIX]))
    calm = 1 / (1 + np.exp(-logits[..., _SIX:]))
    expressive = np.where(np.isnan(calm), 1.0, 1 - calm)
    return np.concatenate((expressive * six, calm), axis=-1)


def _answers(logits: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return both answers (..., width), neither surer than it may be; NaN where there is none."""
    answers = np.full((*logits.shape[:-1], width), np.nan)
    answers[..., :_SIX] = np.maximum(_log_softmax(logits[..., :_SIX]), np.log(FLOOR))
    calm = logits[..., _SIX:width].clip(-_SUREST, _SUREST)
    answers[..., _SIX : _SIX + calm.shape[-1]] = calm
    return answers


def _log_softmax(six: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = six - six.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
