"""Accuracy, its uncertainty, confusion and calibration; numpy only.

Samples of one subject are not independent, so intervals come from a bootstrap
that draws whole subjects. A sample that several experiments predict counts once
for each of them; with `experiment_weights` every experiment counts the same,
and the weighted mean is the mean over experiments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.structures import FloatArray

BOOTSTRAP_DRAWS = 2000
INTERVAL_PERCENTILES = (2.5, 97.5)
CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far confidence and accuracy agree, in bins of equal width over 0..1."""

    edges: NDArray[np.float64]  # (B + 1,)
    counts: NDArray[np.int64]  # (B,), samples in each bin
    confidence: NDArray[np.float64]  # (B,), mean in each bin, NaN where it is empty
    accuracy: NDArray[np.float64]  # (B,), 0..1, NaN where it is empty
    expected_error: float  # 0..1, the expected calibration error


def accuracy(
    correct: NDArray[np.bool_] | NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the (weighted) share of correct samples (N,).

    Raises:
        ValueError: there is no sample.
    """
    _require_samples(correct)
    return float(np.average(correct, weights=weights))


def experiment_weights(experiments: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights (N,), sum 1, under which every experiment counts the same.

    `experiments` is (N,), the experiment of each prediction. Tests of unequal size,
    as after scans without a face, would otherwise weigh by their size.

    Raises:
        ValueError: there is no sample.
    """
    _require_samples(experiments)
    _, member, sizes = np.unique(experiments, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1 / (len(sizes) * sizes[member])
    return weights


def experiment_accuracies(
    correct: NDArray[np.bool_], experiments: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the accuracy (J,) of each experiment, in the order of their numbers.

    Raises:
        ValueError: there is no sample.
    """
    _require_samples(correct)
    _, member = np.unique(experiments, return_inverse=True)
    accuracies: NDArray[np.float64] = np.bincount(member, weights=correct) / np.bincount(member)
    return accuracies


def separation(scores: FloatArray, positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of scores (N,): 0.5 tells nothing, 1 tells all.

    It is the share of pairs, a positive one and another, that the scores put in order; equal
    scores count half. 0.5 where there is only one kind.
    """
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        return 0.5
    _, place, same = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(same) - (same - 1) / 2)[place]  # from 1, the mean of equals
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * others))


def subject_interval(
    values: NDArray[np.bool_] | NDArray[np.float64],
    subjects: NDArray[np.str_],
    seed: int = 0,
    weights: NDArray[np.float64] | None = None,
) -> tuple[float, float]:
    """Return the 95 % interval (percentiles) of the mean, drawing subjects with replacement.

    `values`, `subjects` and `weights` are (N,), one entry a sample. Values say whether
    a sample is correct, or by how much one classifier surpasses another (-1, 0, 1). A
    subject that is drawn brings all its samples, from all experiments, with it.

    Raises:
        ValueError: there is no sample.
    """
    _require_samples(values)
    means = subject_bootstrap(values[:, None], subjects, seed, weights)[:, 0]
    low, high = np.percentile(means, INTERVAL_PERCENTILES)
    return float(low), float(high)


def subject_bootstrap(
    values: NDArray[np.bool_] | NDArray[np.float64],
    subjects: NDArray[np.str_],
    seed: int = 0,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the means (draws, K) of K columns of `values` (N, K) under the same draws of subjects.

    Raises:
        ValueError: there is no sample.
    """
    _require_samples(values)
    names, member = np.unique(subjects, return_inverse=True)
    weights = np.ones(len(values)) if weights is None else weights
    shares = np.bincount(member, weights=weights)
    sums = np.stack(
        [np.bincount(member, weights=weights * column) for column in values.T.astype(np.float64)]
    )
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(names), size=(BOOTSTRAP_DRAWS, len(names)))
    means = [column[draws].sum(1) / shares[draws].sum(1) for column in sums]
    return np.stack(means, axis=1)


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the counts (6, 6), rows true and columns predicted expressions.

    `truth` and `predicted` are (N,), positions in `EXPRESSIONS`.
    """
    matrix = np.zeros((len(EXPRESSIONS), len(EXPRESSIONS)), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix


def calibration(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64],
    bins: int = CALIBRATION_BINS,
) -> Calibration:
    """Compare the leading probability of each sample with how often it is right.

    `probabilities` is (N, 6), `truth` (N,), positions in `EXPRESSIONS`. The expected
    calibration error is the mean distance between accuracy and mean confidence of the
    bins, each weighted by its share of the samples.

    Raises:
        ValueError: there is no sample.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2.
    """
    _require_samples(truth)
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == truth
    edges = np.linspace(0, 1, bins + 1)
    # A bin holds its upper edge, as in the source, so that certainty falls into the last one.
    member = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(member, minlength=bins)
    mean_confidence = _bin_means(member, confidence, counts)
    mean_accuracy = _bin_means(member, correct, counts)
    distance = np.nan_to_num(np.abs(mean_accuracy - mean_confidence))
    error = float((counts * distance).sum() / len(truth))
    return Calibration(edges, counts, mean_confidence, mean_accuracy, error)


def _bin_means(
    member: NDArray[np.int64],
    values: NDArray[np.float64] | NDArray[np.bool_],
    counts: NDArray[np.int64],
) -> NDArray[np.float64]:
    means = np.full(len(counts), np.nan)
    sums = np.bincount(member, weights=values, minlength=len(counts))
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def _require_samples(values: Sequence[object] | NDArray[np.generic]) -> None:
    if not len(values):
        raise ValueError("no sample to measure")
