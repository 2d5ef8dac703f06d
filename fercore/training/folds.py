"""Train one pipeline on several folds, all at once where a machine gains by it.

The epoch is chosen by the lowest loss of the pipeline's own head on validation subjects, who
belong to the fold's training subjects, or is the last one: test data never choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.training.loop import LoopPlan, train_to_the_end
from fercore.training.selection import lowest_own_loss
from fercore.training.stacked import StackedFolds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fercore.networks.paper import Pipeline
    from fercore.structures import FloatArray
    from fercore.training.config import TrainingConfig
    from fercore.training.features import FrozenFeatures
    from fercore.training.selection import Figures
    from fercore.training.stacked import FoldTask


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of a learning curve."""

    train_loss: float  # of the head that the pipeline is named for, like all figures here
    validation_loss: float  # NaN without validation subjects
    validation_accuracy: float  # 0..1, NaN without validation subjects


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What came of one fold."""

    experiment: int
    probabilities: FloatArray  # (tests, 6) at the best epoch, of the pipeline's own head
    curve: tuple[Epoch, ...]
    best_epoch: int  # from 1


@dataclass(frozen=True, slots=True)
class TrainedFolds:
    """What came of folds that trained together."""

    folds: tuple[FoldResult, ...]
    seconds: float  # of training, earlier interrupted calls included


def train_folds(
    network: Pipeline,
    features: FrozenFeatures,
    labels: NDArray[np.int64],
    tasks: Sequence[FoldTask],
    config: TrainingConfig,
    path: Path | None = None,
) -> TrainedFolds:
    """Train `tasks` together on the device of `network`, whose frozen half is not needed.

    `features` and `labels` (N,) are those of all faces that the tasks' rows point to. The
    running state is kept at `path`, from which a later call with the same arguments goes on;
    every two minutes alone, for an epoch of a fold is short and its weights are many.

    Raises:
        FercoreError: training diverged, or a fold is too small for a batch.
    """
    if min(task.faces_an_epoch for task in tasks) < config.batch_size:
        raise FercoreError(
            f"a fold has fewer training faces than one batch of {config.batch_size}; prepare "
            "more subjects or set a smaller batch_size."
        )
    learner = StackedFolds(network, features, labels, tasks, config)
    plan = LoopPlan(config.epochs, lowest_own_loss(config), path, save_epochs=False, show=False)
    progress = train_to_the_end(learner, plan)
    results = zip(
        tasks, learner.probabilities(), progress.curves, progress.best_epochs, strict=True
    )
    return TrainedFolds(
        tuple(
            FoldResult(task.experiment, probabilities, tuple(map(_epoch, curve)), best)
            for task, probabilities, curve, best in results
        ),
        progress.seconds,
    )


def _epoch(figures: Figures) -> Epoch:
    return Epoch(**{name: figures[name] for name in Epoch.__slots__})
