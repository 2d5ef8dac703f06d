"""A backbone of a few thousand parameters."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from fercore.networks.backbones import Backbone


class TinyBackbone(Backbone):
    """Stands in for ResNet50 where only the training around it matters: (N, 16) features."""

    features = 16

    def __init__(self, name: str, variant: str) -> None:
        nn.Module.__init__(self)
        self.early = nn.Sequential(
            OrderedDict(conv1=nn.Conv2d(3, 12, 5, 2), bn1=nn.BatchNorm2d(12), relu=nn.ReLU())
        )
        layer4 = nn.Sequential(nn.Conv2d(12, 16, 5, 2), nn.BatchNorm2d(16), nn.ReLU())
        self.last_stage = nn.Sequential(OrderedDict(layer4=layer4))
