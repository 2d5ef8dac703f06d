"""What training minimises, and which epoch is kept: a rule with a name, which results record.

Test data can choose nothing here: a rule sees an epoch's figures on training and validation
faces alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from fercore.networks.layers import CLASSES
from fercore.networks.paper import Logits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.training.config import TrainingConfig

    Figures = dict[str, float]
    Curve = Sequence[Figures]

EPOCH, TRAIN_LOSS = "epoch", "train_loss"
"""Figures that every epoch has: its number from 1, and the mean loss over its steps."""

LOWEST, HIGHEST = DIRECTIONS = ("lowest", "highest")


def summed_verdict_loss(
    logits: Logits,
    targets: torch.Tensor,
    lacks_depth: torch.Tensor,
    class_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the sum of the heads' mean `verdict_losses`, of a network that is taught calm.

    Targets are (N, 7), class weights (6,). The depth head learns nothing from faces that lack
    depth, (N,) bool; where all do, it adds nothing.
    """
    total = targets.new_zeros(())
    for name, head in logits._asdict().items():
        if head is not None:
            losses = verdict_losses(head.float(), targets, class_weights)
            counts = (~lacks_depth if name == "depth" else torch.ones_like(lacks_depth)).float()
            total = total + (losses * counts).sum() / counts.sum().clamp(min=1)
    return total


def summed_loss(
    logits: Logits,
    labels: torch.Tensor,
    lacks_depth: torch.Tensor | None = None,
    class_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the sum of the heads' mean cross-entropies, float32.

    Labels are (N,), class weights (6,). The depth head learns nothing from faces that lack depth,
    (N,) bool; where all do, it adds nothing.
    """
    total = labels.new_zeros((), dtype=torch.float32)
    for name, head in logits._asdict().items():
        if head is None:
            continue
        counts = torch.ones_like(labels, dtype=torch.float32)
        if class_weights is not None:
            counts = class_weights[labels]
        if name == "depth" and lacks_depth is not None:
            counts = counts * ~lacks_depth
        losses = functional.cross_entropy(head.float(), labels, reduction="none")
        total = total + (losses * counts).sum() / counts.sum().clamp(min=1e-6)
    return total


def verdict_losses(
    scores: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Return each face's negative log-likelihood (N,) of a target distribution.

    Scores (N, 7) as in `fercore.networks.paper.Logits`, targets (N, 7) over six expressions and
    calm. What is said about calm learns from all faces alike; which of the six it is, from
    the expressive share of a face, counted by `weights` (6,).
    """
    log_six = functional.log_softmax(scores[:, :CLASSES], 1)
    expressive = targets[:, :CLASSES] if weights is None else targets[:, :CLASSES] * weights
    calm = functional.binary_cross_entropy_with_logits(
        scores[:, CLASSES], targets[:, CLASSES], reduction="none"
    )
    return calm - (expressive * log_six).sum(1)


def balancing_weights(labels: NDArray[np.int64]) -> torch.Tensor:
    """Return weights (6,) that let rare expressions count more, by the root of their rarity.

    The full inverse would let a few hundred faces of a rare expression drown the others.
    """
    counts = np.bincount(labels, minlength=CLASSES)[:CLASSES]
    weights = np.sqrt(counts.sum() / (CLASSES * np.maximum(counts, 1)))
    return torch.from_numpy(weights.astype(np.float32))


def leading(logits: Logits) -> torch.Tensor:
    """Return the scores (N, 6) of the head that the pipeline is named for."""
    return next(head for head in logits if head is not None)


def join(parts: list[Logits]) -> Logits:
    """Concatenate the logits of several batches."""
    columns = zip(*parts, strict=True)
    return Logits(*(None if c[0] is None else torch.cat(c) for c in columns))


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
