"""Train a whole backbone on FER2013; resumable after any interruption.

AdamW with warm-up and cosine decay over the planned epochs; what is kept is a moving average
of the weights. The epoch is chosen by `SELECTION` on a tenth of the training split; test
faces never enter here. Every draw follows from the seed, the epoch and the step, so that a
run that goes on needs no generator's state.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.optim import swa_utils
from tqdm import tqdm

from fercore.errors import FercoreError
from fercore.training.backbones.augmentation import varied
from fercore.training.backbones.inference import logits_of, placed
from fercore.training.backbones.network import LabelledBackbone, parameter_groups
from fercore.training.backbones.scoring import figures
from fercore.training.backbones.settings import (
    BackboneSettings,
    BackboneState,
    rate,
    require_sensible,
)
from fercore.training.folder import claim_folder, load_state, save_state
from fercore.training.losses import verdict_losses
from fercore.training.precision import channels_last, computing_in, training_device

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Never

    from fercore.networks.backbone_weights import BackboneStart
    from fercore.training.backbones.faces import BackboneFaces

SELECTION = (
    "highest mean of the accuracy of seven and the mean recall of six on the validation faces, "
    "of equals the earliest epoch"
)
AVERAGED_SHARE = 0.25
"""Share of all steps over which the weights that are kept are averaged, exponentially."""
SAVE_EVERY_S = 120.0
"""A killed run loses no more than this; time alone decides when to save, not what comes out."""


def train_backbone(
    faces: BackboneFaces, start: BackboneStart, settings: BackboneSettings, folder: Path
) -> tuple[LabelledBackbone, BackboneState]:
    """Train on `faces`, keeping the running state in `folder`; return the best epoch's network.

    Called again with the same arguments after an interruption, it goes on from the last
    saved step and ends with the same network (on a GPU up to its rounding).

    Raises:
        FercoreError: the settings make no sense, the folder holds another run, the disk
            is full, or training diverged.
    """
    require_sensible(settings)
    claim_folder(folder, _identity(faces, start, settings))
    torch.manual_seed(settings.seed)
    network = LabelledBackbone(settings.backbone, start)
    run = _Run(network, start, faces, settings, folder / "state.pt")
    state = run.to_the_end()
    network.load_state_dict(state.best_network)
    return network.cpu().eval(), state


class _Run:
    """One training run: its faces, its optimizer and its state on disk."""

    def __init__(
        self,
        network: LabelledBackbone,
        start: BackboneStart,
        faces: BackboneFaces,
        settings: BackboneSettings,
        path: Path,
    ) -> None:
        self._settings = settings
        self._path = path
        self._device = training_device()
        self._network = placed(network)
        self._images = torch.from_numpy(faces.training.images).to(self._device)
        self._targets = torch.from_numpy(faces.training.targets()).to(self._device)
        self._weights = torch.from_numpy(faces.expression_weights()).to(self._device)
        self._validation = faces.validation
        # A last short batch is left out: batch normalisation needs many samples.
        self._steps = max(len(faces.training) // settings.batch_size, 1)
        groups = parameter_groups(network, start, settings.pretrained_rate, settings.weight_decay)
        self._optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
        averaged_steps = AVERAGED_SHARE * settings.epochs * self._steps
        averaging: Any = swa_utils.get_ema_multi_avg_fn
        average = averaging(1 - 1 / max(averaged_steps, 1))
        self._average = swa_utils.AveragedModel(
            self._network, multi_avg_fn=average, use_buffers=True
        )
        self._state = BackboneState()

    def to_the_end(self) -> BackboneState:
        """Train until the epochs run out."""
        self._resume()
        state, total = self._state, self._settings.epochs * self._steps
        done = state.epoch * self._steps + state.step
        with tqdm(total=total, initial=done, desc="training", unit="step", disable=None) as bar:
            while state.epoch < self._settings.epochs:
                self._learn(bar)
                self._finish_epoch()
                self._save()
        return state

    def _learn(self, bar: tqdm[Never]) -> None:
        """Train for the rest of the current epoch, saving now and then."""
        state, seed = self._state, (self._settings.seed, self._state.epoch)
        order = np.random.default_rng(seed).permutation(len(self._targets))
        self._network.train()
        saved_s = time.monotonic()
        while state.step < self._steps:
            began_s = time.monotonic()
            begin = state.step * self._settings.batch_size
            rows = torch.from_numpy(order[begin : begin + self._settings.batch_size])
            state.loss_sum += self._step(rows.to(self._device))
            state.step += 1
            state.seconds += time.monotonic() - began_s
            bar.set_postfix(self._progress(), refresh=False)
            bar.update()
            if time.monotonic() - saved_s > SAVE_EVERY_S:
                self._save()
                saved_s = time.monotonic()

    def _step(self, rows: torch.Tensor) -> float:
        state, settings = self._state, self._settings
        rng = np.random.default_rng((settings.seed, state.epoch, state.step + 1))
        done = (state.epoch * self._steps + state.step + 0.5) / (settings.epochs * self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * group["share"] * rate(done, settings.warm_up)
        rgb = varied(self._images[rows], settings.size, rng)
        with computing_in(settings.precision, self._device):
            logits = self._network(channels_last(rgb))
        loss = verdict_losses(logits.float(), self._targets[rows], self._weights).mean()
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimizer.step()
        self._average.update_parameters(self._network)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FercoreError(
                f"training diverged in epoch {state.epoch + 1}; remove {self._path.parent} and "
                "train with a lower --learning-rate."
            )
        return value

    def _finish_epoch(self) -> None:
        state, settings = self._state, self._settings
        network = cast("LabelledBackbone", self._average.module)
        logits = logits_of(network, self._validation, settings.size, settings.precision)
        scored = figures(logits, self._validation.agreed_labels())
        targets = torch.from_numpy(self._validation.targets())
        loss = float(verdict_losses(torch.from_numpy(logits), targets).mean())
        merit = (scored.accuracy + scored.six_mean_recall) / 2
        state.epoch += 1
        record = {
            "epoch": state.epoch,
            "train_loss": round(state.loss_sum / self._steps, 4),
            "validation_loss": round(loss, 4),
            "validation_accuracy": scored.accuracy,
            "validation_six_accuracy": scored.six_accuracy,
            "validation_six_mean_recall": scored.six_mean_recall,
            "validation_calm_auc": scored.calm_auc,
        }
        state.history.append(record)
        state.step, state.loss_sum = 0, 0.0
        if merit > state.best_merit:
            state.best_epoch, state.best_merit = state.epoch, merit
            state.best_network = _copied(network)
        tqdm.write(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in record.items()))

    def _progress(self) -> dict[str, str]:
        state = self._state
        best = "none" if state.best_epoch == 0 else f"{state.best_merit:.1%}"
        return {
            "epoch": f"{state.epoch + 1}/{self._settings.epochs}",
            "loss": f"{state.loss_sum / state.step:.3f}",
            "best of validation": best,
        }

    def _save(self) -> None:
        self._state.network = self._network.state_dict()
        self._state.average = self._average.state_dict()
        self._state.optimizer = self._optimizer.state_dict()
        save_state(self._path, {name: getattr(self._state, name) for name in _FIELDS})

    def _resume(self) -> None:
        saved = load_state(self._path, self._device)
        if saved is not None:
            self._state = BackboneState(**saved)
            self._network.load_state_dict(self._state.network)
            self._average.load_state_dict(self._state.average)
            self._optimizer.load_state_dict(self._state.optimizer)


_FIELDS = tuple(BackboneState.__slots__)


def _copied(network: LabelledBackbone) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def _identity(
    faces: BackboneFaces, start: BackboneStart, settings: BackboneSettings
) -> dict[str, Any]:
    weights = (value.float().numpy() for _, value in sorted(start.state.items()))
    pictures = [faces.training, faces.validation]
    arrays = [array for part in pictures for array in (part.images, part.targets())]
    return {
        **asdict(settings),
        "variant": start.variant,
        "starting weights": _digest(weights),
        "faces": _digest(arrays),
    }


def _digest(arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
