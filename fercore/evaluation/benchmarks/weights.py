"""What checkpoints are worth on faces that no training saw: the table in `weights/README.md`.

Every head of every checkpoint meets the same faces: people of each face model, clean as a
scanner sees them and as depth cameras do, and real faces of FER2013's public test without
depth. Nothing here may choose a checkpoint; validation subjects do that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.caches.pictures import PICTURE_VIEW, cut_picture
from fercore.caches.synthetic import CacheRecipe
from fercore.datasets.fer2013 import Fer2013
from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS
from fercore.io.fer2013 import Split
from fercore.metrics import calibration, confusion, subject_interval
from fercore.networks.preprocessing import Preprocessing
from fercore.synthesis.samples import SampleRecipe
from fercore.synthesis.sensors import CAMERA_NAMES, SCANNER
from fercore.training.faces import LabelledFaces, read_faces
from fercore.training.scoring import logits_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.faces.detection import FaceDetector
    from fercore.networks.branches import Pipeline
    from fercore.structures import FloatArray

SEED = 2
"""Whose people are tested; `weights/README.md` tells which seeds trained."""

LEVELS = {"levels 1 and 2": (1, 2), "levels 3 and 4": (3, 4)}


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Faces that were never trained on."""

    name: str
    faces: LabelledFaces


@dataclass(frozen=True, slots=True)
class Score:
    """One head on one test set."""

    head: str
    test_set: str
    samples: int
    subjects: int  # pictures, where nobody knows who is on them
    accuracy: float  # 0..1
    low: float  # 95 % interval from a bootstrap over subjects
    high: float
    mean_recall: float  # 0..1, over the six expressions
    calibration_error: float  # 0..1, expected


def people_caches(
    face_model: Path, folder: Path, subjects: int, samples_per_subject: int
) -> dict[Path, CacheRecipe]:
    """Return the caches of a face model's test people, and what they are made of."""
    cameras = tuple(name for name in CAMERA_NAMES if name != SCANNER)
    return {
        folder / f"{face_model.stem}-{kind}": CacheRecipe(
            SampleRecipe((face_model.resolve(),), SEED, names),
            subjects,
            samples_per_subject,
            Preprocessing(),
        )
        for kind, names in (("scanner", (SCANNER,)), ("cameras", cameras))
    }


def synthetic_sets(cache: Path) -> list[FaceSet]:
    """Read a finished cache of test people, strong and slight expressions apart.

    Raises:
        DatasetError: it is damaged or holds no face.
    """
    faces, _ = read_faces(cache)
    return [
        FaceSet(f"{cache.name}, {words}, synthetic", faces.where(chosen))
        for words, levels in LEVELS.items()
        if (chosen := np.isin(faces.levels, levels)).any()
    ]


def real_faces(source: Path, detector: FaceDetector) -> FaceSet:
    """Return FER2013's public test, the six expressions, without depth.

    Raises:
        DatasetError: the source holds no such faces.
    """
    dataset, parameters = Fer2013(source), Preprocessing()
    samples = [
        sample
        for sample in dataset.samples()
        if sample.split == Split.PUBLIC_TEST and sample.expression is not None
    ]
    if not samples:
        raise DatasetError(f"{source} holds no public test of FER2013; give the file that does.")
    crops = [cut_picture(dataset.frame(s).rgb, parameters, detector)[0] for s in samples]
    unknown = (len(samples), parameters.depth_size, parameters.depth_size)
    faces = LabelledFaces(
        np.stack(crops),
        np.full(unknown, np.nan, np.float32),
        np.array([s.expression.position for s in samples if s.expression is not None]),
        np.array([sample.subject for sample in samples]),
        np.zeros(len(samples), np.int64),
        np.full(len(samples), PICTURE_VIEW),
    )
    return FaceSet("FER2013 public test, real faces", faces)


def scores(network: Pipeline, parameters: Preprocessing, tested: FaceSet) -> list[Score]:
    """Score every head that can judge a test set; without depth, the depth head cannot."""
    faces = tested.faces
    logits = logits_of(network, faces, parameters)
    seen = ~faces.lacks_depth
    results = []
    for head, values in logits._asdict().items():
        chosen = seen if head == "depth" else np.ones(len(faces), bool)
        if values is not None and chosen.any():
            probabilities = values.softmax(1).numpy()[chosen]
            results.append(_score(head, probabilities, faces.where(chosen), tested.name))
    return results


def _score(head: str, probabilities: FloatArray, faces: LabelledFaces, name: str) -> Score:
    guesses = probabilities.argmax(1)
    correct = guesses == faces.labels
    low, high = subject_interval(correct, faces.subjects)
    measured = calibration(probabilities.astype(np.float64), faces.labels)
    return Score(
        head=head,
        test_set=name,
        samples=len(faces),
        subjects=len(faces.subject_names),
        accuracy=float(correct.mean()),
        low=low,
        high=high,
        mean_recall=_mean_recall(faces.labels, guesses),
        calibration_error=measured.expected_error,
    )


def _mean_recall(labels: NDArray[np.int64], guesses: NDArray[np.int64]) -> float:
    matrix = confusion(labels, guesses)
    shown = [expression.position for expression in EXPRESSIONS if matrix[expression.position].any()]
    return float(np.mean([matrix[i, i] / matrix[i].sum() for i in shown]))
