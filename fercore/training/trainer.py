"""Train one pipeline on labelled faces; resumable after any interruption.

What of the backbone is not fine-tuned stays as it starts (see `features`); the rest is
trained with Adam (paper, section 5.1). The epoch is chosen by the loss on validation
subjects, who are taken from the training data: test data never enter here.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from fercore.errors import FercoreError
from fercore.networks.paper import Absent, verdict_probabilities
from fercore.training.calibration import fit_temperatures, work_in
from fercore.training.config import COSINE, TrainingConfig
from fercore.training.features import FrozenFeatures, compute_features
from fercore.training.folder import claim_folder, digest, load_state, save_state
from fercore.training.losses import (
    balancing_weights,
    join,
    leading,
    summed_loss,
    summed_verdict_loss,
)
from fercore.training.missing import drawn_absence, filled
from fercore.training.precision import channels_last, computing_in, training_device
from fercore.training.start import started

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

    from fercore.networks.paper import Logits, Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces


FREE_TO_CHANGE = ("epochs", "patience", "backbone_source", "branches")
"""Settings that may differ when a run goes on."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The network at its lowest validation loss, calibrated on the validation subjects."""

    network: Pipeline
    variant: str
    backbone_start: str
    best_epoch: int  # from 1
    validation_loss: float
    validation_subjects: tuple[str, ...]
    temperatures: dict[str, float]  # of each head, worked into the network


@dataclass(slots=True)
class _State:
    """What an interrupted run needs to go on."""

    epoch: int  # finished epochs
    best_epoch: int
    best_loss: float
    network: dict[str, torch.Tensor]
    best_network: dict[str, torch.Tensor]
    optimizer: dict[str, Any]


def train(
    faces: LabelledFaces, parameters: Preprocessing, config: TrainingConfig, folder: Path
) -> TrainingResult:
    """Train on `faces`, keeping features and the running state in `folder`.

    Called again with the same arguments after an interruption, it goes on from
    the last finished epoch (or augmented copy) and ends with the same network.

    Raises:
        FercoreError: nobody chooses the epoch, the folder holds another run, or training
            diverged.
        CheckpointError: the backbone's start cannot be had.
    """
    if not config.validation_subjects:
        raise FercoreError(
            "validation_subjects is 0, but a checkpoint is calibrated on some; set at least 1."
        )
    torch.manual_seed(config.seed)
    network, start = started(config)
    claim_folder(folder, _identity(config, network, faces, parameters))
    trained_on, validated_on = faces.hold_out(config.validation_subjects, config.seed)
    run = _Run(network, parameters, config, folder, trained_on, validated_on)
    state = run.to_the_end()
    if not state.best_epoch:
        raise FercoreError("training diverged: no epoch had a finite loss; lower --learning-rate.")
    network.load_state_dict(state.best_network, strict=False)
    temperatures = run.fit_temperatures()
    work_in(network, temperatures)
    return TrainingResult(
        network.cpu().eval(),
        start.variant,
        start.description,
        state.best_epoch,
        state.best_loss,
        validated_on.subject_names,
        temperatures,
    )


class _Run:
    """One training run: its data, its optimizer and its state on disk."""

    def __init__(
        self,
        network: Pipeline,
        parameters: Preprocessing,
        config: TrainingConfig,
        folder: Path,
        trained_on: LabelledFaces,
        validated_on: LabelledFaces,
    ) -> None:
        self._network = network
        self._config = config
        self._path = folder / "state.pt"
        self._device = training_device()
        self._labels = torch.from_numpy(trained_on.labels).to(self._device)
        self._targets = torch.from_numpy(trained_on.targets).to(self._device)
        self._lacks_depth = torch.from_numpy(trained_on.lacks_depth).to(self._device)
        self._validation_labels = torch.from_numpy(validated_on.labels).to(self._device)
        self._validation_targets = torch.from_numpy(validated_on.targets).to(self._device)
        self._validation_lacks_depth = torch.from_numpy(validated_on.lacks_depth).to(self._device)
        weights = balancing_weights(trained_on.labels) if config.balanced else None
        self._class_weights = None if weights is None else weights.to(self._device)
        network.to(self._device)
        network.to(memory_format=torch.channels_last)
        self._copies = [
            compute_features(network, trained_on, parameters, folder / name, config.finetune, seed)
            for name, seed in _copies(config)
        ]
        self._validation = compute_features(
            network, validated_on, parameters, folder / "validation", config.finetune
        )
        self._frozen = network.frozen_modules(config.finetune)
        for module in self._frozen.values():
            module.requires_grad_(False)
        trained = [p for p in network.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam(trained, lr=config.learning_rate, fused=True)
        self._last = "not validated yet"  # for the progress bar

    def to_the_end(self) -> _State:
        """Train until the epochs or the patience run out."""
        state = self._resume()
        while state.epoch < self._config.epochs:
            if state.epoch - state.best_epoch >= self._config.patience:
                break
            state = self._one_epoch(state)
            save_state(self._path, {name: getattr(state, name) for name in _State.__slots__})
        return state

    def _one_epoch(self, state: _State) -> _State:
        loss = self._learn(state.epoch)
        validation_loss, accuracy = self._validate()
        weights = self._weights()
        better = validation_loss < state.best_loss
        self._last = f"last accuracy {accuracy:.1%}"
        tqdm.write(
            f"epoch {state.epoch + 1}: loss {loss:.3f}, validation loss {validation_loss:.3f}, "
            f"accuracy {accuracy:.1%}{' *' if better else ''}"
        )
        return _State(
            epoch=state.epoch + 1,
            best_epoch=state.epoch + 1 if better else state.best_epoch,
            best_loss=validation_loss if better else state.best_loss,
            network=weights,
            best_network=weights if better else state.best_network,
            optimizer=self._optimizer.state_dict(),
        )

    def _learn(self, epoch: int) -> float:
        """Go once over the faces, or an augmented copy of them; return the mean loss."""
        self._network.train()
        for module in self._frozen.values():
            module.eval()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(self._config, epoch)
        copy = self._copies[epoch % len(self._copies)]
        order = np.random.default_rng((self._config.seed, epoch)).permutation(len(self._labels))
        size = self._config.batch_size
        # Batch normalisation needs more than one sample, so a last short batch is left out.
        starts = range(0, max(len(order) - size + 1, 1), size)
        losses: list[float] = []
        title = f"epoch {epoch + 1} of at most {self._config.epochs}"
        with tqdm(starts, desc=title, leave=False, disable=None) as bar:
            for start in bar:
                rng = np.random.default_rng((self._config.seed, epoch, start))
                losses.append(self._step(copy, order[start : start + size], rng))
                bar.set_postfix_str(f"loss {np.mean(losses):.3f}, {self._last}", refresh=False)
        return float(np.mean(losses))

    def _step(self, copy: FrozenFeatures, rows: NDArray[np.int64], rng: Generator) -> float:
        frozen, depth = copy.batch(rows, self._device)
        lacks_depth = self._lacks_depth[rows]
        absent = drawn_absence(lacks_depth, self._config.modality_dropout, rng)
        frozen, depth = channels_last(frozen), channels_last(filled(depth, lacks_depth))
        with computing_in(self._config.precision, self._device):
            logits = self._network.trained(frozen, depth, self._config.finetune, absent)
        loss = self._loss(logits, self._labels[rows], self._targets[rows], lacks_depth)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimizer.step()
        return float(loss.detach())

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

    def _validate(self) -> tuple[float, float]:
        """Return mean loss and the leading head's accuracy on the validation subjects."""
        logits = self._validation_logits()
        labels, lacks_depth = self._validation_labels, self._validation_lacks_depth
        loss = float(self._loss(logits, labels, self._validation_targets, lacks_depth))
        guesses = verdict_probabilities(leading(logits)).argmax(1)
        return loss, float((guesses == labels).float().mean())

    def fit_temperatures(self) -> dict[str, float]:
        """Return the temperatures that the present network's heads need."""
        return fit_temperatures(
            self._validation_logits(), self._validation_targets, self._validation_lacks_depth
        )

    def _validation_logits(self) -> Logits:
        self._network.eval()
        parts, count = [], len(self._validation_labels)
        with torch.inference_mode():
            for rows in np.array_split(np.arange(count), max(count // 64, 1)):
                inputs = self._validation.batch(rows, self._device)
                lacks_depth = self._validation_lacks_depth[rows]
                absent = Absent(torch.zeros_like(lacks_depth), lacks_depth)
                parts.append(self._network.trained(*inputs, self._config.finetune, absent))
        return join(parts)

    def _weights(self) -> dict[str, torch.Tensor]:
        return {
            name: value.clone()
            for name, value in self._network.state_dict().items()
            if not name.startswith(tuple(self._frozen))
        }

    def _resume(self) -> _State:
        saved = load_state(self._path, self._device)
        if saved is None:
            return _State(0, 0, float("inf"), {}, {}, {})
        state = _State(**saved)
        self._network.load_state_dict(state.network, strict=False)
        self._optimizer.load_state_dict(state.optimizer)
        return state


def learning_rate(config: TrainingConfig, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 0."""
    if config.schedule == COSINE:
        return config.learning_rate * (1 + math.cos(math.pi * epoch / config.epochs)) / 2
    return config.learning_rate


def _identity(
    config: TrainingConfig, network: Pipeline, faces: LabelledFaces, parameters: Preprocessing
) -> dict[str, Any]:
    """Return what tells runs apart; what they start from is compared by its tensors."""
    settings = {k: v for k, v in asdict(config).items() if k not in FREE_TO_CHANGE}
    if config.schedule == COSINE:
        settings["epochs"] = config.epochs  # the learning rate of every epoch depends on them
    weights = (tensor.numpy().tobytes() for tensor in network.state_dict().values())
    return {
        **settings,
        "preprocessing": asdict(parameters),
        "starting weights": digest(*weights),
        "faces": digest(
            *(part.tobytes() for part in (faces.rgb, faces.depth_m, faces.labels, faces.targets))
        ),
    }


def _copies(config: TrainingConfig) -> list[tuple[str, tuple[int, int] | None]]:
    """Name the copies of the faces that an epoch may see, and the seeds of their changes."""
    if not config.copies:
        return [("faces", None)]
    return [(f"copy{copy}", (config.seed, copy)) for copy in range(config.copies)]
