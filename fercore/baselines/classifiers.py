"""What a baseline learns in one fold: from features of its training subjects to probabilities.

A baseline learns by a function `Fit` (`fercore.baselines.fitting.FITS` lists them by slug). It is
given the rows of the fold's training and validation subjects and nothing of those it will be
tested on: scalers, PCA, mean shapes, feature selection and fusion weights are fitted in it.
Hyper-parameters and the temperature are chosen by the validation subjects; then it is fitted
once more on all rows. `fit_tuned` does that for any list of candidates.

scikit-learn is imported when something is fitted: an evaluation of networks needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fercore.structures import FloatArray, UInt8Array

if TYPE_CHECKING:
    from fercore.baselines.recipes import BaselineRecipe

FoldFeatures = Mapping[str, FloatArray | UInt8Array]
"""What the baseline describes, stacked: every array has one row a scan, (n, ...)."""

Labels = NDArray[np.int64]
"""Numbers of the expressions (n,), 0..5 in the order of `fercore.expressions.EXPRESSIONS`."""

Scorer = Callable[[FoldFeatures], FloatArray]
"""Scores (n, 6) of a fitted classifier: larger is likelier, the largest is its own verdict."""

Candidate = Callable[[FoldFeatures, Labels], Scorer]
"""Fits one choice of hyper-parameters on all rows that it is given."""

_COOLEST, _HOTTEST, _STEPS = 0.02, 50.0, 200


class FittedBaseline(Protocol):
    """A baseline that has learned; test rows reach it only here."""

    def probabilities(self, features: FoldFeatures) -> FloatArray:
        """Return probabilities (n, 6); their largest is the classifier's own verdict."""


class Fit(Protocol):
    """Learns from one fold."""

    def __call__(
        self,
        features: FoldFeatures,
        labels: Labels,
        validation: NDArray[np.bool_],
        recipe: BaselineRecipe,
    ) -> FittedBaseline:
        """Fit on rows (n) of which `validation` (n,) marks those that choose; it may mark none."""


@dataclass(frozen=True, slots=True)
class TunedScorer:
    """A scorer whose scores become probabilities by one temperature."""

    scorer: Scorer
    temperature: float
    choice: int  # which candidate the validation subjects chose

    def probabilities(self, features: FoldFeatures) -> FloatArray:
        """Return softmax(scores / temperature), (n, 6)."""
        return _softmax(self.scorer(features) / self.temperature)


def fit_tuned(
    candidates: Sequence[Candidate],
    features: FoldFeatures,
    labels: Labels,
    validation: NDArray[np.bool_],
) -> TunedScorer:
    """Choose a candidate and its temperature by the validation rows, then fit it on all rows.

    The first of equally accurate candidates is taken; without validation rows the first of all,
    with its scores as they are.
    """
    if not validation.any():
        return TunedScorer(candidates[0](features, labels), 1.0, 0)
    training, held_out = taken(features, ~validation), taken(features, validation)
    scores = [fit(training, labels[~validation])(held_out) for fit in candidates]
    right = [np.mean(one.argmax(1) == labels[validation]) for one in scores]
    choice = int(np.argmax(right))
    temperature = best_temperature(scores[choice], labels[validation])
    return TunedScorer(candidates[choice](features, labels), temperature, choice)


def taken(features: FoldFeatures, rows: NDArray[np.bool_] | NDArray[np.int64]) -> FoldFeatures:
    """Return some rows of all features."""
    return {name: array[rows] for name, array in features.items()}


def best_temperature(scores: FloatArray, labels: Labels) -> float:
    """Return the temperature with the lowest cross-entropy of scores (n, 6) of other subjects."""
    steps = np.geomspace(_COOLEST, _HOTTEST, _STEPS)
    rows = np.arange(len(labels))
    losses = [-np.log(_softmax(scores / step)[rows, labels] + 1e-12).mean() for step in steps]
    return float(steps[int(np.argmin(losses))])


def _softmax(scores: FloatArray) -> FloatArray:
    raised = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
