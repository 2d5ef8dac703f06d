"""The three heads' probabilities as one array, NaN where a head is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS
from fercore.results import HEADS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import Verdicts

SHAPE = (len(HEADS), len(EXPRESSIONS))


def verdict_array(verdicts: Verdicts | None) -> NDArray[np.float64]:
    """Return probabilities (3, 6) in the order of HEADS and EXPRESSIONS."""
    array = np.full(SHAPE, np.nan)
    for place, head in enumerate(HEADS):
        prediction = getattr(verdicts, head) if verdicts is not None else None
        if prediction is not None:
            array[place] = prediction.probabilities
    return array


def leading(arrays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, of probabilities (N, 3, 6), those of fusion, else RGB, else depth: (N, 6)."""
    chosen = arrays[:, 0].copy()
    for head in range(1, SHAPE[0]):
        silent = np.isnan(chosen[:, 0])
        chosen[silent] = arrays[silent, head]
    return chosen
