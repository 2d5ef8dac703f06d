"""A backbone in the training loop: settings, optimizer, moving average, and its whole training.

AdamW with warm-up and cosine decay over the planned steps. Faces are varied by what follows
from the seed, the epoch and the step.

What is kept is a moving average of the weights. The epoch is chosen by `HIGHEST_MERIT` on a
tenth of the training split; test faces never enter here.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.optim import swa_utils

from fercore.errors import FercoreError
from fercore.training.backbones.faces import varied
from fercore.training.backbones.network import LabelledBackbone, parameter_groups
from fercore.training.backbones.scoring import figures, logits_of, placed
from fercore.training.config import FLOAT32, channels_last, computing_in, training_device
from fercore.training.loop import STATE_FILE, LoopPlan, claim_folder, train_to_the_end
from fercore.training.losses import verdict_losses
from fercore.training.selection import HIGHEST_MERIT, TRAIN_LOSS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.networks.backbones import BackboneStart
    from fercore.training.backbones.faces import BackboneFaces
    from fercore.training.selection import EpochRule, Figures

AVERAGED_SHARE = 0.25
"""Share of all steps over which the weights that are kept are averaged, exponentially."""


@dataclass(frozen=True, slots=True)
class BackboneSettings:
    """How to train; all of it is ours, the paper takes its backbones ready-made."""

    backbone: str  # "resnet50" or "vgg19"
    precision: str = FLOAT32  # one of `config.PRECISIONS`
    size: int = 64  # pixels, side of the input
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 0.001  # its peak, of layers that start random
    pretrained_rate: float = 0.3  # share of it for layers that start pretrained
    warm_up: float = 0.1  # share of all steps
    weight_decay: float = 0.05
    seed: int = 0


def require_sensible(settings: BackboneSettings) -> None:
    """Check the settings' ranges.

    Raises:
        FercoreError: one makes no sense.
    """
    for name, least in (("epochs", 1), ("size", 32), ("batch_size", 2), ("seed", 0)):
        if getattr(settings, name) < least:
            raise FercoreError(f"{name} is {getattr(settings, name)}; give at least {least}.")
    if not 0 < settings.learning_rate < math.inf:
        raise FercoreError(f"learning_rate is {settings.learning_rate}; it must be positive.")


def rate(done: float, warm_up: float) -> float:
    """Return the learning rate's share of its peak after a share `done` of all steps."""
    if done < warm_up:
        return done / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (done - warm_up) / (1 - warm_up))


class BackboneLearner:
    """A `Learner` of one backbone; what is validated and kept is the average of its weights."""

    networks = 1

    def __init__(
        self,
        network: LabelledBackbone,
        start: BackboneStart,
        faces: BackboneFaces,
        settings: BackboneSettings,
    ) -> None:
        self._settings = settings
        self.device = training_device()
        self._network = placed(network)
        self._images = torch.from_numpy(faces.training.images).to(self.device)
        self._targets = torch.from_numpy(faces.training.targets()).to(self.device)
        self._weights = torch.from_numpy(faces.expression_weights()).to(self.device)
        self._validation = faces.validation
        # A last short batch is left out: batch normalisation needs many samples.
        self.steps = max(len(faces.training) // settings.batch_size, 1)
        groups = parameter_groups(network, start, settings.pretrained_rate, settings.weight_decay)
        self._optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
        averaged_steps = AVERAGED_SHARE * settings.epochs * self.steps
        averaging: Any = swa_utils.get_ema_multi_avg_fn
        average = averaging(1 - 1 / max(averaged_steps, 1))
        self._average = swa_utils.AveragedModel(
            self._network, multi_avg_fn=average, use_buffers=True
        )
        self._best: dict[str, torch.Tensor] = {}
        self._epoch = 0
        self._order: NDArray[np.int64] = np.arange(len(faces.training))

    def begin(self, epoch: int) -> None:
        """Draw the epoch's order."""
        self._epoch = epoch
        rng = np.random.default_rng((self._settings.seed, epoch))
        self._order = rng.permutation(len(self._targets))
        self._network.train()

    def step(self, step: int) -> torch.Tensor:
        """Learn from a batch of varied faces, and average the weights."""
        settings = self._settings
        begin = step * settings.batch_size
        rows = torch.from_numpy(self._order[begin : begin + settings.batch_size]).to(self.device)
        rng = np.random.default_rng((settings.seed, self._epoch, step + 1))
        done = (self._epoch * self.steps + step + 0.5) / (settings.epochs * self.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * group["share"] * rate(done, settings.warm_up)
        rgb = varied(self._images[rows], settings.size, rng)
        with computing_in(settings.precision, self.device):
            logits = self._network(channels_last(rgb))
        loss = verdict_losses(logits.float(), self._targets[rows], self._weights).mean()
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._optimizer.step()
        self._average.update_parameters(self._network)
        return loss.detach().double()[None]

    def validate(self) -> list[Figures]:
        """Return loss, accuracies, recall and merit of the averaged weights."""
        settings = self._settings
        logits = logits_of(self._averaged(), self._validation, settings.size, settings.precision)
        scored = figures(logits, self._validation.agreed_labels())
        targets = torch.from_numpy(self._validation.targets())
        loss = float(verdict_losses(torch.from_numpy(logits), targets).mean())
        return [
            {
                "validation_loss": round(loss, 4),
                "validation_accuracy": scored.accuracy,
                "validation_six_accuracy": scored.six_accuracy,
                "validation_six_mean_recall": scored.six_mean_recall,
                "validation_calm_auc": scored.calm_auc,
                "validation_merit": (scored.accuracy + scored.six_mean_recall) / 2,
            }
        ]

    def keep(self, better: Sequence[bool]) -> None:
        """Remember the averaged weights."""
        if better[0]:
            weights = self._averaged().state_dict()
            self._best = {name: value.clone() for name, value in weights.items()}

    def best_network(self) -> LabelledBackbone:
        """Return the network with the weights that were kept."""
        self._network.load_state_dict(self._best)
        return self._network

    def state(self) -> dict[str, Any]:
        """Return present, averaged and best weights, and the optimizer's state."""
        return {
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "best": self._best,
            "optimizer": self._optimizer.state_dict(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]

    def _averaged(self) -> LabelledBackbone:
        return cast("LabelledBackbone", self._average.module)


@dataclass(frozen=True, slots=True)
class BackboneResult:
    """The network of the chosen epoch, and how it came about."""

    network: LabelledBackbone
    rule: EpochRule  # that chose the epoch
    best_epoch: int  # from 1
    history: tuple[dict[str, float], ...]  # every epoch's figures
    seconds: float  # of training, validation included


def train_backbone(
    faces: BackboneFaces, start: BackboneStart, settings: BackboneSettings, folder: Path
) -> BackboneResult:
    """Train on `faces`, keeping the running state in `folder`.

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
    learner = BackboneLearner(network, start, faces, settings)
    plan = LoopPlan(settings.epochs, HIGHEST_MERIT, folder / STATE_FILE)
    progress = train_to_the_end(learner, plan)
    (curve,), (best_epoch,) = progress.curves, progress.best_epochs
    history = tuple({**figures, TRAIN_LOSS: round(figures[TRAIN_LOSS], 4)} for figures in curve)
    trained = learner.best_network().cpu().eval()
    return BackboneResult(trained, plan.rule, best_epoch, history, progress.seconds)


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
