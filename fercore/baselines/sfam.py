"""A statistical facial feature model and a tree of beliefs, after Zhao et al. 2010.

For each expression the model knows how the landmarks' configuration (morphology), the texture
around each landmark and the range around each landmark vary: a probabilistic PCA for each part.
The net has one root, the expression, and a leaf for each part; what a part says is its Gibbs-
Boltzmann belief exp(-beta * energy). In such a tree the posterior is a product over the leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from fercore.baselines.learners import aligned, fit_tuned, mean_shape
from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.baselines.learners import FoldFeatures, Labels, Scorer, TunedScorer
    from fercore.baselines.recipes import BaselineRecipe
    from fercore.structures import FloatArray

FAMILIES = ("points_mm", "texture", "range")
"""Features by the family of parts that they give: one part, then one for each landmark."""

_KEPT = 0.95  # share of the variance that a part's components explain
_TEMPERS = (0.0, 0.3, 1.0, 3.0)  # of texture and range against morphology: candidates
_LEAST_VARIANCE = 1e-6


def fit_beliefs(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit the model of each expression; the validation rows choose how far to trust a family.

    `features` holds `points_mm` (n, P, 3), `texture` and `range` (n, L, S, S). All expressions are
    as likely before a scan is seen. `recipe.components` limits every part's components.
    """
    shared = _SharedBeliefs(recipe.components)
    pairs = sorted(
        product(_TEMPERS, _TEMPERS), key=lambda pair: abs(pair[0] - 1) + abs(pair[1] - 1)
    )
    candidates = [partial(_fit, shared, np.array([1.0, *pair])) for pair in pairs]
    return fit_tuned(candidates, features, labels, validation)


@dataclass(frozen=True, slots=True)
class PartModels:
    """Probabilistic PCAs of P parts of D numbers, with the same number of components k."""

    means: FloatArray  # (P, D)
    axes: FloatArray  # (P, k, D), orthonormal
    variances: FloatArray  # (P, k), along the axes
    noise: FloatArray  # (P,), variance in every other direction

    @classmethod
    def fitted(cls, parts: FloatArray, components: int) -> PartModels:
        """Fit to n examples of each part, (P, n, D); n is above `components`."""
        means = parts.mean(axis=1)
        _, singular, axes = np.linalg.svd(parts - means[:, None], full_matrices=False)
        variances = singular**2 / parts.shape[1]
        rest = variances[:, components:].sum(axis=1) / max(parts.shape[2] - components, 1)
        noise = rest.clip(_LEAST_VARIANCE)
        kept = np.maximum(variances[:, :components], noise[:, None])
        return cls(means, axes[:, :components], kept, noise)

    def log_density(self, parts: FloatArray) -> FloatArray:
        """Return the logarithm of each part's density, per number, (P, m) for (P, m, D)."""
        away = parts - self.means[:, None]
        along = away @ self.axes.transpose(0, 2, 1)  # (P, m, k)
        beside = (away**2).sum(axis=-1) - (along**2).sum(axis=-1)
        energy = (along**2 / self.variances[:, None]).sum(axis=-1)
        energy += beside.clip(0) / self.noise[:, None]
        free = parts.shape[-1] - self.variances.shape[1]
        volume = np.log(self.variances).sum(axis=1) + free * np.log(self.noise)
        return np.asarray(-(energy + volume[:, None]) / 2 / parts.shape[-1], np.float32)


class _SharedBeliefs:
    """The models and beliefs that candidates with the same rows have in common."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: FoldFeatures | None = None
        self._models: dict[str, list[PartModels | None]] = {}
        self._reference = np.zeros(0, np.float32)
        self._beliefs: tuple[FoldFeatures, FloatArray] | None = None

    def learn(self, features: FoldFeatures, labels: Labels) -> None:
        """Fit the models to rows, unless they are those of the last time."""
        if self._rows is features:
            return
        self._rows, self._beliefs = features, None
        self._reference = mean_shape(np.asarray(features["points_mm"], np.float32))
        self._models = {
            name: _models(self._parts(name, features), labels, self._most) for name in FAMILIES
        }

    def beliefs(self, features: FoldFeatures) -> FloatArray:
        """Return the mean log-density of each family's parts under each expression, (3, m, 6)."""
        if self._beliefs is None or self._beliefs[0] is not features:
            found = [
                np.stack([_belief(model, self._parts(name, features)) for model in models], axis=1)
                for name, models in self._models.items()
            ]
            self._beliefs = features, np.stack(found)
        return self._beliefs[1]

    def _parts(self, name: str, features: FoldFeatures) -> FloatArray:
        """Return a family's parts (P, n, D)."""
        array = np.asarray(features[name], np.float32)
        if name == "points_mm":
            return aligned(array, self._reference).reshape(1, len(array), -1)
        return np.ascontiguousarray(array.reshape(*array.shape[:2], -1).swapaxes(0, 1))


def _fit(
    shared: _SharedBeliefs, tempers: NDArray[np.float64], features: FoldFeatures, labels: Labels
) -> Scorer:
    shared.learn(features, labels)

    def scores(rows: FoldFeatures) -> FloatArray:
        shared.learn(features, labels)
        posterior = np.tensordot(tempers, shared.beliefs(rows), axes=1)  # (m, 6), logarithms
        return np.asarray(posterior, np.float32)

    return scores


def _models(parts: FloatArray, labels: Labels, most: int) -> list[PartModels | None]:
    """Return the models of each expression; None where no row shows it.

    Densities compare only where the numbers of components are equal.
    """
    examples = [parts[:, labels == number] for number in range(len(EXPRESSIONS))]
    fewest = min(one.shape[1] for one in examples if one.shape[1])
    components = min(_components(parts), most, max(fewest - 1, 1))
    return [PartModels.fitted(one, components) if one.shape[1] else None for one in examples]


def _components(parts: FloatArray) -> int:
    """Return how many components explain 95 % of the variance of all rows, on average."""
    centred = parts - parts.mean(axis=1, keepdims=True)
    squares = np.linalg.svd(centred, compute_uv=False) ** 2
    shares = np.cumsum(squares, axis=1) / squares.sum(axis=1, keepdims=True).clip(1e-12)
    return int((shares < _KEPT).sum(axis=1).mean() + 1)


def _belief(model: PartModels | None, parts: FloatArray) -> FloatArray:
    if model is None:
        return np.full(parts.shape[1], -1e3, np.float32)
    return np.asarray(model.log_density(parts).mean(axis=0), np.float32)
