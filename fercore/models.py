"""The paper's seven pipelines, in one readable place.

| slug                       | input      | definition (paper, section 4.3)           |
|----------------------------|------------|-------------------------------------------|
| depth                      | depth      | five 6x6 convolutions, FC 300, FC 300     |
| rgb-BACKBONE               | RGB        | pretrained backbone, pooling, two FC      |
| fusion-BACKBONE            | RGB, depth | latents concatenated, FC 500, FC 300      |
| depth-pretrained-BACKBONE  | depth      | the RGB pipeline, depth as three channels |

BACKBONE is resnet50 or vgg19; the paper gives no sizes for the fusion's FC, so
those are ours. Every new convolution and FC has a bias, batch normalisation and ReLU, starts
from He initialisation and goes without dropout (section 5.1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import nn

from fercore.backbones import Backbone
from fercore.expressions import EXPRESSIONS

CLASSES = len(EXPRESSIONS)
DEPTH_SIZE = 64  # pixels, side of the depth network's input
DEPTH_MAPS = (10, 20, 30, 40, 50)  # feature maps of its five convolutions
DEPTH_KERNEL = 6
DEPTH_FC = (300, 300)
FUSION_FC = (500, 300)
RGB_FC = {"resnet50": (1000, 700), "vgg19": (500, 500)}

PIPELINES = (
    "depth",
    "rgb-resnet50",
    "rgb-vgg19",
    "fusion-resnet50",
    "fusion-vgg19",
    "depth-pretrained-resnet50",
    "depth-pretrained-vgg19",
)


class Logits(NamedTuple):
    """Scores (N, 6) of each head; None where the pipeline has no such head."""

    fusion: torch.Tensor | None
    rgb: torch.Tensor | None
    depth: torch.Tensor | None


class DepthBranch(nn.Module):
    """The depth network up to its last FC: (N, 1, 64, 64) to a latent (N, 300)."""

    latent = DEPTH_FC[-1]

    def __init__(self) -> None:
        super().__init__()
        m = DEPTH_MAPS
        self.convolutions = nn.Sequential(  # 1, 64, 64
            _convolution(1, m[0]),
            _convolution(m[0], m[1]),
            nn.MaxPool2d(2),  # 20, 32, 32
            _convolution(m[1], m[2]),
            _convolution(m[2], m[3]),
            nn.MaxPool2d(2),  # 40, 16, 16
            _convolution(m[3], m[4]),
            nn.MaxPool2d(4),  # 50, 4, 4
        )
        self.fc = _fully_connected(m[-1] * (DEPTH_SIZE // 16) ** 2, DEPTH_FC)

    def forward(self, depth: torch.Tensor) -> torch.Tensor:
        """Return the latent (N, 300)."""
        features = self.convolutions(depth).flatten(1)  # N, 800
        return _tensor(self.fc(features))


class RGBBranch(nn.Module):
    """A backbone and two FC: (N, 3, S, S) to a latent (N, 700) or (N, 500)."""

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__()
        self.name = backbone
        self.latent = RGB_FC[backbone][-1]
        self.backbone = Backbone(backbone, variant)
        self.fc = _fully_connected(self.backbone.features, RGB_FC[backbone])

    def forward(self, frozen: torch.Tensor, finetune: str) -> torch.Tensor:
        """Map the output of the backbone's frozen half to the latent."""
        return _tensor(self.fc(self.backbone.trained(frozen, finetune)))


class Pipeline(nn.Module, ABC):
    """Base of all pipelines: inputs RGB (N, 3, S, S) and depth (N, 1, 64, 64), output `Logits`.

    RGB is standardised by ImageNet's mean and deviation, depth lies in -1..1
    (`fercore.preprocessing`); a pipeline ignores the input it does not use.
    """

    @property
    def backbone(self) -> Backbone | None:
        """The pretrained network inside, None where there is none."""
        return None

    def frozen_modules(self, finetune: str) -> dict[str, nn.Module]:
        """Return the modules of the frozen half by their names, which end in a dot."""
        stages = {"none": ("early", "last_stage"), "last-stage": ("early",), "all": ()}[finetune]
        return {
            f"{name}.": module
            for name, module in self.named_modules()
            if name.endswith(tuple(f"backbone.{stage}" for stage in stages))
        }

    def forward(self, rgb: torch.Tensor, depth: torch.Tensor) -> Logits:
        """Run the whole network."""
        return self.trained(self.frozen(rgb, depth, "all"), depth, "all")

    @abstractmethod
    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half (see `Backbone`); without one, pass depth on."""

    @abstractmethod
    def trained(self, frozen: torch.Tensor, depth: torch.Tensor, finetune: str) -> Logits:
        """Run all that follows."""


class DepthPipeline(Pipeline):
    """PL-depth map."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = DepthBranch()
        self.classifier = _classifier(self.branch.latent)

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Pass depth on: there is no backbone."""
        return depth

    def trained(self, frozen: torch.Tensor, depth: torch.Tensor, finetune: str) -> Logits:
        """Classify depth."""
        return Logits(None, None, self.classifier(self.branch(depth)))


class RGBPipeline(Pipeline):
    """PL-RGB-ResNet50 and PL-RGB-VGG19."""

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__()
        self.branch = RGBBranch(backbone, variant)
        self.classifier = _classifier(self.branch.latent)

    @property
    def backbone(self) -> Backbone:
        """The pretrained network inside."""
        return self.branch.backbone

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half on colour."""
        return self.branch.backbone.frozen(rgb, finetune)

    def trained(self, frozen: torch.Tensor, depth: torch.Tensor, finetune: str) -> Logits:
        """Classify colour."""
        return Logits(None, self.classifier(self.branch(frozen, finetune)), None)


class DepthPretrainedPipeline(RGBPipeline):
    """Table 1's starred rows: the RGB pipeline sees depth, repeated to three channels."""

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half on depth, enlarged to the colour crop's size."""
        enlarged = nn.functional.interpolate(depth, rgb.shape[2:], mode="bilinear")
        return self.branch.backbone.frozen(enlarged.expand(-1, 3, -1, -1), finetune)

    def trained(self, frozen: torch.Tensor, depth: torch.Tensor, finetune: str) -> Logits:
        """Classify depth."""
        return Logits(None, None, self.classifier(self.branch(frozen, finetune)))


class FusionPipeline(Pipeline):
    """PL-fusion: both latents concatenated, two new FC.

    Each branch keeps a head of its own on the **detached** latent: the branches
    are shaped by the fusion's loss alone, as in the paper, and one pass still
    yields three verdicts.
    """

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__()
        self.rgb_branch = RGBBranch(backbone, variant)
        self.depth_branch = DepthBranch()
        self.rgb_classifier = _classifier(self.rgb_branch.latent)
        self.depth_classifier = _classifier(self.depth_branch.latent)
        self.joint_fc = _fully_connected(
            self.rgb_branch.latent + self.depth_branch.latent, FUSION_FC
        )
        self.fusion_classifier = _classifier(FUSION_FC[-1])

    @property
    def backbone(self) -> Backbone:
        """The pretrained network inside."""
        return self.rgb_branch.backbone

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half on colour."""
        return self.rgb_branch.backbone.frozen(rgb, finetune)

    def trained(self, frozen: torch.Tensor, depth: torch.Tensor, finetune: str) -> Logits:
        """Classify both latents together, and each by itself."""
        rgb_latent = self.rgb_branch(frozen, finetune)
        depth_latent = self.depth_branch(depth)
        joint = self.joint_fc(torch.cat((rgb_latent, depth_latent), 1))  # N, 300
        return Logits(
            fusion=self.fusion_classifier(joint),
            rgb=self.rgb_classifier(rgb_latent.detach()),
            depth=self.depth_classifier(depth_latent.detach()),
        )


def build(pipeline: str, variant: str = "v1.5") -> Pipeline:
    """Return the untrained network of a pipeline slug.

    `variant` is one of `VARIANTS`.

    Raises:
        ValueError: unknown slug or variant.
    """
    if pipeline not in PIPELINES:
        raise ValueError(f"unknown pipeline {pipeline!r}; choose one of {', '.join(PIPELINES)}")
    if pipeline == "depth":
        return DepthPipeline()
    kind, backbone = pipeline.rsplit("-", 1)
    classes: dict[str, type[RGBPipeline] | type[FusionPipeline]] = {
        "rgb": RGBPipeline,
        "fusion": FusionPipeline,
        "depth-pretrained": DepthPretrainedPipeline,
    }
    return classes[kind](backbone, variant)


def redraw_new_layers(network: nn.Module) -> None:
    """Draw all layers outside the backbone anew, from torch's global random numbers."""
    for name, module in network.named_modules():
        if ".backbone." in name:
            continue
        if isinstance(module, nn.Conv2d | nn.Linear):
            _he_initialise(module)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_parameters()


def _convolution(maps_in: int, maps_out: int) -> nn.Sequential:
    # An even kernel needs one more pixel on one side to keep the size.
    before, after = (DEPTH_KERNEL - 1) // 2, DEPTH_KERNEL // 2
    convolution = nn.Conv2d(maps_in, maps_out, DEPTH_KERNEL)
    _he_initialise(convolution)
    return nn.Sequential(
        nn.ZeroPad2d((before, after, before, after)),
        convolution,
        nn.BatchNorm2d(maps_out),
        nn.ReLU(),
    )


def _fully_connected(width_in: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        linear = nn.Linear(width_in, width)
        _he_initialise(linear)
        layers += [linear, nn.BatchNorm1d(width), nn.ReLU()]
        width_in = width
    return nn.Sequential(*layers)


def _classifier(latent: int) -> nn.Linear:
    linear = nn.Linear(latent, CLASSES)
    _he_initialise(linear)
    return linear


def _he_initialise(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _tensor(value: torch.Tensor) -> torch.Tensor:
    """Give `nn.Module.__call__`'s untyped result its type."""
    return value
