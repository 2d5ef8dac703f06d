"""How hard a tree of synthetic subjects is: a linear classifier on the bare geometry.

Multinomial logistic regression on 100 principal components of the F3D vertices, six
expressions, unseen subjects. Synthetic subjects on which this reaches nearly 100 % teach
a network nothing; near chance they show nothing. Works on any tree whose meshes all have
one topology, which recorded scans have not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS
from fercore.io.vrml import read_vrml
from fercore.metrics import confusion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import FloatArray

COMPONENTS = 100
TEST_SUBJECTS = 20
LEVELS = (3, 4)
_INNER_FOLDS = 4
_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # L2, per mean cross-entropy


@dataclass(frozen=True, slots=True)
class LabelledShapes:
    """Scans as rows: what a classifier may learn from, and whose face it is."""

    shapes: FloatArray  # (N, 3V), vertices in mm
    labels: NDArray[np.int64]  # (N,), index into EXPRESSIONS
    subjects: NDArray[np.str_]  # (N,), codes


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What the classifier reached, and on what."""

    accuracy: float  # 0..1, on the test subjects
    confusion: NDArray[np.int64]  # (6, 6), true × predicted
    train_subjects: int
    test_subjects: int
    train_scans: int
    test_scans: int
    penalty: float  # chosen on the training subjects alone
    seed: int


def measure_difficulty(
    root: Path, test_subjects: int = TEST_SUBJECTS, levels: Sequence[int] = LEVELS, seed: int = 0
) -> Difficulty:
    """Train on all subjects below `root` but `test_subjects` drawn ones; test on those.

    Raises:
        DatasetError: too few subjects, or meshes of different topology.
    """
    return classify_shapes(read_shapes(root, levels), test_subjects, seed)


def read_shapes(root: Path, levels: Sequence[int] = LEVELS) -> LabelledShapes:
    """Read the F3D vertices of all scans of an expression at `levels`.

    Raises:
        DatasetError: no such scan, or meshes of different topology.
    """
    expressive = [
        (scan.f3d, scan.id.expression, scan.id.subject)
        for scan in Bu3dfe(root).scans()
        if scan.f3d and scan.id.expression and scan.id.level in levels
    ]
    if not expressive:
        raise DatasetError(f"{root} holds no F3D scan at levels {list(levels)}")
    shapes = [read_vrml(path, texture=False).vertices_mm for path, _, _ in expressive]
    if len({len(shape) for shape in shapes}) > 1:
        raise DatasetError(f"{root} holds meshes of different topology: only synthetic ones fit")
    return LabelledShapes(
        shapes=np.stack(shapes).reshape(len(shapes), -1).astype(np.float32),
        labels=np.array([expression.position for _, expression, _ in expressive]),
        subjects=np.array([subject for _, _, subject in expressive]),
    )


def classify_shapes(data: LabelledShapes, test_subjects: int, seed: int) -> Difficulty:
    """Fit and test the classifier on subjects apart, which `seed` draws.

    Raises:
        DatasetError: fewer than `test_subjects` + 8 subjects.
    """
    codes = np.unique(data.subjects)
    if len(codes) < test_subjects + 2 * _INNER_FOLDS:
        raise DatasetError(
            f"{len(codes)} subjects are too few: give at least {test_subjects + 2 * _INNER_FOLDS}"
        )
    order = np.random.default_rng(seed).permutation(codes)
    testing = np.isin(data.subjects, order[:test_subjects])
    train, test = _split(data, testing)
    penalty = _choose_penalty(train, order[test_subjects:])
    predicted = _fit_predict(train, test.shapes, (penalty,))[0]
    return Difficulty(
        accuracy=float((predicted == test.labels).mean()),
        confusion=confusion(test.labels, predicted),
        train_subjects=len(codes) - test_subjects,
        test_subjects=test_subjects,
        train_scans=len(train.labels),
        test_scans=len(test.labels),
        penalty=penalty,
        seed=seed,
    )


def _split(
    data: LabelledShapes, testing: NDArray[np.bool_]
) -> tuple[LabelledShapes, LabelledShapes]:
    parts = [
        LabelledShapes(data.shapes[rows], data.labels[rows], data.subjects[rows])
        for rows in (~testing, testing)
    ]
    return parts[0], parts[1]


def _choose_penalty(data: LabelledShapes, codes: NDArray[np.str_]) -> float:
    correct = np.zeros(len(_PENALTIES))
    for fold in range(_INNER_FOLDS):
        train, held_out = _split(data, np.isin(data.subjects, codes[fold::_INNER_FOLDS]))
        for index, predicted in enumerate(_fit_predict(train, held_out.shapes, _PENALTIES)):
            correct[index] += (predicted == held_out.labels).sum()
    return _PENALTIES[int(correct.argmax())]


def _fit_predict(
    train: LabelledShapes, shapes: FloatArray, penalties: Sequence[float]
) -> list[NDArray[np.int64]]:
    mean = train.shapes.mean(axis=0)
    axes = _principal_axes(train.shapes - mean)
    scores = (train.shapes - mean) @ axes.T
    spread = scores.std(axis=0) + 1e-9
    inputs = torch.from_numpy(scores / spread)
    unseen = torch.from_numpy((shapes - mean) @ axes.T / spread)
    labels = torch.from_numpy(train.labels)
    models = [_logistic_regression(inputs, labels, penalty) for penalty in penalties]
    return [(unseen @ weights + bias).argmax(dim=1).numpy() for weights, bias in models]


def _principal_axes(centred: FloatArray) -> FloatArray:
    """Return up to 100 axes (C, 3V)."""
    # Scans are few and vertices many, so the Gram matrix of the scans is the small one.
    values, vectors = np.linalg.eigh(centred @ centred.T)
    kept = slice(-1, -1 - min(COMPONENTS, len(values) - 1), -1)
    axes: FloatArray = (vectors[:, kept].T @ centred) / np.sqrt(values[kept])[:, None]
    return axes.astype(np.float32)


def _logistic_regression(
    inputs: torch.Tensor, labels: torch.Tensor, penalty: float
) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.zeros(inputs.shape[1], len(EXPRESSIONS), requires_grad=True)
    bias = torch.zeros(len(EXPRESSIONS), requires_grad=True)
    optimiser: torch.optim.Optimizer = torch.optim.LBFGS(
        [weights, bias], max_iter=200, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        optimiser.zero_grad()
        logits = inputs @ weights + bias
        value = torch.nn.functional.cross_entropy(logits, labels)
        value = value + penalty / 2 * weights.square().sum()
        torch.autograd.backward(value)
        return float(value.detach())

    optimiser.step(loss)
    return weights.detach(), bias.detach()
