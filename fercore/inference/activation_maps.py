"""Which places of a face speak for a verdict, for each modality a network looks at.

HiResCAM (Draelos and Carin, 2020): the last maps of a modality's convolutions, each value times
the gradient of the verdict's score with respect to it, summed over the maps; what speaks against
it is cut off. The score of an expression is its logit, that of calm the logit of calm. Before
global average pooling, as in ResNet50, this is Grad-CAM (Selvaraju et al., 2017) but for a
factor. The depth network has no such pooling: there Grad-CAM, which averages the gradients over
all places, lights up places that the score does not depend on, and HiResCAM does not.

A backbone's maps are those of its last convolution, the depth network's those that its FC see,
4x4: its last pooling hands on one place in sixteen, so that before it there are dots, finer than
what convolutions that each see 54 of 64 pixels can tell.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from fercore.errors import FercoreError
from fercore.expressions import VERDICT_LABELS
from fercore.networks.checkpoints import load_checkpoint
from fercore.networks.paper import (
    DEPTH_SIZE,
    Absent,
    DepthPipeline,
    DepthPretrainedPipeline,
    FusionPipeline,
    RGBPipeline,
)
from fercore.networks.preprocessing import depth_input, rgb_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fercore.networks.checkpoints import ModelCard
    from fercore.networks.paper import Pipeline
    from fercore.structures import FacePair, FloatArray, Prediction, Verdicts

Head = Literal["fusion", "rgb", "depth"]


class ActivationMaps(NamedTuple):
    """What speaks for a verdict, on a coarse grid over the face's box.

    The values of both maps are parts of the same score. None: this verdict does not depend on
    that modality.
    """

    rgb: FloatArray | None  # (h, w), 0 or more
    depth: FloatArray | None  # (h, w), 0 or more


class ActivationExplainer:
    """Explains verdicts of one network; used from one thread, with that thread's share of torch."""

    def __init__(self, network: Pipeline, card: ModelCard) -> None:
        require_explainable(network)
        self._network = network.eval().requires_grad_(False)
        self._parameters = card.preprocessing

    @classmethod
    def from_checkpoint(cls, path: Path) -> Self:
        """Load a checkpoint (.safetensors beside its card) into torch, on the CPU.

        Raises:
            CheckpointError: it is missing, damaged or does not fit.
            FercoreError: its pipeline has no maps to explain it by.
        """
        return cls(*load_checkpoint(path))

    def explain(self, pair: FacePair, verdicts: Verdicts) -> ActivationMaps:
        """Return what speaks for the leading head's verdict, in the face it was judged by.

        Raises:
            ValueError: no head has spoken.
        """
        leading = leading_head(verdicts)
        if leading is None:
            raise ValueError("there is no verdict to explain")
        head, prediction = leading
        rgb = rgb_input(pair.rgb[None], self._parameters.rgb_size)
        depth = None
        # Depth that was too bad to be judged by had no part in the verdict.
        if verdicts.depth is not None and pair.depth_m is not None:
            depth = depth_input(pair.depth_m[None], self._parameters.depth_window_m)
        return activation_maps(self._network, rgb, depth, head, prediction.label)


def leading_head(verdicts: Verdicts) -> tuple[Head, Prediction] | None:
    """Return the head whose verdict is to be acted on with what it says, None if all are silent."""
    if verdicts.fusion is not None:
        return "fusion", verdicts.fusion
    if verdicts.rgb is not None:
        return "rgb", verdicts.rgb
    return None if verdicts.depth is None else ("depth", verdicts.depth)


def activation_maps(
    network: Pipeline,
    rgb: torch.Tensor,
    depth: torch.Tensor | None,
    head: Head,
    label: str,
) -> ActivationMaps:
    """Return what speaks for one of VERDICT_LABELS in one face, in the score of one head.

    `rgb` (1, 3, S, S) and `depth` (1, 1, 64, 64) are as `fercore.networks.preprocessing` makes
    them; None means there is no usable depth. The network must be in its evaluation mode.

    Raises:
        FercoreError: the pipeline has no maps.
        ValueError: it has no such head, or does not know calm.
    """
    absent = None
    if depth is None:
        depth = rgb.new_zeros(1, 1, DEPTH_SIZE, DEPTH_SIZE)
        absent = Absent(torch.tensor([False]), torch.tensor([True]))
    with torch.enable_grad(), _noted(_last_convolutions(network)) as maps, _NothingDetached():
        scores = getattr(network(rgb, depth, absent), head)
    if scores is None:
        raise ValueError(f"the network has no head {head!r}")
    place = VERDICT_LABELS.index(label)
    if place >= scores.shape[1]:
        raise ValueError(f"the network does not know {label!r}")
    score = scores[0, place]
    gradients = torch.autograd.grad(score, list(maps.values()), allow_unused=True)
    heats = {
        modality: _heat(values, gradient)
        for (modality, values), gradient in zip(maps.items(), gradients, strict=True)
        # A modality behind which no path leads to the score was not asked.
        if gradient is not None and not (absent and modality == "depth")
    }
    return ActivationMaps(heats.get("rgb"), heats.get("depth"))


def require_explainable(network: Pipeline) -> None:
    """Refuse a network whose maps are not known.

    Raises:
        FercoreError: it is none of this project's pipelines.
    """
    _last_convolutions(network)


def _last_convolutions(network: Pipeline) -> dict[str, nn.Module]:
    """Return what gives the last maps of each modality."""
    if isinstance(network, FusionPipeline):
        convolutions = network.depth_branch.convolutions
        return {"rgb": _last(network.backbone.last_stage), "depth": convolutions}
    if isinstance(network, DepthPretrainedPipeline):
        return {"depth": _last(network.backbone.last_stage)}
    if isinstance(network, RGBPipeline):
        return {"rgb": _last(network.backbone.last_stage)}
    if isinstance(network, DepthPipeline):
        return {"depth": network.branch.convolutions}
    raise FercoreError(
        f"Nobody can tell where a {type(network).__name__} looks; load one of the pipelines "
        "that `fercore train` makes."
    )


def _last(stages: nn.Sequential) -> nn.Module:
    """Return the last stage but for VGG19's pooling, which would leave 2x2 places of 64 pixels."""
    return next(s for s in reversed(list(stages)) if not isinstance(s, nn.MaxPool2d))


@contextmanager
def _noted(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, torch.Tensor]]:
    """Keep what modules give, by name, with gradients from there on."""
    kept: dict[str, torch.Tensor] = {}

    def keeper(name: str) -> Any:
        def keep(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            kept[name] = output.requires_grad_()

        return keep

    hooks = [module.register_forward_hook(keeper(name)) for name, module in modules.items()]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


class _NothingDetached(TorchFunctionMode):
    """Leads gradients back past the places where training cuts them off; in this thread only.

    The heads of a fusion's branches read detached latents, which changes how they learn and
    not what they say.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.detach:
            return args[0]
        return func(*args, **(kwargs or {}))


def _heat(maps: torch.Tensor, gradient: torch.Tensor) -> FloatArray:
    """Return the grid (h, w) of maps (1, C, h, w)."""
    heat: FloatArray = (maps * gradient).sum(1)[0].clamp(min=0).detach().numpy()
    return heat
