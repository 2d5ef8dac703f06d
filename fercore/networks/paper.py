"""The paper's seven pipelines: inputs and outputs, two branches, four ways to join them.

| slug                       | input      | definition (paper, section 4.3)           |
|----------------------------|------------|-------------------------------------------|
| depth                      | depth      | five 6x6 convolutions, FC 300, FC 300     |
| rgb-BACKBONE               | RGB        | pretrained backbone, pooling, two FC      |
| fusion-BACKBONE            | RGB, depth | latents concatenated, FC 500, FC 300      |
| depth-pretrained-BACKBONE  | depth      | the RGB pipeline, depth as three channels |

BACKBONE is resnet50 or vgg19; the paper gives no sizes for the fusion's FC, so
those are ours. `build` makes a pipeline by its slug.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fercore.networks.backbones import JOINT_LAYERS, Backbone
from fercore.networks.layers import CLASSES, Classifier, convolution, fully_connected

DEPTH_SIZE = 64  # pixels, side of the depth network's input
DEPTH_MAPS = (10, 20, 30, 40, 50)  # feature maps of its five convolutions
DEPTH_FC = (300, 300)
RGB_FC = {"resnet50": (1000, 700), "vgg19": (500, 500)}
FUSION_FC = (500, 300)

PIPELINES = (
    "depth",
    "rgb-resnet50",
    "rgb-vgg19",
    "fusion-resnet50",
    "fusion-vgg19",
    "depth-pretrained-resnet50",
    "depth-pretrained-vgg19",
)
"""The rows of the paper's Table 1."""


class Absent(NamedTuple):
    """Which inputs of a batch are missing and must not count: (N,) bool each."""

    rgb: Tensor
    depth: Tensor


class Logits(NamedTuple):
    """Scores of each head; None where the pipeline has no such head.

    (N, 6) for the six expressions; of a network that was taught calm (N, 7), the last saying
    how calm the face is. `verdict_probabilities` turns them into what users see.
    """

    fusion: Tensor | None
    rgb: Tensor | None
    depth: Tensor | None


def verdict_probabilities(scores: Tensor) -> Tensor:
    """Return probabilities (N, 6 or 7) of a head's scores (N, 6 or 7); each row sums to 1.

    Two questions are answered apart: is there an expression (the seventh score, through a
    sigmoid), and which of the six (their softmax). The product of the answers is returned:
    six expressions, then calm.
    """
    six = scores[:, :CLASSES].softmax(1)
    if scores.shape[1] == CLASSES:
        return six
    calm = scores[:, CLASSES:].sigmoid()
    return torch.cat(((1 - calm) * six, calm), 1)


class DepthBranch(nn.Module):
    """The depth network up to its last FC: (N, 1, 64, 64) to a latent (N, 300)."""

    latent = DEPTH_FC[-1]

    def __init__(self) -> None:
        super().__init__()
        m = DEPTH_MAPS
        self.convolutions = nn.Sequential(  # 1, 64, 64
            convolution(1, m[0]),
            convolution(m[0], m[1]),
            nn.MaxPool2d(2),  # 20, 32, 32
            convolution(m[1], m[2]),
            convolution(m[2], m[3]),
            nn.MaxPool2d(2),  # 40, 16, 16
            convolution(m[3], m[4]),
            nn.MaxPool2d(4),  # 50, 4, 4
        )
        self.fc = fully_connected(m[-1] * (DEPTH_SIZE // 16) ** 2, DEPTH_FC)

    def forward(self, depth: Tensor) -> Tensor:
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
        self.fc = fully_connected(self.backbone.features, RGB_FC[backbone])

    def forward(self, frozen: Tensor, finetune: str) -> Tensor:
        """Map the output of the backbone's frozen half to the latent."""
        return _tensor(self.fc(self.backbone.trained(frozen, finetune)))


class Pipeline(nn.Module, ABC):
    """Base of all pipelines: inputs RGB (N, 3, S, S) and depth (N, 1, 64, 64), output `Logits`.

    RGB is standardised by ImageNet's mean and deviation, depth lies in -1..1
    (`fercore.networks.preprocessing`); a pipeline ignores the input it does not use. Where an input
    is absent, a fusion goes by the other; what the absent one's own head says means nothing.
    """

    @property
    def backbone(self) -> Backbone | None:
        """The pretrained network inside, None where there is none."""
        return None

    @property
    def heads(self) -> dict[str, Classifier]:
        """The last layers of the heads, by the names of `Logits`' fields or "classifier"."""
        return {
            name.removesuffix("_classifier"): module
            for name, module in self.named_children()
            if isinstance(module, Classifier)
        }

    @property
    def knows_calm(self) -> bool:
        """Whether the heads say how calm a face is."""
        return all(head.calm is not None for head in self.heads.values())

    def teach_calm(self) -> None:
        """Let every head say how calm a face is; a head that does so already stays as it is."""
        for head in self.heads.values():
            if head.calm is None:
                head.teach_calm()

    def frozen_modules(self, finetune: str) -> dict[str, nn.Module]:
        """Return the modules of the frozen half by their names, which end in a dot."""
        stages = {"none": ("early", "last_stage"), "last-stage": ("early",), "all": ()}[finetune]
        return {
            f"{name}.": module
            for name, module in self.named_modules()
            if name.endswith(tuple(f"backbone.{stage}" for stage in stages))
        }

    def forward(self, rgb: Tensor, depth: Tensor, absent: Absent | None = None) -> Logits:
        """Run the whole network."""
        return self.trained(self.frozen(rgb, depth, "all"), depth, "all", absent)

    @abstractmethod
    def frozen(self, rgb: Tensor, depth: Tensor, finetune: str) -> Tensor:
        """Run the backbone's frozen half (see `Backbone`); without one, pass depth on."""

    @abstractmethod
    def trained(
        self, frozen: Tensor, depth: Tensor, finetune: str, absent: Absent | None = None
    ) -> Logits:
        """Run all that follows."""


class DepthPipeline(Pipeline):
    """PL-depth map."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = DepthBranch()
        self.classifier = Classifier(self.branch.latent)

    def frozen(self, rgb: Tensor, depth: Tensor, finetune: str) -> Tensor:
        """Pass depth on: there is no backbone."""
        return depth

    def trained(
        self, frozen: Tensor, depth: Tensor, finetune: str, absent: Absent | None = None
    ) -> Logits:
        """Classify depth."""
        return Logits(None, None, self.classifier(self.branch(depth)))


class RGBPipeline(Pipeline):
    """PL-RGB-ResNet50 and PL-RGB-VGG19."""

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__()
        self.branch = RGBBranch(backbone, variant)
        self.classifier = Classifier(self.branch.latent)

    @property
    def backbone(self) -> Backbone:
        """The pretrained network inside."""
        return self.branch.backbone

    def frozen(self, rgb: Tensor, depth: Tensor, finetune: str) -> Tensor:
        """Run the backbone's frozen half on colour."""
        return self.branch.backbone.frozen(rgb, finetune)

    def trained(
        self, frozen: Tensor, depth: Tensor, finetune: str, absent: Absent | None = None
    ) -> Logits:
        """Classify colour."""
        return Logits(None, self.classifier(self.branch(frozen, finetune)), None)


class DepthPretrainedPipeline(RGBPipeline):
    """Table 1's starred rows: the RGB pipeline sees depth, repeated to three channels."""

    def frozen(self, rgb: Tensor, depth: Tensor, finetune: str) -> Tensor:
        """Run the backbone's frozen half on depth, enlarged to the colour crop's size."""
        enlarged = nn.functional.interpolate(depth, rgb.shape[2:], mode="bilinear")
        return self.branch.backbone.frozen(enlarged.expand(-1, 3, -1, -1), finetune)

    def trained(
        self, frozen: Tensor, depth: Tensor, finetune: str, absent: Absent | None = None
    ) -> Logits:
        """Classify depth."""
        return Logits(None, None, self.classifier(self.branch(frozen, finetune)))


class FusionPipeline(Pipeline):
    """PL-fusion: both latents concatenated, two new FC.

    The branches are shaped by the fusion's loss alone, as in the paper. Their own heads read the
    **detached** latents: they do not shape the branches, and one pass still yields three verdicts.
    """

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__()
        self.rgb_branch = RGBBranch(backbone, variant)
        self.depth_branch = DepthBranch()
        self.rgb_classifier = Classifier(self.rgb_branch.latent)
        self.depth_classifier = Classifier(self.depth_branch.latent)
        self.joint_fc = fully_connected(
            self.rgb_branch.latent + self.depth_branch.latent, FUSION_FC
        )
        self.fusion_classifier = Classifier(FUSION_FC[-1])
        # What stands in for the latent of an absent input; learned under modality dropout.
        self.no_rgb = nn.Parameter(torch.zeros(self.rgb_branch.latent))
        self.no_depth = nn.Parameter(torch.zeros(self.depth_branch.latent))

    @property
    def backbone(self) -> Backbone:
        """The pretrained network inside."""
        return self.rgb_branch.backbone

    def frozen_modules(self, finetune: str) -> dict[str, nn.Module]:
        """Return the modules of the frozen half; of `JOINT_LAYERS` branches and their heads."""
        if finetune != JOINT_LAYERS:
            return super().frozen_modules(finetune)
        joint = ("joint_fc", "fusion_classifier")
        return {f"{name}.": part for name, part in self.named_children() if name not in joint}

    def frozen(self, rgb: Tensor, depth: Tensor, finetune: str) -> Tensor:
        """Run the backbone's frozen half on colour; for `JOINT_LAYERS`, both branches."""
        if finetune == JOINT_LAYERS:
            return torch.cat((self.rgb_branch(rgb, "all"), self.depth_branch(depth)), 1)
        return self.rgb_branch.backbone.frozen(rgb, finetune)

    def trained(
        self, frozen: Tensor, depth: Tensor, finetune: str, absent: Absent | None = None
    ) -> Logits:
        """Classify both latents together, and each by itself."""
        if finetune == JOINT_LAYERS:
            width = self.rgb_branch.latent
            rgb_latent, depth_latent = frozen[:, :width], frozen[:, width:]
        else:
            rgb_latent, depth_latent = self.rgb_branch(frozen, finetune), self.depth_branch(depth)
        return Logits(
            self._fused(rgb_latent, depth_latent, absent),
            self.rgb_classifier(rgb_latent.detach()),
            self.depth_classifier(depth_latent.detach()),
        )

    def _fused(self, rgb_latent: Tensor, depth_latent: Tensor, absent: Absent | None) -> Tensor:
        if absent is not None:
            rgb_latent = torch.where(absent.rgb[:, None], self.no_rgb, rgb_latent)
            depth_latent = torch.where(absent.depth[:, None], self.no_depth, depth_latent)
        joint = self.joint_fc(torch.cat((rgb_latent, depth_latent), 1))  # N, 300
        return _tensor(self.fusion_classifier(joint))


def build(pipeline: str, variant: str = "v1.5") -> Pipeline:
    """Return the untrained network of a pipeline slug.

    `variant` is one of `VARIANTS`.

    Raises:
        ValueError: unknown slug or variant.
    """
    if pipeline not in PIPELINES:
        known = ", ".join(PIPELINES)
        raise ValueError(f"unknown pipeline {pipeline!r}; choose one of {known}")
    if pipeline == "depth":
        return DepthPipeline()
    kind, backbone = pipeline.rsplit("-", 1)
    classes: dict[str, type[RGBPipeline] | type[FusionPipeline]] = {
        "rgb": RGBPipeline,
        "fusion": FusionPipeline,
        "depth-pretrained": DepthPretrainedPipeline,
    }
    return classes[kind](backbone, variant)


def _tensor(value: Tensor) -> Tensor:
    """Give `nn.Module.__call__`'s untyped result its type."""
    return value
