"""Run a labelled backbone over faces, on the fastest device, and say what it is worth.

Accuracy is given over seven labels, the six expressions and calm, and over the six alone:
then only faces that show one count, and the classifier chooses among the six.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013 import CLASSES
from fercore.metrics import separation, subject_interval
from fercore.networks.backbones import read_start
from fercore.networks.paper import verdict_probabilities
from fercore.training.backbones.faces import plain
from fercore.training.backbones.network import LabelledBackbone
from fercore.training.config import channels_last, computing_in, training_device

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.io.fer2013 import Fer2013Faces
    from fercore.structures import FloatArray

SCORING_BATCH = 256
SIX = len(EXPRESSIONS)


def placed(network: LabelledBackbone) -> LabelledBackbone:
    """Move the network where it is computed, in the layout that is fastest there."""
    network.to(memory_format=torch.channels_last)
    return network.to(training_device())


def logits_of(
    network: LabelledBackbone, faces: Fer2013Faces, size: int, precision: str = "float32"
) -> FloatArray:
    """Return the logits (N, 7) of all faces, run on the network's device."""
    network.eval()
    where = next(network.parameters()).device
    parts = []
    with torch.inference_mode(), computing_in(precision, where):
        for begin in range(0, len(faces), SCORING_BATCH):
            images = torch.from_numpy(faces.images[begin : begin + SCORING_BATCH]).to(where)
            rgb = channels_last(plain(images, size))
            parts.append(network(rgb).float().cpu())
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def stored_network(path: Path, name: str, trained: LabelledBackbone) -> LabelledBackbone:
    """Return the backbone stored at `path` under the classifier of `trained`.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    stored = LabelledBackbone(name, read_start(name, str(path)))
    stored.classifier.load_state_dict(trained.classifier.state_dict())
    return placed(stored).eval()


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
    calm_auc: float  # area under the ROC curve, calm against expressive faces
    recall: dict[str, float]  # by label, among seven


def figures(logits: FloatArray, labels: NDArray[np.int64]) -> FaceFigures:
    """Score logits (N, 7) against labels (N,), 0..6 in the order of CLASSES; -1 is not scored.

    Raises:
        ValueError: there is no face.
    """
    logits, labels = logits[labels >= 0], labels[labels >= 0]
    guesses = verdict_probabilities(torch.from_numpy(logits)).numpy().argmax(1)
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
        calm_auc=_rounded(separation(logits[:, SIX], labels == SIX)),
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
