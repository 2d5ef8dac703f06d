"""Which epoch of a training is kept: a rule with a name, which results record.

Test data can choose nothing here: a rule sees an epoch's losses on training and validation
subjects alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.training.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of a learning curve."""

    train_loss: float  # of the head that the pipeline is named for, like all figures here
    validation_loss: float  # NaN without validation subjects
    validation_accuracy: float  # 0..1, NaN without validation subjects


class EpochRule(Protocol):
    """Chooses an epoch while the curve grows."""

    @property
    def name(self) -> str:
        """A few words for records and captions."""

    def improves(self, curve: Sequence[Epoch], best: int) -> bool:
        """Whether the last epoch of `curve` replaces the best so far (from 1; 0: none yet)."""

    def is_over(self, curve: Sequence[Epoch], best: int) -> bool:
        """Whether no later epoch is waited for."""


@dataclass(frozen=True, slots=True)
class LowestValidationLoss:
    """The epoch with the lowest loss on validation subjects; `patience` epochs wait for a lower."""

    patience: int
    name: str = "lowest validation loss"

    def improves(self, curve: Sequence[Epoch], best: int) -> bool:
        """Whether the last epoch's validation loss is the lowest."""
        loss = curve[-1].validation_loss
        return math.isfinite(loss) and (not best or loss < curve[best - 1].validation_loss)

    def is_over(self, curve: Sequence[Epoch], best: int) -> bool:
        """Whether `patience` epochs brought nothing better."""
        return len(curve) - best >= self.patience


@dataclass(frozen=True, slots=True)
class LastEpoch:
    """The last of a fixed number of epochs: nobody is held out to choose one."""

    name: str = "last epoch"

    def improves(self, curve: Sequence[Epoch], best: int) -> bool:
        """Whether the last epoch is usable at all."""
        return math.isfinite(curve[-1].train_loss)

    def is_over(self, curve: Sequence[Epoch], best: int) -> bool:
        """Whether training diverged; else it goes on to its last epoch."""
        return best < len(curve)


def epoch_rule(config: TrainingConfig) -> EpochRule:
    """Return the rule that a recipe asks for: without validation subjects the last epoch."""
    return LowestValidationLoss(config.patience) if config.validation_subjects else LastEpoch()
