"""Support vector machines on long features in several groups, joined as features or as scores.

Descriptors of a face have thousands of numbers and a fold hundreds of rows, so all that is
learned is learned from products between rows: they are computed once for all candidates of C
and for both ways of joining. Scaling and PCA are fitted on the rows that are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from fercore.baselines.learners import fit_tuned, side_by_side, six_scores
from fercore.baselines.recipes import BY_FEATURES, LINEAR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fercore.baselines.learners import FoldFeatures, Labels, Scorer, TunedScorer
    from fercore.baselines.recipes import BaselineRecipe
    from fercore.structures import FloatArray

Groups = tuple[tuple[str, ...], ...]
"""Names of features that belong side by side, in groups that get a machine each."""

DESCRIPTORS: Groups = (("sift", "hsog"), ("mesh_hog", "mesh_hos"))
"""The picture's and the mesh's, after Li et al. 2015: joined as features, then as scores."""

HSOG_COMPONENTS = 128
_LEAST_SCALE = 1e-6


def fit_descriptors(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit machines on descriptors; HSOG is first reduced to 128 numbers at each landmark."""
    return fit_groups(DESCRIPTORS, features, labels, validation, recipe)


def fit_maps(
    features: FoldFeatures, labels: Labels, validation: NDArray[np.bool_], recipe: BaselineRecipe
) -> TunedScorer:
    """Fit a machine for each array of features, such as those of one attribute map."""
    groups = tuple((name,) for name in sorted(features))
    return fit_groups(groups, features, labels, validation, recipe)


def fit_groups(
    groups: Groups,
    features: FoldFeatures,
    labels: Labels,
    validation: NDArray[np.bool_],
    recipe: BaselineRecipe,
) -> TunedScorer:
    """Fit machines on groups of features; the validation rows choose C and the way of joining."""
    shared = _SharedKernels(groups, recipe)
    grid = product(recipe.fusion or (BY_FEATURES,), recipe.c)
    candidates = [partial(_fit, shared, fusion, c) for fusion, c in grid]
    return fit_tuned(candidates, features, labels, validation)


@dataclass(frozen=True, slots=True)
class ScaledRows:
    """Rows that train, standardised, and in the coordinates of their PCA where one is wished."""

    mean: FloatArray  # (D,)
    scale: FloatArray  # (D,)
    rows: FloatArray  # (n, D), standardised
    axes: FloatArray | None  # (n, k): coordinates are products with the rows, times this
    seen: FloatArray  # (n, D) or (n, k), the rows' own coordinates

    @classmethod
    def fitted(cls, lines: FloatArray, components: int) -> ScaledRows:
        """Fit to lines (n, D); `components` 0 keeps all directions."""
        mean, scale = lines.mean(axis=0), lines.std(axis=0).clip(_LEAST_SCALE)
        rows = (lines - mean) / scale
        if not components:
            return cls(mean, scale, rows, None, rows)
        products = rows @ rows.T
        axes = _axes(products, components)
        return cls(mean, scale, rows, axes, products @ axes)

    def coordinates(self, lines: FloatArray) -> FloatArray:
        """Return lines (m, D) as machines see them, (m, D) or (m, k)."""
        scaled = (lines - self.mean) / self.scale
        return scaled if self.axes is None else (scaled @ self.rows.T) @ self.axes


class LandmarkPca:
    """Reduces a descriptor (n, P, D) to its first components, the same at all landmarks."""

    def __init__(self, descriptors: FloatArray, components: int) -> None:
        flat = descriptors.reshape(-1, descriptors.shape[-1])
        self._mean = flat.mean(axis=0)
        centred = flat - self._mean
        axes = np.linalg.eigh(centred.T @ centred)[1]
        self._axes = np.asarray(axes[:, ::-1][:, :components], np.float32)

    def __call__(self, descriptors: FloatArray) -> FloatArray:
        """Return (n, P, components)."""
        return np.asarray((descriptors - self._mean) @ self._axes, np.float32)


@dataclass(frozen=True, slots=True)
class _Group:
    """One group's rows that train, as machines see them."""

    names: tuple[str, ...]
    scaled: ScaledRows
    width: float  # of the RBF: the number of coordinates times their variance
    linear: bool
    reduced: LandmarkPca | None  # of HSOG

    @classmethod
    def fitted(
        cls, names: tuple[str, ...], features: FoldFeatures, recipe: BaselineRecipe
    ) -> _Group:
        hsog = np.asarray(features["hsog"], np.float32) if "hsog" in names else None
        reduced = None if hsog is None else LandmarkPca(hsog, HSOG_COMPONENTS)
        lines = _lines(names, features, reduced)
        scaled = ScaledRows.fitted(lines, recipe.components)
        width = scaled.seen.shape[1] * float(scaled.seen.var()) + _LEAST_SCALE
        return cls(names, scaled, width, recipe.kernel == LINEAR, reduced)

    def products(self, features: FoldFeatures) -> FloatArray:
        """Return (m, n): products with the rows that train, or minus squared distances."""
        seen = self.scaled.coordinates(_lines(self.names, features, self.reduced))
        own = self.scaled.seen
        products = seen @ own.T
        if self.linear:
            return np.asarray(products, np.float32)
        squares = (seen**2).sum(axis=1)[:, None] + (own**2).sum(axis=1)
        return np.asarray(2 * products - squares, np.float32)


class _SharedKernels:
    """What candidates that are given the same rows one after another have in common."""

    def __init__(self, groups: Groups, recipe: BaselineRecipe) -> None:
        self._names, self._recipe = groups, recipe
        self._rows: FoldFeatures | None = None
        self._groups: Sequence[_Group] = ()
        self._products: tuple[FoldFeatures, list[FloatArray]] | None = None

    def learn(self, features: FoldFeatures) -> None:
        """Fit scaling and PCA to rows, unless they are those of the last time."""
        if self._rows is not features:
            self._rows, self._products = features, None
            fit = partial(_Group.fitted, features=features, recipe=self._recipe)
            self._groups = [fit(names) for names in self._names]

    def kernels(self, features: FoldFeatures, fusion: str) -> list[FloatArray]:
        """Return the kernel (m, n) of each machine that the way of joining needs."""
        if self._products is None or self._products[0] is not features:
            self._products = features, [group.products(features) for group in self._groups]
        found = self._products[1]
        if fusion == BY_FEATURES:
            return [self._kernel(sum(found[1:], found[0]), sum(g.width for g in self._groups))]
        widths = [group.width for group in self._groups]
        return [self._kernel(*pair) for pair in zip(found, widths, strict=True)]

    def _kernel(self, products: FloatArray, width: float) -> FloatArray:
        scaled = products / width
        return scaled if self._recipe.kernel == LINEAR else np.exp(scaled)


def _fit(
    shared: _SharedKernels, fusion: str, c: float, features: FoldFeatures, labels: Labels
) -> Scorer:
    from sklearn.svm import SVC

    shared.learn(features)
    machines: list[Any] = [
        SVC(C=c, kernel="precomputed", break_ties=True).fit(kernel, labels)
        for kernel in shared.kernels(features, fusion)
    ]

    def scores(rows: FoldFeatures) -> FloatArray:
        shared.learn(features)
        pairs = zip(machines, shared.kernels(rows, fusion), strict=True)
        parts = [six_scores(one, kernel) for one, kernel in pairs]
        return np.asarray(np.sum(parts, axis=0), np.float32)

    return scores


def _lines(names: Sequence[str], features: FoldFeatures, reduced: LandmarkPca | None) -> FloatArray:
    chosen: Mapping[str, Any] = {name: features[name] for name in names}
    if reduced is not None:
        chosen = {**chosen, "hsog": reduced(np.asarray(features["hsog"], np.float32))}
    return side_by_side(chosen)


def _axes(products: FloatArray, components: int) -> FloatArray:
    """Return what products with n rows are times to be coordinates of their PCA, (n, k).

    `products` (n, n) are those of the rows themselves, whose mean is 0. With rows = U S V', the
    coordinates x V are x rows' U / S.
    """
    squares, axes = np.linalg.eigh(products.astype(np.float64))
    kept = min(components, len(products) - 1)
    largest = np.maximum(squares[::-1][:kept], _LEAST_SCALE)
    return np.asarray(axes[:, ::-1][:, :kept] / np.sqrt(largest), np.float32)
