"""The three heads' probabilities as one array, NaN where unknown; their smoothing in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS, VERDICT_LABELS
from fercore.faces.resting import TYPICAL_RESTING, logits_of, probabilities_of, relative
from fercore.results import HEADS
from fercore.structures import Prediction, Verdicts

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (len(HEADS), len(VERDICT_LABELS))
_CALM = len(EXPRESSIONS)  # its place


def verdict_array(verdicts: Verdicts | None) -> NDArray[np.float64]:
    """Return probabilities (3, 7) in the order of HEADS and VERDICT_LABELS."""
    array = np.full(SHAPE, np.nan)
    for place, head in enumerate(HEADS):
        prediction = getattr(verdicts, head) if verdicts is not None else None
        if prediction is not None:
            array[place, : len(prediction.probabilities)] = prediction.probabilities
    return array


def verdicts_of(array: NDArray[np.float64], time_s: float) -> Verdicts:
    """Return what `verdict_array` was made of, (3, 7); `time_s` is the frame's."""
    return Verdicts(*(prediction_of(row, time_s) for row in array))


def prediction_of(row: NDArray[np.float64], time_s: float) -> Prediction | None:
    """Return what one head said, from its row (7,); None where it was silent."""
    known = row[~np.isnan(row)]
    return Prediction(known.astype(np.float32), time_s) if len(known) else None


def most_probable(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places in VERDICT_LABELS of the most probable verdicts, (..., 7) to (...)."""
    # An unknown calm is never the most probable; to numpy NaN would be.
    known = np.where(np.isnan(probabilities), -1.0, probabilities)
    return np.asarray(known.argmax(axis=-1))


def without_calm(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expressions' probabilities (..., 7), given that there is one; calm unknown."""
    six = probabilities / np.maximum(1 - probabilities[..., _CALM:], np.finfo(np.float32).tiny)
    known = np.where(np.isnan(six), probabilities, six)
    known[..., _CALM] = np.nan
    return known


def corrected(raw: NDArray[np.float64], resting: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities (3, 7) relative to those of a resting face (3, 7).

    NaN where a head is silent in one of both.
    """
    logits = [
        relative(head, at_rest, TYPICAL_RESTING)
        for head, at_rest in zip(logits_of(raw), logits_of(resting), strict=True)
    ]
    found = probabilities_of(np.array(logits))
    found[np.isnan(found[:, 0])] = np.nan
    return found


def leading(arrays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, of probabilities (N, 3, 7), those of fusion, else RGB, else depth: (N, 7)."""
    chosen = arrays[:, 0].copy()
    for head in range(1, SHAPE[0]):
        silent = np.isnan(chosen[:, 0])
        chosen[silent] = arrays[silent, head]
    return chosen


class Smoothing:
    """Smooths each head on its own, with a time constant in seconds; 0 changes nothing.

    After a step of the input, 63 % of it has arrived one time constant later. A head
    that was silent goes on from its last value, which counts the less the longer
    ago it was.
    """

    def __init__(self, time_constant_s: float) -> None:
        self._time_constant_s = time_constant_s
        self._values = np.full(SHAPE, np.nan)
        self._times_s = np.full(SHAPE[0], np.nan)

    def add(self, raw: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        """Return the smoothed probabilities (3, 7) at a frame, NaN where a head is silent."""
        smoothed = np.full(SHAPE, np.nan)
        for head in range(SHAPE[0]):
            if not np.isnan(raw[head, 0]):
                smoothed[head] = self._step(head, raw[head], time_s)
        return smoothed

    def _step(self, head: int, raw: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        weight = 1.0
        if not math.isnan(self._times_s[head]) and self._time_constant_s > 0:
            elapsed_s = max(0.0, time_s - self._times_s[head])
            weight = 1 - math.exp(-elapsed_s / self._time_constant_s)
            raw = self._values[head] + weight * (raw - self._values[head])
        self._values[head], self._times_s[head] = raw, time_s
        return raw
