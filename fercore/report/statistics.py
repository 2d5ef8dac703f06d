"""Tests that compare two pipelines, and the correction for testing many pairs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def corrected_t_test(differences: NDArray[np.float64], test_to_train: float) -> tuple[float, float]:
    """Return t and its two-sided p of the corrected resampled t-test.

    `differences` (J,) are those of two classifiers' accuracies in J experiments,
    `test_to_train` the ratio of test to training samples. Training sets overlap, so
    the variance of the mean is taken as (1/J + n_test/n_train) s², not s²/J. NaN with
    fewer than two experiments or where all differences are equal.

    Source: Nadeau and Bengio, Inference for the Generalization Error, Machine Learning
    52, 2003, section 3.
    """
    number = len(differences)
    if number < 2 or np.ptp(differences) < 1e-12:
        return math.nan, math.nan
    variance = (1 / number + test_to_train) * np.var(differences, ddof=1)
    t = float(np.mean(differences) / np.sqrt(variance))
    return t, float(2 * stats.t.sf(abs(t), number - 1))


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided p of McNemar's exact test.

    `only_first` samples only the first classifier gets right, `only_second` only the
    second. The test takes samples as independent; those of one subject are not, so the
    p is too small.
    """
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return float(stats.binomtest(only_first, discordant, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given; NaN stays and is not counted.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    adjusted = list(p_values)
    tested = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return adjusted
