"""What training minimises, and how logits of many batches become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from fercore.networks.layers import CLASSES
from fercore.networks.paper import Logits

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
