"""Reading a run's folder.

Records are checked as they are read: a subject that is tested in an experiment
in which it also trained, a sample that is predicted twice, or probabilities that
are none would make every figure worthless, so they stop the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FercoreError
from fercore.expressions import EXPRESSIONS
from fercore.report.description import (
    EVALUATE,
    STRESS,
    read_run_description,
    read_stress_description,
)
from fercore.report.run_records import (
    HEADS,
    ROLES,
    Curves,
    Evaluation,
    Predictions,
    Run,
    Split,
    Stress,
    Timings,
)
from fercore.results import (
    CURVE_COLUMNS,
    PREDICTION_COLUMNS,
    SPLIT_COLUMNS,
    STRESS_COLUMNS,
    TIMING_COLUMNS,
)
from fercore.runtime.tables import Records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.report.description import RunDescription

_SUM_TOLERANCE = 1e-4  # of six probabilities, each written with six digits or more


def read_run(path: Path) -> Run:
    """Read and check the files of a run.

    Raises:
        FercoreError: the folder holds no run, or a file is missing, empty or damaged.
    """
    if not path.is_dir():
        raise FercoreError(f"{path} is no folder; give the --output of `{EVALUATE}`.")
    stress = _read_stress(path) if (path / "stress.tsv").exists() else None
    evaluated = any((path / name).exists() for name in ("run.json", "predictions.tsv"))
    if not evaluated and stress is None:
        raise FercoreError(
            f"{path} holds neither run.json nor stress.tsv; give the --output of `{EVALUATE}`."
        )
    return Run(path, _read_evaluation(path) if evaluated else None, stress)


def _read_evaluation(path: Path) -> Evaluation:
    description = read_run_description(path / "run.json")
    splits = _read_splits(path / "splits.tsv")
    return Evaluation(
        description,
        _read_predictions(path / "predictions.tsv", description, splits),
        splits,
        _read_curves(path / "curves.tsv") if (path / "curves.tsv").exists() else None,
        _read_timings(path / "timings.tsv") if (path / "timings.tsv").exists() else None,
    )


def _read_predictions(
    path: Path, description: RunDescription, splits: Mapping[int, Split]
) -> Predictions:
    records = Records(path, PREDICTION_COLUMNS, EVALUATE)
    if not len(records):
        raise FercoreError(f"{path} holds no prediction yet; let `{EVALUATE}` finish a chunk.")
    slugs = list(description.pipelines)
    predictions = Predictions(
        np.array(slugs)[records.choices("pipeline", slugs)],
        records.integers("experiment"),
        records.texts("subject"),
        records.choices("expression", EXPRESSIONS),
        records.integers("level"),
        records.texts("view"),
        records.integers("row"),
        np.stack(
            [
                records.floats(name, may_be_empty=True)
                for name in PREDICTION_COLUMNS[-len(EXPRESSIONS) :]
            ],
            axis=1,
        ),
    )
    _require_probabilities(records, predictions.probabilities)
    _require_verdicts(records, predictions)
    _require_single(records, predictions)
    _require_unseen(records, predictions, splits)
    return predictions


def _require_probabilities(records: Records, probabilities: NDArray[np.float64]) -> None:
    silent = np.isnan(probabilities).all(1)
    sums = np.abs(probabilities.sum(1) - 1) <= _SUM_TOLERANCE
    sound = silent | ((probabilities >= 0).all(1) & sums)
    if not sound.all():
        line = int(np.argmin(sound)) + 2
        raise records.damaged(f"the probabilities of line {line} do not add up to 1")


def _require_verdicts(records: Records, predictions: Predictions) -> None:
    for slug in np.unique(predictions.pipelines):
        if not predictions.has_verdict[predictions.pipelines == slug].any():
            raise records.damaged(f"{slug} has a verdict on no scan")


def _require_single(records: Records, predictions: Predictions) -> None:
    """Check that no sample is predicted twice, and that a row is the same sample everywhere."""
    _, slug = np.unique(predictions.pipelines, return_inverse=True)
    _, subject = np.unique(predictions.subjects, return_inverse=True)
    keys = np.stack([slug, predictions.experiments, predictions.rows], axis=1)
    if len(np.unique(keys, axis=0)) < len(keys):
        raise records.damaged("a pipeline predicts a sample twice in one experiment")
    labels = np.stack([predictions.rows, subject, predictions.truth, predictions.levels], axis=1)
    if len(np.unique(labels, axis=0)) != len(np.unique(predictions.rows)):
        raise records.damaged("a row of the cache has two labels")


def _require_unseen(
    records: Records, predictions: Predictions, splits: Mapping[int, Split]
) -> None:
    tested = set(zip(predictions.experiments.tolist(), predictions.subjects.tolist(), strict=True))
    for experiment, subject in sorted(tested):
        if experiment not in splits or subject not in splits[experiment].test:
            raise records.damaged(
                f"{subject} is predicted in experiment {experiment}, "
                "where splits.tsv does not let it test"
            )


def _read_splits(path: Path) -> dict[int, Split]:
    records = Records(path, SPLIT_COLUMNS, EVALUATE)
    learning: dict[int, set[str]] = {}
    test: dict[int, set[str]] = {}
    for experiment, subject, role in zip(
        records.integers("experiment").tolist(),
        records.texts("subject").tolist(),
        records.choices("role", ROLES).tolist(),
        strict=True,
    ):
        side = test if ROLES[role] == "test" else learning
        side.setdefault(experiment, set()).add(subject)
    splits = {
        number: Split(frozenset(learning.get(number, ())), frozenset(test.get(number, ())))
        for number in sorted(learning.keys() | test.keys())
    }
    for number, split in splits.items():
        _require_both_sides(records, number, split)
    return splits


def _require_both_sides(records: Records, number: int, split: Split) -> None:
    if not split.learning or not split.test:
        raise records.damaged(f"experiment {number} has no subjects to train or none to test")
    shared = split.learning & split.test
    if shared:
        raise records.damaged(f"experiment {number} trains and tests on {min(shared)}")


def _read_curves(path: Path) -> Curves:
    records = Records(path, CURVE_COLUMNS, EVALUATE)
    return Curves(
        records.texts("pipeline"),
        records.integers("experiment"),
        records.integers("epoch", least=1),
        records.floats("train_loss", finite=False),
        records.floats("validation_loss", finite=False),
        records.floats("validation_accuracy", finite=False),
        records.choices("best", ("0", "1")) == 1,
    )


def _read_timings(path: Path) -> Timings:
    records = Records(path, TIMING_COLUMNS, EVALUATE)
    return Timings(
        records.texts("pipeline"),
        records.integers("experiments", least=1),
        records.floats("seconds"),
        records.floats("peak_rss_mb"),
    )


def _read_stress(path: Path) -> Stress:
    records = Records(path / "stress.tsv", STRESS_COLUMNS, STRESS)
    if not len(records):
        raise FercoreError(f"{path / 'stress.tsv'} holds no measurement; run `{STRESS}` again.")
    stress = Stress(
        read_stress_description(path / "stress.json"),
        records.texts("weights"),
        records.texts("perturbation"),
        records.texts("unit", may_be_empty=True),
        records.floats("severity"),
        records.choices("head", HEADS),
        records.texts("subject"),
        records.integers("samples", least=1),
        records.integers("correct"),
    )
    if (stress.correct > stress.samples).any():
        line = int(np.argmax(stress.correct > stress.samples)) + 2
        raise records.damaged(f"line {line} has more correct answers than samples")
    _require_same_subjects(records, stress)
    return stress


def _require_same_subjects(records: Records, stress: Stress) -> None:
    """Check that every head is measured once on every subject, wherever it is measured."""
    places = [
        np.unique(column, return_inverse=True)[1]
        for column in (stress.weights, stress.perturbations, stress.severities, stress.heads)
    ]
    groups: dict[tuple[int, ...], set[str]] = {}
    for *key, subject in zip(*(p.tolist() for p in places), stress.subjects.tolist(), strict=True):
        group = groups.setdefault(tuple(key), set())
        if subject in group:
            raise records.damaged(f"{subject} is measured twice at the same severity")
        group.add(subject)
    by_curve: dict[tuple[int, ...], set[str]] = {}
    for measured, group in groups.items():
        if by_curve.setdefault(measured[:2], group) != group:
            raise records.damaged("a perturbation is measured on different subjects")
