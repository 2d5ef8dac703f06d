"""What a network starts from before it is trained.

New layers are drawn (He initialisation), the backbone is read. A fusion's branches
may start from pipelines trained before: the paper fuses "the separately learned high
level representations" and then learns jointly (section 4.3.3).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from fercore.errors import CheckpointError
from fercore.networks.backbone_weights import apply_start, read_start
from fercore.networks.checkpoints import ModelCard, load_checkpoint
from fercore.networks.huynh import HUYNH, build_network
from fercore.networks.paper import (
    DepthPipeline,
    DepthPretrainedPipeline,
    FusionPipeline,
    RGBBranch,
    RGBPipeline,
    build,
)

if TYPE_CHECKING:
    from torch import nn

    from fercore.networks.paper import Pipeline
    from fercore.training.config import TrainingConfig


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
    network = build(config.pipeline, weights.variant)
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
