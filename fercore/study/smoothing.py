"""Exponential smoothing of probabilities over frames that come at uneven times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fercore.study.verdict_arrays import SHAPE

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
