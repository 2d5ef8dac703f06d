"""Accuracy and its uncertainty.

Samples of one subject are not independent, so intervals come from a bootstrap
that draws whole subjects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOOTSTRAP_DRAWS = 2000


def subject_interval(
    correct: NDArray[np.bool_], subjects: NDArray[np.str_], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval (percentiles) of the accuracy, drawing subjects with replacement.

    `correct` and `subjects` are (N,), one entry a sample.

    Raises:
        ValueError: there is no sample.
    """
    if not len(correct):
        raise ValueError("no sample to measure")
    _, member = np.unique(subjects, return_inverse=True)
    hits = np.bincount(member, weights=correct)
    counts = np.bincount(member)
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(counts), size=(BOOTSTRAP_DRAWS, len(counts)))
    accuracies = hits[draws].sum(1) / counts[draws].sum(1)
    low, high = np.percentile(accuracies, (2.5, 97.5))
    return float(low), float(high)
