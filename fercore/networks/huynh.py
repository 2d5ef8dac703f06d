"""Two networks from scratch on colour and depth, joined: after Huynh et al. (ICISA 2016).

Their abstract tells of one convolutional network for shape and one for appearance, each of three
convolutions with pooling and normalisation and two fully connected layers, and of over 26.5
million parameters in all. That does not pin the network down; these sizes are ours and come to
26,601,654. Published: 92 %, training on nine tenths of all 100 subjects, without cross-validation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fercore.networks.layers import Classifier, he_initialise
from fercore.networks.paper import DEPTH_SIZE, PIPELINES, Absent, Logits, Pipeline, build

HUYNH = "huynh-cnn"

NETWORKS = (*PIPELINES, HUYNH)
"""Slugs of all networks that can be evaluated; checkpoints are made of the paper's seven."""

_MAPS, _KERNEL, _FC = (32, 64, 128), 5, (1500, 500)
_NEIGHBOURS = 5  # maps that share in the normalisation of one


def build_network(slug: str, variant: str = "v1.5") -> Pipeline:
    """Return the untrained network of a slug in `NETWORKS`.

    Raises:
        ValueError: unknown slug or variant.
    """
    return HuynhPipeline() if slug == HUYNH else build(slug, variant)


class HuynhPipeline(Pipeline):
    """Both streams' latents side by side before one softmax; both see 64 x 64 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.rgb_stream, self.depth_stream = _stream(3), _stream(1)
        self.classifier = Classifier(2 * _FC[-1])

    def frozen(self, rgb: Tensor, depth: Tensor, finetune: str) -> Tensor:
        """Bring colour to the size of depth: (N, 3, S, S) to (N, 3, 64, 64)."""
        size = (DEPTH_SIZE, DEPTH_SIZE)
        return nn.functional.interpolate(rgb, size, mode="bilinear", antialias=True)

    def trained(
        self, frozen: Tensor, depth: Tensor, finetune: str, absent: Absent | None = None
    ) -> Logits:
        """Classify both inputs together."""
        latent = torch.cat((self.rgb_stream(frozen), self.depth_stream(depth)), 1)  # N, 1000
        return Logits(self.classifier(latent), None, None)


def _stream(channels: int) -> nn.Sequential:
    """Return three convolutions and two FC: (N, channels, 64, 64) to (N, 500)."""
    layers: list[nn.Module] = []
    for maps in _MAPS:
        convolution = nn.Conv2d(channels, maps, _KERNEL, padding=_KERNEL // 2)
        layers += [convolution, nn.ReLU(), nn.MaxPool2d(2), nn.LocalResponseNorm(_NEIGHBOURS)]
        channels = maps
    width = channels * (DEPTH_SIZE // 2 ** len(_MAPS)) ** 2  # 8192
    layers.append(nn.Flatten())
    for size in _FC:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            he_initialise(layer)
    return nn.Sequential(*layers)
