"""Train a whole backbone on FER2013; resumable after any interruption.

What is kept is a moving average of the weights. The epoch is chosen by `HIGHEST_MERIT` on a
tenth of the training split; test faces never enter here.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fercore.training.backbones.learner import BackboneLearner, BackboneSettings, require_sensible
from fercore.training.backbones.network import LabelledBackbone
from fercore.training.loop import STATE_FILE, LoopPlan, claim_folder, train_to_the_end
from fercore.training.objectives import HIGHEST_MERIT, TRAIN_LOSS

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.networks.backbones import BackboneStart
    from fercore.training.backbones.faces import BackboneFaces
    from fercore.training.objectives import EpochRule


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
