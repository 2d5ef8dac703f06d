"""Train one pipeline on labelled faces, from what it starts from; resumable after interruptions.

New layers are drawn (He initialisation), the backbone is read. A fusion's branches
may start from pipelines trained before: the paper fuses "the separately learned high
level representations" and then learns jointly (section 4.3.3).

What of the backbone is not fine-tuned stays as it starts (see `features`); the rest is
trained with Adam (paper, section 5.1). The epoch is chosen on validation subjects, who are
taken from the training data, or is the last one: test data never enter here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from fercore.errors import CheckpointError
from fercore.networks.backbones import apply_start, read_start
from fercore.networks.checkpoints import ModelCard, load_checkpoint
from fercore.networks.huynh import HUYNH, build_network
from fercore.networks.paper import (
    DepthPipeline,
    DepthPretrainedPipeline,
    FusionPipeline,
    RGBBranch,
    RGBPipeline,
)
from fercore.training.config import COSINE, TrainingConfig
from fercore.training.learner import PipelineLearner
from fercore.training.loop import STATE_FILE, LoopPlan, claim_folder, digest, train_to_the_end
from fercore.training.scoring import work_in
from fercore.training.selection import lowest_summed_loss

if TYPE_CHECKING:
    from torch import nn

    from fercore.networks.paper import Pipeline
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.faces import LabelledFaces
    from fercore.training.selection import EpochRule

FREE_TO_CHANGE = ("epochs", "patience", "backbone_source", "branches")
"""Settings that may differ when a run goes on."""


class Start(NamedTuple):
    """A network's start, as the model card tells it."""

    variant: str  # see `fercore.networks.backbones.VARIANTS`
    description: str  # of the backbone's weights


def started(config: TrainingConfig) -> tuple[Pipeline, Start]:
    """Return the network to train, and what it starts from.

    Raises:
        CheckpointError: a file is missing, damaged or does not fit the pipeline.
    """
    sources = [load_checkpoint(Path(path)) for path in config.branches]
    start = _backbone_of(sources)
    if start is None and config.pipeline not in ("depth", HUYNH):
        network, start = _from_backbone(config)
    else:
        start = start or Start("v1.5", "none")
        network = build_network(config.pipeline, start.variant)
    if config.calm:
        network.teach_calm()
    for source, card in sources:
        _take_over(network, source, card)
    return network, start


def _from_backbone(config: TrainingConfig) -> tuple[Pipeline, Start]:
    weights = read_start(config.pipeline.rsplit("-", 1)[-1], config.backbone_source)
    network = build_network(config.pipeline, weights.variant)
    assert network.backbone is not None
    # What a start lacks is drawn alike for all pipelines of a seed: they share its features.
    torch.manual_seed(config.seed)
    apply_start(network.backbone, weights)
    return network, Start(weights.variant, weights.description)


def _backbone_of(sources: list[tuple[Pipeline, ModelCard]]) -> Start | None:
    for source, card in sources:
        if "rgb" in _branches(source):
            how = "alone on colour" if isinstance(source, RGBPipeline) else f"as {card.pipeline}"
            return Start(card.variant, f"{card.backbone_start}; then trained {how}")
    return None


def _take_over(network: Pipeline, source: Pipeline, card: ModelCard) -> None:
    """Copy the branches, and their heads, that a trained network and the new one share.

    A fusion goes on from a whole fusion.
    """
    own, theirs = _branches(network), _branches(source)
    shared = [kind for kind in own if kind in theirs]
    if not shared or ("rgb" in shared and _backbone_name(own) != _backbone_name(theirs)):
        raise CheckpointError(
            f"a {card.pipeline} is no branch of this pipeline; give the depth and the rgb "
            "checkpoint of a fusion's backbone, or a fusion that has the same."
        )
    if isinstance(network, FusionPipeline) and isinstance(source, FusionPipeline):
        _copy(source, network)
        return
    for kind in shared:
        for part, trained in zip(own[kind], theirs[kind], strict=True):
            _copy(trained, part)


def _branches(network: Pipeline) -> dict[str, tuple[nn.Module, nn.Module]]:
    """Return branch and head by modality."""
    if isinstance(network, FusionPipeline):
        return {
            "rgb": (network.rgb_branch, network.rgb_classifier),
            "depth": (network.depth_branch, network.depth_classifier),
        }
    if isinstance(network, DepthPipeline):
        return {"depth": (network.branch, network.classifier)}
    if isinstance(network, RGBPipeline) and not isinstance(network, DepthPretrainedPipeline):
        return {"rgb": (network.branch, network.classifier)}
    return {}


def _backbone_name(branches: dict[str, tuple[nn.Module, nn.Module]]) -> str:
    branch, _ = branches["rgb"]
    assert isinstance(branch, RGBBranch)
    return branch.name


def _copy(source: nn.Module, target: nn.Module) -> None:
    """Copy all tensors; a head that is taught calm only now keeps its undecided layer."""
    own = {name: value for name, value in target.state_dict().items() if ".calm." in f".{name}"}
    target.load_state_dict({**own, **source.state_dict()})


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
