"""The records of a run: what `fercore evaluate` and `fercore stress` wrote, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.report.description import RunDescription, StressDescription

ROLES = ("train", "validation", "test")
HEADS = ("fusion", "rgb", "depth")


@dataclass(frozen=True)
class Predictions:
    """Test samples as rows, once for each pipeline and experiment."""

    pipelines: NDArray[np.str_]  # (N,)
    experiments: NDArray[np.int64]  # (N,)
    subjects: NDArray[np.str_]  # (N,)
    truth: NDArray[np.int64]  # (N,), position in EXPRESSIONS
    levels: NDArray[np.int64]  # (N,), 1 to 4; 0: a data set without levels
    views: NDArray[np.str_]  # (N,)
    rows: NDArray[np.int64]  # (N,), of the cache: the sample
    probabilities: NDArray[np.float64]  # (N, 6), NaN for a scan without a verdict

    def __len__(self) -> int:
        """Return the number of predictions."""
        return len(self.rows)

    @cached_property
    def has_verdict(self) -> NDArray[np.bool_]:
        """Whether there is one (N,): for want of a face or of features there may be none.

        A scan without a verdict counts as wrong.
        """
        return np.asarray(np.isfinite(self.probabilities).all(1))

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The leading expression (N,) of each prediction, -1 where there is no verdict."""
        return np.where(self.has_verdict, self.probabilities.argmax(1), -1)

    @cached_property
    def answered(self) -> Predictions:
        """Those of scans with a verdict."""
        return self.where(self.has_verdict)

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction (N,) is right."""
        return np.asarray(self.predicted == self.truth)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Predictions:
        """Return the predictions that a mask (N,) or positions choose."""
        return Predictions(
            self.pipelines[chosen],
            self.experiments[chosen],
            self.subjects[chosen],
            self.truth[chosen],
            self.levels[chosen],
            self.views[chosen],
            self.rows[chosen],
            self.probabilities[chosen],
        )

    def of(self, pipeline: str) -> Predictions:
        """Return the predictions of one pipeline."""
        return self.where(self.pipelines == pipeline)


@dataclass(frozen=True, slots=True)
class Split:
    """Who trains and who tests in one experiment."""

    learning: frozenset[str]  # subjects; those that train and those that choose the epoch
    test: frozenset[str]


@dataclass(frozen=True, slots=True)
class Curves:
    """Training epochs as rows."""

    pipelines: NDArray[np.str_]  # (N,)
    experiments: NDArray[np.int64]  # (N,)
    epochs: NDArray[np.int64]  # (N,), from 1
    train_loss: NDArray[np.float64]  # (N,), NaN where training diverged
    validation_loss: NDArray[np.float64]  # (N,)
    validation_accuracy: NDArray[np.float64]  # (N,), 0..1
    best: NDArray[np.bool_]  # (N,), the chosen epoch


@dataclass(frozen=True, slots=True)
class Timings:
    """Chunks of work as rows."""

    pipelines: NDArray[np.str_]  # (N,)
    experiments: NDArray[np.int64]  # (N,), how many the chunk held
    seconds: NDArray[np.float64]  # (N,)
    peak_rss_mb: NDArray[np.float64]  # (N,)


@dataclass(frozen=True, slots=True)
class Stress:
    """One row for each checkpoint, perturbation, severity, head and subject."""

    description: StressDescription
    weights: NDArray[np.str_]  # (N,)
    perturbations: NDArray[np.str_]  # (N,)
    units: NDArray[np.str_]  # (N,)
    severities: NDArray[np.float64]  # (N,)
    heads: NDArray[np.int64]  # (N,), position in HEADS
    subjects: NDArray[np.str_]  # (N,)
    samples: NDArray[np.int64]  # (N,)
    correct: NDArray[np.int64]  # (N,), of the samples


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `fercore evaluate` wrote."""

    description: RunDescription
    predictions: Predictions
    splits: Mapping[int, Split]  # by experiment
    curves: Curves | None
    timings: Timings | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder, read; it holds an evaluation, a stress test, or both."""

    path: Path
    evaluation: Evaluation | None
    stress: Stress | None
