"""Which fit belongs to which baseline, and one fold of an evaluation by it.

`fold_probabilities` is the only way from stored features to a verdict: it gives a fit the rows of
the fold's training and validation subjects, and asks what came of it about the test rows.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from fercore.baselines.deep_maps import MapEmbedder
from fercore.baselines.kernels import fit_descriptors, fit_maps
from fercore.baselines.learners import fit_aligned_lda, fit_lda, fit_svm, taken
from fercore.baselines.sfam import fit_beliefs
from fercore.errors import FercoreError
from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fercore.baselines.learners import Fit, FoldFeatures, Labels
    from fercore.baselines.recipes import BaselineRecipe
    from fercore.structures import FloatArray

FITS: Mapping[str, Fit] = {
    "segments-svm": fit_svm,
    "primitive-lda": fit_lda,
    "sfam-bbn": fit_beliefs,
    "descriptors-svm": fit_descriptors,
    "scattering-svm": fit_maps,
    "maps-vgg19-svm": fit_maps,
    "landmark-lda": fit_aligned_lda,
    "maps-vit-svm": fit_maps,
}
"""The fit of each baseline."""


class FoldRows(NamedTuple):
    """Rows of one fold's scans, as positions among all scans of the run."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


class Embedder(Protocol):
    """A frozen network that sees a baseline's stored maps, once for all scans of a run.

    Nothing of it is fitted, so that nothing of a test scan can reach a fold.
    """

    def start(self, recipe: BaselineRecipe) -> str:
        """Return what its weights are, told apart from any others, for headings.

        Raises:
            FercoreError: they cannot be had.
        """

    def embed(self, features: FoldFeatures, recipe: BaselineRecipe) -> FoldFeatures:
        """Return what the fit sees instead of the stored features, a row a scan."""


EMBEDDERS: Mapping[str, Embedder] = {
    "maps-vgg19-svm": MapEmbedder(),
    "maps-vit-svm": MapEmbedder(),
}
"""The frozen network of those baselines that have one."""


def fold_probabilities(
    recipe: BaselineRecipe,
    features: FoldFeatures,
    known: NDArray[np.bool_],
    labels: Labels,
    rows: FoldRows,
) -> FloatArray:
    """Return the probabilities (tests, 6) of one fold; NaN for a scan without features.

    `features`, `known` (N,) and `labels` (N,) are those of all scans of the run, `rows` the
    fold's. Scans without features do not train.

    Raises:
        FercoreError: scikit-learn is not installed, or nobody is left to train on.
    """
    require_sklearn()
    validation = np.isin(np.arange(len(labels)), rows.validation)
    learning = np.concatenate([rows.train, rows.validation])
    learning = np.sort(learning[known[learning]])
    if not (known[rows.train]).any():
        raise FercoreError(
            f"no training scan of a fold has features of {recipe.pipeline}; prepare more scans."
        )
    fit = FITS[recipe.pipeline]
    fitted = fit(taken(features, learning), labels[learning], validation[learning], recipe)
    found = np.full((len(rows.test), len(EXPRESSIONS)), np.nan, np.float32)
    seen = known[rows.test]
    if seen.any():
        found[seen] = fitted.probabilities(taken(features, rows.test[seen]))
    return found


def require_sklearn() -> None:
    """Make sure that scikit-learn can be imported.

    Raises:
        FercoreError: it cannot.
    """
    if find_spec("sklearn") is None:
        raise FercoreError(
            "scikit-learn is not installed; install fercore[baselines], or leave the baselines "
            "out of --pipelines."
        )
