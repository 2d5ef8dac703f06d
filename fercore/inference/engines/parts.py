"""A fusion network taken apart, so that colour can be judged where there is no depth."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

from torch import nn

from fercore.networks.paper import (
    DEPTH_MAPS,
    DEPTH_SIZE,
    DepthPretrainedPipeline,
    FusionPipeline,
    RGBPipeline,
)

if TYPE_CHECKING:
    from fercore.networks.paper import Pipeline

DEPTH_FEATURES = (DEPTH_MAPS[-1], DEPTH_SIZE // 16, DEPTH_SIZE // 16)
"""What the depth network's convolutions make of a depth map."""


def split_depth(network: Pipeline) -> tuple[Pipeline, nn.Module | None]:
    """Return the network without the convolutions of its depth branch, and those.

    The first expects the convolutions' maps (N, 50, 4, 4) in the place of depth; weights
    are shared. A network of one modality comes back as it is, with None.
    """
    if not isinstance(network, FusionPipeline):
        return network, None
    branch = _with(network.depth_branch, "convolutions", nn.Identity())
    return cast(
        "Pipeline", _with(network, "depth_branch", branch)
    ), network.depth_branch.convolutions


def head_names(network: Pipeline) -> tuple[str, ...]:
    """Return which of `Logits`' heads a network has, in their order there."""
    if isinstance(network, FusionPipeline):
        return ("fusion", "rgb", "depth")
    looks_at_depth = isinstance(network, DepthPretrainedPipeline)
    return ("rgb",) if isinstance(network, RGBPipeline) and not looks_at_depth else ("depth",)


def _with(module: nn.Module, name: str, part: nn.Module) -> nn.Module:
    """Return a copy of a module with another part in one place; all others are shared."""
    changed = copy.copy(module)
    changed._modules = {**module._modules, name: part}
    return changed
