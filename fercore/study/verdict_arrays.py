"""The three heads' probabilities as one array, NaN where a head is silent or calm is unknown."""

from __future__ import annotations

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
