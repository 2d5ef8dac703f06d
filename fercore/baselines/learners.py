"""What a baseline learns in one fold: from features of its training subjects to probabilities.

A baseline learns by a function `Fit` (`fercore.baselines.fitting.FITS` lists them by slug). It is
given the rows of the fold's training and validation subjects and nothing of those it will be
tested on: scalers, PCA, mean shapes, feature selection and fusion weights are fitted in it.
Hyper-parameters and the temperature are chosen by the validation subjects; then it is fitted
once more on all rows. `fit_tuned` does that for any list of candidates.

scikit-learn is imported when something is fitted: an evaluation of networks needs none. Machines
on several sets of features are in `fercore.baselines.kernels`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fercore.baselines.named_points import RigidMotion
from fercore.expressions import EXPRESSIONS
from fercore.io.bu3dfe_files import GROUPS
from fercore.structures import FloatArray, UInt8Array
from fercore.training.scoring import best_temperature

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

_RIGID = np.r_[GROUPS["right eye"], GROUPS["left eye"], GROUPS["nose"]]
_ROUNDS = 3


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
        return softmax(self.scorer(features) / self.temperature)


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
    said, truth = torch.from_numpy(scores[choice]), torch.from_numpy(labels[validation])
    temperature = best_temperature(said.double(), functional.one_hot(truth, len(EXPRESSIONS)))
    return TunedScorer(candidates[choice](features, labels), temperature, choice)


def taken(features: FoldFeatures, rows: NDArray[np.bool_] | NDArray[np.int64]) -> FoldFeatures:
    """Return some rows of all features."""
    return {name: array[rows] for name, array in features.items()}


def softmax(scores: FloatArray) -> FloatArray:
    """Return what scores (n, 6) say as probabilities."""
    shares: FloatArray = torch.from_numpy(scores).softmax(dim=1).numpy()
    return shares


def fit_svm(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit an SVM with the recipe's kernel; the validation rows choose C and gamma."""
    gammas: Sequence[float | str] = recipe.gamma or ("scale",)
    candidates = [
        partial(_fit_side_by_side, partial(_svm, recipe, c, gamma))
        for c, gamma in product(recipe.c, gammas)
    ]
    return fit_tuned(candidates, features, labels, validation)


def fit_lda(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit a linear discriminant analysis, plain or with Ledoit-Wolf shrinkage."""
    candidate = partial(_fit_side_by_side, partial(_lda, recipe))
    return fit_tuned([candidate], features, labels, validation)


def fit_aligned_lda(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit a discriminant on the coordinates of points, laid onto the mean of those that train.

    `features` holds `points_mm` (n, P, 3) alone. Scans are moved rigidly, in true size, by the
    points of the eyes and the nose, which expressions move least.
    """
    return fit_tuned([partial(_fit_aligned, recipe)], features, labels, validation)


def side_by_side(features: FoldFeatures) -> FloatArray:
    """Return all features of a row in one line, (n, D)."""
    flat = [np.asarray(array, np.float32).reshape(len(array), -1) for array in features.values()]
    return np.concatenate(flat, axis=1)


def _fit_side_by_side(make: Callable[[], Any], features: FoldFeatures, labels: Labels) -> Scorer:
    fitted = make().fit(side_by_side(features), labels)
    return lambda rows: six_scores(fitted, side_by_side(rows))


def _fit_aligned(recipe: BaselineRecipe, features: FoldFeatures, labels: Labels) -> Scorer:
    points_mm = np.asarray(features["points_mm"], np.float32)
    reference = mean_shape(points_mm)
    fitted = _lda(recipe).fit(aligned(points_mm, reference).reshape(len(labels), -1), labels)

    def scores(rows: FoldFeatures) -> FloatArray:
        moved = aligned(np.asarray(rows["points_mm"], np.float32), reference)
        return six_scores(fitted, moved.reshape(len(moved), -1))

    return scores


def mean_shape(points_mm: FloatArray) -> FloatArray:
    """Return the mean (P, 3) of points (n, P, 3), aligned to it (generalised Procrustes)."""
    reference: FloatArray = points_mm[0]
    for _ in range(_ROUNDS):
        reference = np.asarray(aligned(points_mm, reference).mean(axis=0), np.float32)
    return reference


def aligned(points_mm: FloatArray, reference_mm: FloatArray) -> FloatArray:
    """Return points (n, P, 3), each set moved rigidly onto a reference (P, 3)."""
    target = reference_mm[_RIGID].astype(np.float64)
    moved = [
        RigidMotion.fitted(points[_RIGID].astype(np.float64), target).apply(points)
        for points in points_mm
    ]
    return np.stack(moved)


def six_scores(fitted: Any, rows: FloatArray) -> FloatArray:
    """Return scores (n, 6); an expression that no training row shows has none to speak of."""
    found = np.asarray(fitted.decision_function(rows), np.float32)
    scores = np.full((len(rows), len(EXPRESSIONS)), found.min(initial=0.0) - 10.0, np.float32)
    scores[:, fitted.classes_] = found if found.ndim > 1 else np.stack([-found, found], axis=1)
    return scores


def _svm(recipe: BaselineRecipe, c: float, gamma: float | str) -> Any:
    from sklearn.svm import SVC

    return _after_scaling(SVC(C=c, gamma=gamma, kernel=recipe.kernel, break_ties=True))


def _lda(recipe: BaselineRecipe) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    solver = {"solver": "lsqr", "shrinkage": "auto"} if recipe.shrinkage else {"solver": "svd"}
    return _after_scaling(LinearDiscriminantAnalysis(**solver))


def _after_scaling(classifier: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), classifier)
