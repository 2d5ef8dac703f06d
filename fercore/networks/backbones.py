"""The pretrained networks that the RGB branch stands on, cut where training may begin.

ResNet50 and VGG19 as torchvision has them, without their FC layers. What they start from
is the business of `fercore.networks.backbone_weights`.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

BACKBONE_FEATURES = {"resnet50": 2048, "vgg19": 512}
"""Backbones and how many features each gives after global average pooling."""

VARIANTS = ("v1", "v1.5")
"""Where ResNet50 halves the resolution: on the first 1x1 convolution of a stage (He et
al., the original) or on its 3x3 (torchvision). Of no meaning to other backbones."""


FINETUNE = ("none", "last-stage", "all")
"""How much of a backbone is trained along with the new layers: nothing, its last stage
(ResNet50's layer4, VGG19's fifth block) or everything."""

JOINT_LAYERS = "joint-layers"
"""Of a fusion alone: both branches and their heads stay as they are, what joins them learns."""


class Backbone(nn.Module):
    """A torchvision network without its FC layers: early stages, last stage, global pooling.

    `frozen` and `trained` are its two halves for a value of `FINETUNE`, so that training can
    keep the output of the half that does not change.
    """

    def __init__(self, name: str, variant: str) -> None:
        super().__init__()
        self.features = BACKBONE_FEATURES[name]
        early, last = _resnet50_stages(variant) if name == "resnet50" else _vgg19_stages()
        self.early = nn.Sequential(OrderedDict(early))
        self.last_stage = nn.Sequential(OrderedDict(last))

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        """Map RGB (N, 3, S, S) to pooled features (N, 2048 or 512)."""
        return self.trained(rgb, "all")

    def frozen(self, rgb: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run what stays as it is: RGB (N, 3, S, S) to the input of `trained`."""
        if finetune == "all":
            return rgb
        if finetune == "none":
            return self.trained(rgb, "all")
        early: torch.Tensor = self.early(rgb)
        return early

    def trained(self, frozen: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the rest, to pooled features (N, 2048 or 512)."""
        if finetune == "none":
            return frozen
        early = self.early(frozen) if finetune == "all" else frozen
        pooled: torch.Tensor = self.last_stage(early).mean((2, 3))
        return pooled


def _resnet50_stages(
    variant: str,
) -> tuple[list[tuple[str, nn.Module]], list[tuple[str, nn.Module]]]:
    from torchvision.models import resnet50

    if variant not in VARIANTS:
        raise ValueError(f"unknown ResNet50 variant {variant!r}; choose one of {VARIANTS}")
    net = resnet50(weights=None)
    if variant == "v1":
        net.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        for stage in (net.layer2, net.layer3, net.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
    return [(name, getattr(net, name)) for name in names], [("layer4", net.layer4)]


VGG19_LAST_STAGE = 28  # first layer of the fifth block in torchvision's `features`


def _vgg19_stages() -> tuple[list[tuple[str, nn.Module]], list[tuple[str, nn.Module]]]:
    # The convolutions alone: torchvision's `vgg19` would draw a large classifier in vain.
    from torchvision.models.vgg import cfgs, make_layers

    layers = [(str(index), layer) for index, layer in enumerate(make_layers(cfgs["E"]))]
    return layers[:VGG19_LAST_STAGE], layers[VGG19_LAST_STAGE:]
