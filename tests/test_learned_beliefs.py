"""What is learned in a fold from descriptors, maps and patches."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from fercore.baselines.kernels import (
    HSOG_COMPONENTS,
    LandmarkPca,
    ScaledRows,
    fit_descriptors,
    fit_groups,
    fit_maps,
)
from fercore.baselines.learners import Labels, taken
from fercore.baselines.recipes import BaselineRecipe
from fercore.baselines.sfam import PartModels, fit_beliefs
from fercore.structures import FloatArray

_ROWS = 90
_NOBODY = np.zeros(_ROWS, bool)


def _labels() -> Labels:
    return np.arange(_ROWS) % 6


def _telling(shape: tuple[int, ...], seed: int, strength: float) -> FloatArray:
    """Return features (90, ...) whose mean depends on the expression."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((6, *shape))
    noise = rng.standard_normal((_ROWS, *shape))
    return (strength * centres[_labels()] + noise).astype(np.float32)


@pytest.mark.parametrize("components", [0, 7])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_products_between_rows_give_the_machine_of_the_textbook(
    kernel: str, components: int
) -> None:
    features, learns = _telling((40,), 0, 0.5), np.arange(_ROWS) < 60
    recipe = BaselineRecipe("scattering-svm", kernel, (3.0,), components=components)
    rows = {"a": features[learns]}
    fitted = fit_groups((("a",),), rows, _labels()[learns], _NOBODY[learns], recipe)
    scores = fitted.scorer({"a": features[~learns]})
    steps = [StandardScaler(), *([PCA(components)] if components else [])]
    # A linear kernel is divided by the number of coordinates times their variance.
    width = _width(features[learns], components) if kernel == "linear" else 1.0
    textbook = make_pipeline(*steps, SVC(C=3.0 / width, kernel=kernel, break_ties=True))
    textbook.fit(features[learns], _labels()[learns])
    expected = textbook.decision_function(features[~learns])
    np.testing.assert_allclose(scores, expected, atol=0.02)


def _width(features: FloatArray, components: int) -> float:
    rows = ScaledRows.fitted(features, components).coordinates(features)
    return rows.shape[1] * float(rows.var())


def test_joining_is_chosen_by_the_validation_rows() -> None:
    features = {"map_0": _telling((20,), 1, 0.8), "map_1": _telling((20,), 2, 0.8)}
    validation = np.arange(_ROWS) < 18
    recipe = BaselineRecipe("maps-vgg19-svm", c=(0.001, 10.0), fusion=("scores", "features"))
    fitted = fit_maps(features, _labels(), validation, recipe)
    probabilities = fitted.probabilities(features)
    assert 0 <= fitted.choice < 4
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(1) == _labels()).mean() > 0.9


def test_hsog_is_reduced_alike_at_all_landmarks() -> None:
    hsog = _telling((4, 160), 3, 1.0)
    reduced = LandmarkPca(hsog, HSOG_COMPONENTS)
    found = reduced(hsog)
    assert found.shape == (_ROWS, 4, HSOG_COMPONENTS)
    flat = hsog.reshape(-1, 160) - hsog.reshape(-1, 160).mean(axis=0)
    expected = PCA(HSOG_COMPONENTS, svd_solver="full").fit(flat).explained_variance_
    np.testing.assert_allclose(found.reshape(-1, 128).var(axis=0, ddof=1), expected, rtol=1e-2)


def test_descriptors_of_picture_and_mesh_are_learned_together() -> None:
    shapes = {"sift": (3, 16), "hsog": (3, 140), "mesh_hog": (3, 9), "mesh_hos": (3, 9)}
    features = {
        name: _telling(shape, seed, 0.8) for seed, (name, shape) in enumerate(shapes.items())
    }
    validation = np.arange(_ROWS) < 18
    recipe = BaselineRecipe("descriptors-svm", fusion=("scores", "features"))
    fitted = fit_descriptors(features, _labels(), validation, recipe)
    rows = taken(features, ~validation)
    assert (fitted.probabilities(rows).argmax(1) == _labels()[~validation]).all()


def test_a_part_model_is_a_gaussian_of_low_rank() -> None:
    rng = np.random.default_rng(4)
    parts = (rng.standard_normal((1, 400, 2)) @ rng.standard_normal((2, 6))).astype(np.float32)
    parts += 0.1 * rng.standard_normal(parts.shape).astype(np.float32)
    model = PartModels.fitted(parts, 2)
    expected = PCA(2, svd_solver="full").fit(parts[0]).score_samples(parts[0])
    constant = 6 * np.log(2 * np.pi) / 2
    np.testing.assert_allclose(model.log_density(parts)[0] * 6, expected + constant, atol=0.03)


def test_beliefs_come_from_whichever_family_tells_the_expression() -> None:
    rng = np.random.default_rng(5)
    face = rng.uniform(-50, 50, (68, 3))
    points = face + rng.standard_normal((_ROWS, 68, 3))
    noise = {name: rng.standard_normal((_ROWS, 3, 5, 5)) for name in ("texture", "range")}
    moved = points.copy()
    moved[np.arange(_ROWS), 48 + _labels(), 1] += 12.0
    telling = {"points_mm": moved.astype(np.float32), **noise}
    validation = np.arange(_ROWS) < 18
    recipe = BaselineRecipe("sfam-bbn", components=60)
    by_points = fit_beliefs(telling, _labels(), validation, recipe)
    assert (by_points.probabilities(telling).argmax(1) == _labels()).mean() > 0.9
    patches = {**noise, "texture": _telling((3, 5, 5), 6, 2.0)}
    telling = {"points_mm": points.astype(np.float32), **patches}
    by_texture = fit_beliefs(telling, _labels(), validation, recipe)
    assert (by_texture.probabilities(telling).argmax(1) == _labels()).mean() > 0.9


def test_an_expression_that_nobody_shows_is_never_the_verdict() -> None:
    rng = np.random.default_rng(7)
    features = {
        "points_mm": rng.standard_normal((_ROWS, 68, 3)).astype(np.float32),
        "texture": rng.standard_normal((_ROWS, 3, 5, 5)).astype(np.float32),
        "range": rng.standard_normal((_ROWS, 3, 5, 5)).astype(np.float32),
    }
    labels = np.where(_labels() == 4, 0, _labels())
    fitted = fit_beliefs(features, labels, _NOBODY, BaselineRecipe("sfam-bbn", components=60))
    assert not (fitted.probabilities(features).argmax(1) == 4).any()
