"""What a backbone's classifier is worth on labelled faces.

Accuracy is given over FER2013's seven labels and over the six expressions alone: then
only faces that show one count, and the classifier chooses among the six.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013 import CLASSES
from fercore.metrics import subject_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

SIX = len(EXPRESSIONS)


@dataclass(frozen=True, slots=True)
class FaceFigures:
    """Figures on one set of faces; shares are in 0..1."""

    faces: int
    accuracy: float  # over seven labels
    low: float  # 95 % interval of the accuracy, from a bootstrap over faces
    high: float
    mean_recall: float  # over seven labels
    six_faces: int  # faces that show one of the six expressions
    six_accuracy: float
    six_mean_recall: float
    recall: dict[str, float]  # by label, among seven


def figures(logits: FloatArray, labels: NDArray[np.int64]) -> FaceFigures:
    """Score logits (N, 7) against labels (N,), 0..6 in the order of CLASSES.

    Raises:
        ValueError: there is no face.
    """
    guesses = logits.argmax(1)
    faces = np.array([str(face) for face in range(len(labels))])
    low, high = subject_interval(guesses == labels, faces)
    recall = _recall(guesses, labels)
    six = labels < SIX
    six_guesses = logits[six, :SIX].argmax(1)
    return FaceFigures(
        faces=len(labels),
        accuracy=_rounded((guesses == labels).mean()),
        low=_rounded(low),
        high=_rounded(high),
        mean_recall=_rounded(np.mean(list(recall.values()))),
        six_faces=int(six.sum()),
        six_accuracy=_rounded((six_guesses == labels[six]).mean()) if six.any() else 0.0,
        six_mean_recall=_rounded(np.mean([*_recall(six_guesses, labels[six]).values()] or [0.0])),
        recall={name: _rounded(value) for name, value in recall.items()},
    )


def _recall(guesses: NDArray[np.int64], labels: NDArray[np.int64]) -> dict[str, float]:
    """Return the share of each label's faces that were recognised, for labels that occur."""
    return {
        CLASSES[label]: float((guesses[labels == label] == label).mean())
        for label in np.unique(labels)
    }


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)
