"""One pipeline in the training loop: its faces, its optimizer and its best weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fercore.networks.paper import Absent, verdict_probabilities
from fercore.training.augmentation import drawn_absence, filled
from fercore.training.config import channels_last, computing_in, learning_rate, training_device
from fercore.training.features import compute_features
from fercore.training.losses import (
    balancing_weights,
    join,
    leading,
    summed_loss,
    summed_verdict_loss,
)
from fercore.training.scoring import fit_temperatures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.networks.paper import Logits, Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.config import TrainingConfig
    from fercore.training.faces import LabelledFaces
    from fercore.training.selection import Figures


class _Labels:
    """What is known of faces, on the device."""

    def __init__(self, faces: LabelledFaces, device: torch.device) -> None:
        self.labels = torch.from_numpy(faces.labels).to(device)  # (N,)
        self.targets = torch.from_numpy(faces.targets).to(device)  # (N, 7)
        self.lacks_depth = torch.from_numpy(faces.lacks_depth).to(device)  # (N,) bool
        self.slight = torch.from_numpy(faces.slight).to(device)  # (N,) bool


class PipelineLearner:
    """A `Learner` of one network; its features are kept in a folder.

    Raises:
        FercoreError: the features cannot be written.
    """

    networks = 1

    def __init__(
        self,
        network: Pipeline,
        parameters: Preprocessing,
        config: TrainingConfig,
        folder: Path,
        trained_on: LabelledFaces,
        validated_on: LabelledFaces,
    ) -> None:
        self.device = training_device()
        self._network, self._config = network, config
        self._known = _Labels(trained_on, self.device)
        self._validation_known = _Labels(validated_on, self.device)
        weights = balancing_weights(trained_on.labels) if config.balanced else None
        self._class_weights = None if weights is None else weights.to(self.device)
        network.to(self.device)
        network.to(memory_format=torch.channels_last)
        self._copies = [
            compute_features(network, trained_on, parameters, folder / name, config.finetune, seed)
            for name, seed in _copies(config)
        ]
        self._validation = (
            compute_features(
                network, validated_on, parameters, folder / "validation", config.finetune
            )
            if len(validated_on)
            else None
        )
        self._frozen = network.frozen_modules(config.finetune)
        for module in self._frozen.values():
            module.requires_grad_(False)
        trained = [p for p in network.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam(trained, lr=config.learning_rate, fused=True)
        self._best: dict[str, torch.Tensor] = {}
        self._epoch = 0
        self._order = np.arange(len(trained_on))

    @property
    def steps(self) -> int:
        """Of an epoch: a last short batch is left out, for batch normalisation needs many."""
        return max(len(self._order) // self._config.batch_size, 1)

    def begin(self, epoch: int) -> None:
        """Draw the epoch's order and set its learning rate."""
        self._network.train()
        for module in self._frozen.values():
            module.eval()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._config, epoch)
        self._epoch = epoch
        rng = np.random.default_rng((self._config.seed, epoch))
        self._order = rng.permutation(len(self._order))

    def step(self, step: int) -> torch.Tensor:
        """Learn from a batch of the faces, or of the epoch's augmented copy of them."""
        start = step * self._config.batch_size
        rng = np.random.default_rng((self._config.seed, self._epoch, start))
        rows = self._order[start : start + self._config.batch_size]
        frozen, depth = self._copies[self._epoch % len(self._copies)].batch(rows, self.device)
        lacks_depth = self._known.lacks_depth[rows]
        absent = drawn_absence(lacks_depth, self._config.modality_dropout, rng)
        frozen, depth = channels_last(frozen), channels_last(filled(depth, lacks_depth))
        with computing_in(self._config.precision, self.device):
            logits = self._network.trained(frozen, depth, self._config.finetune, absent)
        loss = self._loss(logits, self._known.labels[rows], self._known.targets[rows], lacks_depth)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimizer.step()
        return loss.detach().double()[None]

    def validate(self) -> list[Figures]:
        """Return the loss summed over the heads, and the accuracy of the leading one.

        Without validation faces both are NaN.
        """
        if self._validation is None:
            return [{"summed_validation_loss": float("nan"), "validation_accuracy": float("nan")}]
        logits, known = self._validation_logits(), self._validation_known
        loss = self._loss(logits, known.labels, known.targets, known.lacks_depth)
        right = verdict_probabilities(leading(logits)).argmax(1) == known.labels
        accuracy = float(right.float().mean())
        return [{"summed_validation_loss": float(loss), "validation_accuracy": accuracy}]

    def keep(self, better: Sequence[bool]) -> None:
        """Remember the present weights."""
        if better[0]:
            self._best = self._weights()

    def best_network(self) -> Pipeline:
        """Return the network with the weights that were kept."""
        self._network.load_state_dict(self._best, strict=False)
        return self._network

    def fit_temperatures(self) -> dict[str, float]:
        """Return the temperatures that the present network's heads need; none without faces."""
        if self._validation is None:
            return {}
        known = self._validation_known
        return fit_temperatures(
            self._validation_logits(), known.targets, known.lacks_depth, known.slight
        )

    def state(self) -> dict[str, Any]:
        """Return present and best weights, and the optimizer's state."""
        optimizer = self._optimizer.state_dict()
        return {"network": self._weights(), "best": self._best, "optimizer": optimizer}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._network.load_state_dict(state["network"], strict=False)
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]

    def _loss(
        self,
        logits: Logits,
        labels: torch.Tensor,
        targets: torch.Tensor,
        lacks_depth: torch.Tensor,
    ) -> torch.Tensor:
        if self._config.calm:
            return summed_verdict_loss(logits, targets, lacks_depth, self._class_weights)
        return summed_loss(logits, labels, lacks_depth, self._class_weights)

    def _validation_logits(self) -> Logits:
        assert self._validation is not None
        self._network.eval()
        parts, count = [], len(self._validation_known.labels)
        with torch.inference_mode():
            for rows in np.array_split(np.arange(count), max(count // 64, 1)):
                inputs = self._validation.batch(rows, self.device)
                lacks_depth = self._validation_known.lacks_depth[rows]
                absent = Absent(torch.zeros_like(lacks_depth), lacks_depth)
                parts.append(self._network.trained(*inputs, self._config.finetune, absent))
        return join(parts)

    def _weights(self) -> dict[str, torch.Tensor]:
        return {
            name: value.clone()
            for name, value in self._network.state_dict().items()
            if not name.startswith(tuple(self._frozen))
        }


def _copies(config: TrainingConfig) -> list[tuple[str, tuple[int, int] | None]]:
    """Name the copies of the faces that an epoch may see, and the seeds of their changes."""
    if not config.copies:
        return [("faces", None)]
    return [(f"copy{copy}", (config.seed, copy)) for copy in range(config.copies)]
