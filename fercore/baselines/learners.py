"""Support vector machines and linear discriminants, as candidates for `fit_tuned`.

Features are standardised, where wished reduced by a PCA, and classified; all three are fitted
on the rows that a candidate is given. Several sets of features are joined in one of two ways:
side by side before one classifier ("features"), or by the sum of the scores of one for each
("scores").
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from fercore.baselines.classifiers import fit_tuned
from fercore.baselines.named_points import RigidMotion
from fercore.baselines.recipes import BY_FEATURES
from fercore.expressions import EXPRESSIONS
from fercore.io.bu3dfe_files import GROUPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fercore.baselines.classifiers import (
        Candidate,
        FoldFeatures,
        Labels,
        Scorer,
        TunedScorer,
    )
    from fercore.baselines.recipes import BaselineRecipe
    from fercore.structures import FloatArray

_RIGID = np.r_[GROUPS["right eye"], GROUPS["left eye"], GROUPS["nose"]]
_ROUNDS = 3


def fit_svm(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit the recipe's SVM; the validation rows choose C, gamma and the way of joining."""
    return fit_tuned(svm_candidates(recipe), features, labels, validation)


def svm_candidates(recipe: BaselineRecipe) -> list[Candidate]:
    """Return an SVM for every combination of C, gamma and fusion that the recipe names."""
    grid = product(recipe.fusion or (BY_FEATURES,), recipe.c, recipe.gamma or ("scale",))
    return [joined(partial(_svm, recipe, c, gamma), fusion) for fusion, c, gamma in grid]


def fit_lda(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit a linear discriminant analysis, plain or with Ledoit-Wolf shrinkage."""
    return fit_tuned([joined(partial(_lda, recipe), BY_FEATURES)], features, labels, validation)


def fit_aligned_lda(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit a discriminant on the coordinates of points, laid onto the mean of those that train.

    `features` holds `points_mm` (n, P, 3) alone. Scans are moved rigidly, in true size, by the
    points of the eyes and the nose, which expressions move least.
    """
    return fit_tuned([partial(_fit_aligned, recipe)], features, labels, validation)


def joined(make: Callable[[], Any], fusion: str) -> Candidate:
    """Return a candidate that fits scikit-learn estimators on one or several sets of features.

    `make` gives an unfitted estimator with `decision_function`; `fusion` is one of
    `fercore.baselines.recipes.FUSIONS`.
    """
    return partial(_fit_side_by_side if fusion == BY_FEATURES else _fit_each, make)


def side_by_side(features: FoldFeatures) -> FloatArray:
    """Return all features of a row in one line, (n, D)."""
    flat = [np.asarray(array, np.float32).reshape(len(array), -1) for array in features.values()]
    return np.concatenate(flat, axis=1)


def _fit_side_by_side(make: Callable[[], Any], features: FoldFeatures, labels: Labels) -> Scorer:
    fitted = make().fit(side_by_side(features), labels)
    return lambda rows: _scores(fitted, side_by_side(rows))


def _fit_each(make: Callable[[], Any], features: FoldFeatures, labels: Labels) -> Scorer:
    fitted = {
        name: make().fit(side_by_side({name: array}), labels) for name, array in features.items()
    }

    def summed(rows: FoldFeatures) -> FloatArray:
        parts = [_scores(one, side_by_side({name: rows[name]})) for name, one in fitted.items()]
        return np.sum(parts, axis=0, dtype=np.float32)

    return summed


def _fit_aligned(recipe: BaselineRecipe, features: FoldFeatures, labels: Labels) -> Scorer:
    points_mm = np.asarray(features["points_mm"], np.float32)
    reference = mean_shape(points_mm)
    fitted = _lda(recipe).fit(aligned(points_mm, reference).reshape(len(labels), -1), labels)

    def scores(rows: FoldFeatures) -> FloatArray:
        moved = aligned(np.asarray(rows["points_mm"], np.float32), reference)
        return _scores(fitted, moved.reshape(len(moved), -1))

    return scores


def mean_shape(points_mm: FloatArray) -> FloatArray:
    """Return the mean (P, 3) of points (n, P, 3), aligned to it (generalised Procrustes)."""
    reference = points_mm[0]
    for _ in range(_ROUNDS):
        reference = aligned(points_mm, reference).mean(axis=0)
    return reference


def aligned(points_mm: FloatArray, reference_mm: FloatArray) -> FloatArray:
    """Return points (n, P, 3), each set moved rigidly onto a reference (P, 3)."""
    target = reference_mm[_RIGID].astype(np.float64)
    moved = [
        RigidMotion.fitted(points[_RIGID].astype(np.float64), target).apply(points)
        for points in points_mm
    ]
    return np.stack(moved)


def _scores(fitted: Any, rows: FloatArray) -> FloatArray:
    """Return scores (n, 6); an expression that no training row shows has none to speak of."""
    found = np.asarray(fitted.decision_function(rows), np.float32)
    scores = np.full((len(rows), len(EXPRESSIONS)), found.min(initial=0.0) - 10.0, np.float32)
    scores[:, fitted.classes_] = found if found.ndim > 1 else np.stack([-found, found], axis=1)
    return scores


def _svm(recipe: BaselineRecipe, c: float, gamma: float | str) -> Any:
    from sklearn.svm import SVC

    return _after_scaling(recipe, SVC(C=c, gamma=gamma, kernel=recipe.kernel, break_ties=True))


def _lda(recipe: BaselineRecipe) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    solver = {"solver": "lsqr", "shrinkage": "auto"} if recipe.shrinkage else {"solver": "svd"}
    return _after_scaling(recipe, LinearDiscriminantAnalysis(**solver))


def _after_scaling(recipe: BaselineRecipe, classifier: Any) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    steps: Sequence[Any] = [StandardScaler()]
    if recipe.components:
        reduced = PCA(recipe.components, svd_solver="randomized", random_state=recipe.seed)
        steps = [*steps, reduced]
    return make_pipeline(*steps, classifier)
