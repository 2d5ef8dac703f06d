"""The protocol of the engines, and a fusion taken apart, so that colour alone can be judged."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol, cast

from torch import nn

from fercore.networks.paper import (
    DEPTH_MAPS,
    DEPTH_SIZE,
    DepthPretrainedPipeline,
    FusionPipeline,
    RGBPipeline,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from fercore.networks.paper import Logits, Pipeline

ENGINES = ("cuda", "openvino", "torch")
"""In the order in which a machine that has several of them prefers them."""

DEPTH_NET, RGB_NET, FUSION = "depth net", "RGB net", "fusion"
"""The parts of a pass, in an engine that measures them."""
DEPTH_FEATURES = (DEPTH_MAPS[-1], DEPTH_SIZE // 16, DEPTH_SIZE // 16)
"""What the depth network's convolutions make of a depth map."""


class Engine(Protocol):
    """Runs one pipeline. Used from one thread at a time."""

    @property
    def description(self) -> str:
        """What runs where, such as `OpenVINO 2026.4.1, 2 CPU threads`."""
        ...

    @property
    def last_pass_s(self) -> Mapping[str, float]:
        """Seconds of the last pass by part; empty unless the engine was made to measure."""
        ...

    def logits(self, rgb: torch.Tensor, depth: torch.Tensor | None) -> Logits:
        """Return the scores (N, 6 or 7) of the pipeline's heads, see `Logits`, on the CPU.

        `rgb` (N, 3, S, S) and `depth` (N, 1, 64, 64) are float32 as
        `fercore.networks.preprocessing` makes them, S as in the model card. Without depth only
        the RGB head speaks, for its verdict alone rests on what was seen; the depth network is
        not run.
        """
        ...

    def close(self) -> None:
        """Give the network's memory back; safe to call twice."""
        ...


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
