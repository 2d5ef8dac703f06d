"""What a baseline learns in a fold: never from test subjects, and chosen by those held out."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fercore.baselines import fitting, kernels, learners
from fercore.baselines.fitting import FITS, FoldRows, fold_probabilities
from fercore.baselines.learners import FoldFeatures, aligned, fit_tuned, mean_shape
from fercore.baselines.recipes import BASELINES, BaselineRecipe, shipped_recipe
from fercore.errors import FercoreError
from fercore.structures import FloatArray

SUBJECTS, SCANS = 12, 12
LABELS = np.tile(np.repeat(np.arange(6), 2), SUBJECTS)
SUBJECT_OF = np.repeat(np.arange(SUBJECTS), SCANS)
ROWS = FoldRows(
    np.flatnonzero(SUBJECT_OF < 8),
    np.flatnonzero((SUBJECT_OF >= 8) & (SUBJECT_OF < 10)),
    np.flatnonzero(SUBJECT_OF >= 10),
)
KNOWN = np.ones(len(LABELS), bool)


SHAPES = {
    "segments-svm": {"segments": (96,)},
    "landmark-lda": {"points_mm": (83, 3)},
    "primitive-lda": {"labels": (84,)},
    "sfam-bbn": {"points_mm": (83, 3), "texture": (4, 5, 5), "range": (4, 5, 5)},
    "descriptors-svm": dict.fromkeys(("sift", "hsog", "mesh_hog", "mesh_hos"), (4, 16)),
    "scattering-svm": {"nx": (50,), "shape_index": (50,)},
    "maps-vgg19-svm": {"nx": (50,), "texture": (50,)},
    "maps-vit-svm": {"nx": (50,), "texture": (50,)},
}
"""What each fit is given of a scan, small."""


def made_up(slug: str) -> FoldFeatures:
    """Return features that tell the label, in the shapes of a baseline."""
    rng = np.random.default_rng(0)
    features = {}
    for name, shape in SHAPES[slug].items():
        places, shift = rng.normal(0, 20, shape), rng.normal(0, 1, (6, *shape))
        noise = rng.normal(0, 0.5, (len(LABELS), *shape))
        features[name] = (places + shift[LABELS] + noise).astype(np.float32)
    return features


class Spy:
    """A fit that notes which rows it is given; the rows' numbers are its features."""

    def __init__(self) -> None:
        self.seen: NDArray[np.int64] = np.empty(0, np.int64)
        self.validation: NDArray[np.int64] = np.empty(0, np.int64)

    def __call__(
        self,
        features: FoldFeatures,
        labels: NDArray[np.int64],
        validation: NDArray[np.bool_],
        recipe: BaselineRecipe,
    ) -> "Spy":
        assert np.array_equal(labels, LABELS[features["row"].astype(int)])
        self.seen = features["row"].astype(np.int64)
        self.validation = self.seen[validation]
        return self

    def probabilities(self, features: FoldFeatures) -> FloatArray:
        return np.full((len(features["row"]), 6), 1 / 6, np.float32)


@pytest.mark.parametrize("slug", BASELINES)
def test_no_fit_is_given_a_test_subject(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy()
    monkeypatch.setattr(fitting, "FITS", {slug: spy})
    recipe = BaselineRecipe(slug)
    numbers = {"row": np.arange(len(LABELS), dtype=np.float32)}
    fold_probabilities(recipe, numbers, KNOWN, LABELS, ROWS)
    assert set(SUBJECT_OF[spy.seen]) == set(range(10))
    assert set(SUBJECT_OF[spy.validation]) == {8, 9}


@pytest.mark.parametrize("slug", FITS)
def test_what_a_test_scan_looks_like_changes_no_other_verdict(slug: str) -> None:
    recipe, features = shipped_recipe(slug), made_up(slug)
    plain = fold_probabilities(recipe, features, KNOWN, LABELS, ROWS)
    spoilt = {name: array.copy() for name, array in features.items()}
    for array in spoilt.values():
        array[ROWS.test[0]] = 1e4 * np.random.default_rng(1).normal(size=array.shape[1:])
    labels = LABELS.copy()
    labels[ROWS.test] = 0
    again = fold_probabilities(recipe, spoilt, KNOWN, labels, ROWS)
    assert np.allclose(plain[1:], again[1:], atol=1e-5)
    assert np.mean(plain.argmax(1) == LABELS[ROWS.test]) > 0.9
    assert np.allclose(plain.sum(1), 1, atol=1e-5)


def test_scans_without_features_neither_train_nor_get_a_verdict() -> None:
    known = KNOWN.copy()
    known[[ROWS.train[0], ROWS.test[0]]] = False
    features = made_up("segments-svm")
    features["segments"][~known] = np.nan  # would spoil every fit
    found = fold_probabilities(shipped_recipe("segments-svm"), features, known, LABELS, ROWS)
    assert np.isnan(found[0]).all() and np.isfinite(found[1:]).all()


def test_the_validation_rows_choose_and_all_rows_are_fitted() -> None:
    calls: list[tuple[str, int]] = []

    def candidate(name: str, right: bool) -> Any:
        def fit(features: FoldFeatures, labels: NDArray[np.int64]) -> Any:
            calls.append((name, len(labels)))
            return lambda rows: (
                3 * np.eye(6, dtype=np.float32)[(rows["truth"].astype(int) + (not right)) % 6]
            )

        return fit

    labels = np.arange(12) % 6
    validation = np.arange(12) >= 6
    features = {"truth": labels.astype(np.float32)}
    fitted = fit_tuned([candidate("a", False), candidate("b", True)], features, labels, validation)
    assert fitted.choice == 1
    assert calls == [("a", 6), ("b", 6), ("b", 12)]
    assert fitted.temperature < 1  # always right: as sure as the search allows
    assert fitted.probabilities(features).argmax(1).tolist() == labels.tolist()
    assert fit_tuned([candidate("a", False)], features, labels, validation & False).temperature == 1


@pytest.mark.parametrize(
    ("slug", "choices"),
    [
        ("scattering-svm", {"c": (1.0, 10.0), "fusion": ("scores", "features")}),
        ("segments-svm", {"c": (1.0, 10.0), "gamma": (0.01, 0.1)}),
    ],
)
def test_every_combination_is_a_candidate(
    slug: str, choices: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    for module in (kernels, learners):
        monkeypatch.setattr(module, "fit_tuned", lambda tried, *_: counts.append(len(tried)))
    recipe, validation = BaselineRecipe(slug, **choices), np.zeros(len(LABELS), bool)
    FITS[slug](made_up(slug), LABELS, validation, recipe)
    assert counts == [4]


def test_aligned_points_differ_only_by_what_moved() -> None:
    rng = np.random.default_rng(3)
    shape = rng.normal(0, 30, (83, 3)).astype(np.float32)
    moved = shape.copy()
    moved[48] += (0, 0, 7)  # a corner of the mouth, not rigid
    turned = moved @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32) + 40
    pair = aligned(np.stack([shape, turned]), mean_shape(shape[None]))
    assert np.allclose(np.linalg.norm(pair[0] - pair[1], axis=1)[[0, 48, 70]], [0, 7, 0], atol=1e-3)


@pytest.mark.parametrize("slug", BASELINES)
def test_every_baseline_has_a_recipe(slug: str) -> None:
    assert shipped_recipe(slug).pipeline == slug


def test_a_recipe_with_a_setting_that_is_none_is_refused() -> None:
    with pytest.raises(FercoreError, match="cannot be used as a recipe"):
        shipped_recipe("segments-svm", epochs=3)


def test_networks_are_evaluated_without_scikit_learn() -> None:
    source = (
        "import sys, fercore.evaluation.run, fercore.cli.evaluate;"
        "assert not {'sklearn', 'scipy', 'cv2', 'open3d'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", source], check=True)
