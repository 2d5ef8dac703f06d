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
from fercore.networks.branches import TwoBranchPipeline
from fercore.networks.checkpoints import ModelCard, load_checkpoint
from fercore.networks.pipelines import build

if TYPE_CHECKING:
    from torch import nn

    from fercore.networks.branches import Pipeline
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
    branches = [load_checkpoint(Path(path)) for path in config.branches]
    start = _backbone_of(branches)
    if start is None and config.pipeline != "depth":
        return _from_backbone(config, branches)
    start = start or Start("v1.5", "none")
    network = build(config.pipeline, start.variant)
    _copy_branches(network, branches)
    return network, start


def _from_backbone(
    config: TrainingConfig, branches: list[tuple[Pipeline, ModelCard]]
) -> tuple[Pipeline, Start]:
    weights = read_start(config.pipeline.rsplit("-", 1)[-1], config.backbone_source)
    network = build(config.pipeline, weights.variant)
    assert network.backbone is not None
    # What a start lacks is drawn alike for all pipelines of a seed: they share its features.
    torch.manual_seed(config.seed)
    apply_start(network.backbone, weights)
    _copy_branches(network, branches)
    return network, Start(weights.variant, weights.description)


def _backbone_of(branches: list[tuple[Pipeline, ModelCard]]) -> Start | None:
    for _, card in branches:
        if card.pipeline.startswith("rgb-"):
            return Start(card.variant, f"{card.backbone_start}; then trained alone on colour")
    return None


def _copy_branches(network: Pipeline, branches: list[tuple[Pipeline, ModelCard]]) -> None:
    for trained, card in branches:
        kind, *rest = card.pipeline.split("-")
        own_backbone = isinstance(network, TwoBranchPipeline) and network.rgb_branch.name
        if not isinstance(network, TwoBranchPipeline) or rest not in ([], [own_backbone]):
            raise CheckpointError(
                f"a {card.pipeline} is no branch of this pipeline; give the depth and the rgb "
                "checkpoint of a fusion's backbone."
            )
        _copy(trained.get_submodule("branch"), network.get_submodule(f"{kind}_branch"))
        _copy(trained.get_submodule("classifier"), network.get_submodule(f"{kind}_classifier"))


def _copy(source: nn.Module, target: nn.Module) -> None:
    target.load_state_dict(source.state_dict())
