"""Train one pipeline on labelled faces; resumable after any interruption.

What of the backbone is not fine-tuned stays as it starts (see `features`); the rest is
trained with Adam (paper, section 5.1). The epoch is chosen on validation subjects, who are
taken from the training data, or is the last one: test data never enter here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from fercore.training.calibration import work_in
from fercore.training.config import COSINE, TrainingConfig
from fercore.training.folder import STATE_FILE, claim_folder, digest
from fercore.training.learner import PipelineLearner
from fercore.training.loop import LoopPlan, train_to_the_end
from fercore.training.selection import lowest_summed_loss
from fercore.training.start import started

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.networks.paper import Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces
    from fercore.training.selection import EpochRule

FREE_TO_CHANGE = ("epochs", "patience", "backbone_source", "branches")
"""Settings that may differ when a run goes on."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The network at its chosen epoch, calibrated on the validation subjects."""

    network: Pipeline
    variant: str
    backbone_start: str
    rule: EpochRule  # that chose the epoch
    best_epoch: int  # from 1
    validation_loss: float  # summed over the heads; NaN without validation subjects
    validation_subjects: tuple[str, ...]
    temperatures: dict[str, float]  # of each head, worked into the network; none: not calibrated


def train(
    faces: LabelledFaces, parameters: Preprocessing, config: TrainingConfig, folder: Path
) -> TrainingResult:
    """Train on `faces`, keeping features and the running state in `folder`.

    Called again with the same arguments after an interruption, it goes on from the last
    saved step (or augmented copy) and ends with the same network. Without validation subjects
    the network of the last epoch is returned as it is, not calibrated.

    Raises:
        FercoreError: the folder holds another run, or training diverged.
        CheckpointError: the backbone's start cannot be had.
    """
    torch.manual_seed(config.seed)
    network, start = started(config)
    claim_folder(folder, _identity(config, network, faces, parameters))
    trained_on, validated_on = faces.hold_out(config.validation_subjects, config.seed)
    learner = PipelineLearner(network, parameters, config, folder, trained_on, validated_on)
    rule = lowest_summed_loss(config)
    progress = train_to_the_end(learner, LoopPlan(config.epochs, rule, folder / STATE_FILE))
    network = learner.best_network()
    temperatures = learner.fit_temperatures()
    work_in(network, temperatures)
    (curve,), (best_epoch,) = progress.curves, progress.best_epochs
    return TrainingResult(
        network.cpu().eval(),
        start.variant,
        start.description,
        rule,
        best_epoch,
        curve[best_epoch - 1]["summed_validation_loss"],
        validated_on.subject_names,
        temperatures,
    )


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
