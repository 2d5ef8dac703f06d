"""A backbone with a classifier of seven labels, as it is trained on FER2013.

Plain VGG19 hardly learns from scratch: its sixteen convolutions have no normalisation.
It is therefore trained with batch normalisation after every convolution, which is folded
into the convolutions at the end; the result is torchvision's plain VGG19 and computes
the same function.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from fercore.io.fer2013 import CLASSES
from fercore.networks.backbone_weights import BackboneStart, apply_start
from fercore.networks.backbones import BACKBONE_FEATURES, Backbone


class LabelledBackbone(nn.Module):
    """A backbone and one FC layer: (N, 3, S, S) to logits (N, 7) in the order of CLASSES."""

    def __init__(self, name: str, start: BackboneStart) -> None:
        super().__init__()
        self.backbone = Backbone(name, start.variant)
        apply_start(self.backbone, start)
        if name == "vgg19" and not start.state:
            add_normalisation(self.backbone)
        self.classifier = nn.Linear(BACKBONE_FEATURES[name], len(CLASSES))
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, 7)."""
        maps = self.backbone.last_stage(self.backbone.early(rgb))  # N, C, H, W
        logits: torch.Tensor = self.classifier(maps.mean((2, 3)))
        return logits


class _NormalisedConvolution(nn.Module):
    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = nn.BatchNorm2d(convolution.out_channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        normalised: torch.Tensor = self.norm(self.convolution(maps))
        return normalised


def add_normalisation(backbone: Backbone) -> None:
    """Put batch normalisation behind every convolution of a VGG's flat stages."""
    for stage in (backbone.early, backbone.last_stage):
        for name, layer in list(stage.named_children()):
            if isinstance(layer, nn.Conv2d):
                stage.add_module(name, _NormalisedConvolution(layer))


def folded(backbone: Backbone) -> Backbone:
    """Return a copy for inference without the layers that `add_normalisation` put in."""
    plain = copy.deepcopy(backbone).eval()
    for stage in (plain.early, plain.last_stage):
        for name, pair in list(stage.named_children()):
            if isinstance(pair, _NormalisedConvolution):
                stage.add_module(name, fuse_conv_bn_eval(pair.convolution, pair.norm))
    return plain


def parameter_groups(
    network: LabelledBackbone, start: BackboneStart, pretrained_rate: float, decay: float
) -> list[dict[str, Any]]:
    """Return the optimizer's groups: what `start` holds learns at `pretrained_rate` of the rest.

    Each group names its `share` of the learning rate. Biases and normalisation do not decay.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        key = name.removeprefix("backbone.early.").removeprefix("backbone.last_stage.")
        share = pretrained_rate if key in start.state else 1.0
        weight_decay = decay if parameter.ndim > 1 else 0.0
        groups.setdefault((share, weight_decay), []).append(parameter)
    return [
        {"params": parameters, "share": share, "weight_decay": weight_decay}
        for (share, weight_decay), parameters in groups.items()
    ]
