"""The paper's seven pipelines, in one readable place.

| slug                       | input      | definition (paper, section 4.3)           |
|----------------------------|------------|-------------------------------------------|
| depth                      | depth      | five 6x6 convolutions, FC 300, FC 300     |
| rgb-BACKBONE               | RGB        | pretrained backbone, pooling, two FC      |
| fusion-BACKBONE            | RGB, depth | latents concatenated, FC 500, FC 300      |
| depth-pretrained-BACKBONE  | depth      | the RGB pipeline, depth as three channels |

BACKBONE is resnet50 or vgg19; the paper gives no sizes for the fusion's FC, so
those are ours. `fercore.networks.pipelines` builds all by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from fercore.networks.branches import (
    Absent,
    Classifier,
    DepthBranch,
    LateFusion,
    Logits,
    Pipeline,
    RGBBranch,
    fully_connected,
)

if TYPE_CHECKING:
    from fercore.networks.backbones import Backbone

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


class DepthPipeline(Pipeline):
    """PL-depth map."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = DepthBranch()
        self.classifier = Classifier(self.branch.latent)

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Pass depth on: there is no backbone."""
        return depth

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
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

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half on colour."""
        return self.branch.backbone.frozen(rgb, finetune)

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        """Classify colour."""
        return Logits(None, self.classifier(self.branch(frozen, finetune)), None)


class DepthPretrainedPipeline(RGBPipeline):
    """Table 1's starred rows: the RGB pipeline sees depth, repeated to three channels."""

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half on depth, enlarged to the colour crop's size."""
        enlarged = nn.functional.interpolate(depth, rgb.shape[2:], mode="bilinear")
        return self.branch.backbone.frozen(enlarged.expand(-1, 3, -1, -1), finetune)

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        """Classify depth."""
        return Logits(None, None, self.classifier(self.branch(frozen, finetune)))


class FusionPipeline(LateFusion):
    """PL-fusion: both latents concatenated, two new FC.

    The branches are shaped by the fusion's loss alone, as in the paper.
    """

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__(backbone, variant)
        self.joint_fc = fully_connected(
            self.rgb_branch.latent + self.depth_branch.latent, FUSION_FC
        )
        self.fusion_classifier = Classifier(FUSION_FC[-1])
        # What stands in for the latent of an absent input; learned under modality dropout.
        self.no_rgb = nn.Parameter(torch.zeros(self.rgb_branch.latent))
        self.no_depth = nn.Parameter(torch.zeros(self.depth_branch.latent))

    def fused(
        self, rgb_latent: torch.Tensor, depth_latent: torch.Tensor, absent: Absent | None
    ) -> torch.Tensor:
        """Return the fusion's scores (N, 6)."""
        if absent is not None:
            rgb_latent = torch.where(absent.rgb[:, None], self.no_rgb, rgb_latent)
            depth_latent = torch.where(absent.depth[:, None], self.no_depth, depth_latent)
        joint = self.joint_fc(torch.cat((rgb_latent, depth_latent), 1))  # N, 300
        scores: torch.Tensor = self.fusion_classifier(joint)
        return scores
