"""What checkpoints are worth on faces that no training saw: the tables of `weights/README.md`.

Every head of every checkpoint meets the same faces (`face_sets`). Two questions are scored
apart, as the networks answer them: which of the six an expressive face shows, and whether a
face shows an expression at all. `MEAN` stands for the mean of the log-probabilities of a
fusion's colour and depth heads, which a fusion must surpass to be worth its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from fercore.expressions import EXPRESSIONS
from fercore.faces.quality import contradicted
from fercore.faces.resting import TYPICAL_RESTING, relative
from fercore.metrics import calibration, confusion, separation, subject_interval
from fercore.networks.layers import CLASSES
from fercore.networks.paper import verdict_probabilities
from fercore.structures import MIN_CONFIDENCE
from fercore.training.augmentation import through_jpeg
from fercore.training.faces import CALM
from fercore.training.scoring import logits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from fercore.evaluation.benchmarks.face_sets import FaceSet
    from fercore.networks.paper import Logits, Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import FloatArray, UInt8Array
    from fercore.training.faces import LabelledFaces

MEAN = "mean of heads"

SURE = 0.7
"""A wrong verdict of this probability misleads."""


@dataclass(frozen=True, slots=True)
class ShareRight:
    """A share, 0..1, with its 95 % interval from a bootstrap over subjects."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Score:
    """One head on one test set; None where the set or the head cannot tell."""

    head: str
    test_set: str
    samples: int
    subjects: int  # pictures, where nobody knows who is on them
    six: ShareRight | None  # accuracy among the six, of expressive faces
    six_mean_recall: float | None  # 0..1
    seven: ShareRight | None  # accuracy of expressive and calm faces
    calm_auc: float | None  # area under the ROC curve, calm against expressive faces
    calm_given_expression: ShareRight | None  # of calm faces: an expression is shown
    expressive_called_calm: ShareRight | None  # of expressive faces: calm is shown
    calibration_error: float  # 0..1, expected, of the verdicts shown


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many of a head's sure verdicts are withheld, for depth contradicts colour."""

    head: str
    test_set: str
    wrong: int  # verdicts of `SURE` and more
    wrong_withheld: float  # share, 0..1; NaN where there are none
    right: int
    right_withheld: float


@dataclass(frozen=True, slots=True)
class VerdictSteadiness:
    """Which share of a head's verdicts, 0..1, a harmless change of the picture changes."""

    head: str
    test_set: str
    changed: dict[str, float]  # by change, see `CHANGES`


def scores(network: Pipeline, parameters: Preprocessing, tested: FaceSet) -> list[Score]:
    """Score every head that can judge a test set; without depth, the depth head cannot."""
    faces = tested.faces
    logits = logits_of(network, faces, parameters)
    if tested.resting is not None:
        at_rest = logits_of(network, tested.resting, parameters)
        logits = _relative_to_rest(logits, faces.subjects, at_rest, tested.resting.subjects)
    return [
        _score(head, probabilities.numpy(), faces.where(chosen), tested.name)
        for head, probabilities, chosen in _heads(logits, ~faces.lacks_depth)
    ]


def _relative_to_rest(
    logits: Logits, subjects: NDArray[np.str_], at_rest: Logits, resting: NDArray[np.str_]
) -> Logits:
    """Judge each face as the window does once it knows the person's resting face."""
    heads = {}
    for head, values in logits._asdict().items():
        if values is None:
            continue
        rows, own = values.double().numpy(), getattr(at_rest, head).double().numpy()
        means = {name: own[resting == name].mean(0) for name in set(resting.tolist())}
        found = [
            relative(row, means[name], TYPICAL_RESTING)
            for row, name in zip(rows, subjects.tolist(), strict=True)
        ]
        heads[head] = torch.from_numpy(np.stack(found)).float()
    return logits._replace(**heads)


def _heads(
    logits: Logits, has_depth: NDArray[np.bool_]
) -> Iterator[tuple[str, torch.Tensor, NDArray[np.bool_]]]:
    """Yield each head's probabilities of the faces that it can judge, and which these are."""
    for head, values in logits._asdict().items():
        chosen = has_depth if head == "depth" else np.ones(len(has_depth), bool)
        if values is not None and chosen.any():
            yield head, verdict_probabilities(values[torch.from_numpy(chosen)]), chosen
    if logits.fusion is not None and logits.rgb is not None and logits.depth is not None:
        known = torch.from_numpy(has_depth)
        parts = [verdict_probabilities(values[known]) for values in (logits.rgb, logits.depth)]
        joint = torch.stack(parts).clamp(min=1e-9).log().mean(0).softmax(1)
        if known.any():
            yield MEAN, joint, has_depth


def _score(head: str, probabilities: FloatArray, faces: LabelledFaces, name: str) -> Score:
    labels, subjects = faces.labels, faces.subjects
    expressive, knows_calm = labels != CALM, probabilities.shape[1] > CLASSES
    verdicts = probabilities.argmax(1)
    shown = np.where(probabilities.max(1) >= MIN_CONFIDENCE, verdicts, -1)
    six = probabilities[expressive, :CLASSES].argmax(1)
    judged = np.ones(len(labels), bool) if knows_calm else expressive
    return Score(
        head=head,
        test_set=name,
        samples=len(faces),
        subjects=len(faces.subject_names),
        six=_share(six == labels[expressive], subjects[expressive]),
        six_mean_recall=_mean_recall(labels[expressive], six) if expressive.any() else None,
        seven=_share(verdicts == labels, subjects) if knows_calm else None,
        calm_auc=_calm_auc(probabilities, labels) if knows_calm else None,
        calm_given_expression=_share(
            (shown[~expressive] >= 0) & (shown[~expressive] != CALM), subjects[~expressive]
        ),
        expressive_called_calm=_share(shown[expressive] == CALM, subjects[expressive])
        if knows_calm
        else None,
        calibration_error=_calibration_error(probabilities[judged], labels[judged]),
    )


def _share(holds: NDArray[np.bool_], subjects: NDArray[np.str_]) -> ShareRight | None:
    if not len(holds):
        return None
    return ShareRight(float(holds.mean()), *subject_interval(holds, subjects))


def _calm_auc(probabilities: FloatArray, labels: NDArray[np.int64]) -> float | None:
    calm = labels == CALM
    if calm.all() or not calm.any():
        return None
    return separation(probabilities[:, CALM], calm)


def _calibration_error(probabilities: FloatArray, labels: NDArray[np.int64]) -> float:
    if not len(labels):
        return 0.0
    return calibration(probabilities.astype(np.float64), labels).expected_error


def _mean_recall(labels: NDArray[np.int64], guesses: NDArray[np.int64]) -> float:
    matrix = confusion(labels, guesses)
    shown = [expression.position for expression in EXPRESSIONS if matrix[expression.position].any()]
    return float(np.mean([matrix[i, i] / matrix[i].sum() for i in shown]))


def _mirrored(rgb: UInt8Array) -> UInt8Array:
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _shifted(rgb: UInt8Array) -> UInt8Array:
    """Move the pictures to the right by a tenth; what comes in repeats the border."""
    by = round(rgb.shape[2] / 10)
    return np.concatenate((np.repeat(rgb[:, :, :1], by, axis=2), rgb[:, :, :-by]), axis=2)


def _compressed(rgb: UInt8Array) -> UInt8Array:
    return np.stack([through_jpeg(picture, 20) for picture in rgb])


def _darkened(rgb: UInt8Array) -> UInt8Array:
    return np.asarray(np.round(rgb * 0.4), np.uint8)


CHANGES: dict[str, Callable[[UInt8Array], UInt8Array]] = {
    "mirrored": _mirrored,
    "shifted by a tenth": _shifted,
    "JPEG at quality 20": _compressed,
    "brightness × 0.4": _darkened,
}
"""Harmless changes of crops (N, S, S, 3)."""


def withholding(network: Pipeline, parameters: Preprocessing, tested: FaceSet) -> list[Withheld]:
    """Measure which sure verdicts of a fusion and its depth head are withheld, right and wrong.

    The light is not looked at, as it is in live use (`fercore.faces.quality.contradiction`).
    """
    faces = tested.faces.where(~tested.faces.lacks_depth)
    is_judged_alone = len(faces) and tested.resting is None
    logits = logits_of(network, faces, parameters) if is_judged_alone else None
    if logits is None or logits.fusion is None or logits.rgb is None or logits.depth is None:
        return []
    by_head = {
        head: verdict_probabilities(values).numpy()
        for head, values in (("fusion", logits.fusion), ("depth", logits.depth))
    }
    doubted = contradicted(by_head["depth"], verdict_probabilities(logits.rgb).numpy())
    found = []
    for head, probabilities in by_head.items():
        sure, right = probabilities.max(1) >= SURE, probabilities.argmax(1) == faces.labels
        wrong_ones, right_ones = doubted[sure & ~right], doubted[sure & right]
        found.append(
            Withheld(
                *(head, tested.name),
                *(len(wrong_ones), _mean(wrong_ones), len(right_ones), _mean(right_ones)),
            )
        )
    return found


def _mean(holds: NDArray[np.bool_]) -> float:
    return float(holds.mean()) if len(holds) else float("nan")


def steadiness(
    network: Pipeline, parameters: Preprocessing, tested: FaceSet
) -> list[VerdictSteadiness]:
    """Measure how far a colour head's verdicts hang on what should not matter."""
    before = logits_of(network, tested.faces, parameters).rgb
    if before is None:
        return []
    verdicts = verdict_probabilities(before).argmax(1)
    changed = {}
    for name, change in CHANGES.items():
        faces = tested.faces.with_rgb(change(tested.faces.rgb))
        after = logits_of(network, faces, parameters).rgb
        assert after is not None
        other = verdict_probabilities(after).argmax(1) != verdicts
        changed[name] = float(other.float().mean())
    return [VerdictSteadiness("rgb", tested.name, changed)]
