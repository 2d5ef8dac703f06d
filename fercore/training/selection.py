"""Which epoch of a training is kept: rules with names, which results record.

Test data can choose nothing here: a rule sees an epoch's figures on training and validation
faces alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.training.config import TrainingConfig

    Figures = dict[str, float]
    Curve = Sequence[Figures]

EPOCH, TRAIN_LOSS = "epoch", "train_loss"
"""Figures that every epoch has: its number from 1, and the mean loss over its steps."""

LOWEST, HIGHEST = DIRECTIONS = ("lowest", "highest")


@dataclass(frozen=True, slots=True)
class EpochRule:
    """Chooses an epoch while the curve grows; of equals the earliest is kept."""

    name: str  # a few words for records
    sentence: str  # how the epoch is chosen, for cards and captions
    figure: str  # of an epoch, which is compared
    direction: str  # one of DIRECTIONS
    patience: int | None = None  # epochs that wait for a better one; None: all planned are trained

    def improves(self, curve: Curve, best: int) -> bool:
        """Whether the last epoch of `curve` replaces the best so far (from 1; 0: none yet)."""
        value = curve[-1][self.figure]
        if not (math.isfinite(value) and math.isfinite(curve[-1][TRAIN_LOSS])):
            return False
        earlier = curve[best - 1][self.figure] if best else None
        return earlier is None or (value < earlier if self.direction == LOWEST else value > earlier)

    def is_over(self, curve: Curve, best: int) -> bool:
        """Whether no later epoch is waited for."""
        return self.patience is not None and len(curve) - best >= self.patience

    def survives_divergence(self, best: int) -> bool:
        """Whether a training that diverged has a result: a rule that waits for none has.

        Where all epochs are planned, an earlier one is not what was asked for.
        """
        return self.patience is not None and best > 0


LAST_EPOCH = EpochRule(
    "last epoch",
    "the last of a number of epochs fixed beforehand: nobody is held out to choose one",
    EPOCH,
    HIGHEST,
)

HIGHEST_MERIT = EpochRule(
    "highest validation merit",
    "highest mean of the accuracy of seven and the mean recall of six on the validation faces, "
    "of equals the earliest epoch",
    "validation_merit",
    HIGHEST,
)
"""Of a backbone: it is to know calm and to tell rare expressions."""


def lowest_own_loss(config: TrainingConfig) -> EpochRule:
    """Return the rule of an evaluation, whose pipelines are compared by their own heads."""
    if not config.validation_subjects:
        return LAST_EPOCH
    return EpochRule(
        "lowest validation loss of its own head",
        "lowest cross-entropy of the head that the pipeline is named for, on validation subjects",
        "validation_loss",
        LOWEST,
        config.patience,
    )


def lowest_summed_loss(config: TrainingConfig) -> EpochRule:
    """Return the rule of a checkpoint, all heads of which are shown."""
    if not config.validation_subjects:
        return LAST_EPOCH
    return EpochRule(
        "lowest validation loss of all heads",
        "lowest loss on validation subjects, summed over all heads",
        "summed_validation_loss",
        LOWEST,
        config.patience,
    )
