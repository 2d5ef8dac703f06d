"""Fusions of our own, to be measured against the paper's late fusion on the same folds.

| slug                | what differs from the paper's fusion                                 |
|---------------------|----------------------------------------------------------------------|
| supervised-BACKBONE | each branch also learns from its own head, not from the fusion alone |
| gated-BACKBONE      | latents of one width are weighed against each other, face by face    |
| attention-BACKBONE  | places of both modalities' feature maps attend to one another        |

All give the three heads. Gate and attention leave an absent input out; nothing stands in for it.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from fercore.branches import (
    DEPTH_MAPS,
    Absent,
    Classifier,
    LateFusion,
    Logits,
    TwoBranchPipeline,
    fully_connected,
)
from fercore.models import FusionPipeline

GATED_FC = (300,)
ATTENTION_WIDTH, ATTENTION_HEADS, ATTENTION_BLOCKS = 128, 4, 2
RGB_GRID, DEPTH_GRID = 2, 4  # places along each side of the maps


class SupervisedFusion(FusionPipeline):
    """The paper's fusion, but for branches that also learn from heads of their own."""

    branches_learn_alone = True


class GatedFusion(LateFusion):
    """A gate sees both latents and weighs one against the other."""

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__(backbone, variant)
        width = GATED_FC[-1]
        self.from_rgb = fully_connected(self.rgb_branch.latent, GATED_FC)
        self.from_depth = fully_connected(self.depth_branch.latent, GATED_FC)
        self.gate = nn.Linear(2 * width, 2)
        self.joint_fc = fully_connected(width, GATED_FC)
        self.fusion_classifier = Classifier(width)

    def fused(
        self, rgb_latent: torch.Tensor, depth_latent: torch.Tensor, absent: Absent | None
    ) -> torch.Tensor:
        """Return the fusion's scores (N, 6)."""
        rgb, depth = self.from_rgb(rgb_latent), self.from_depth(depth_latent)  # N, 300 each
        if absent is not None:
            rgb = rgb.masked_fill(absent.rgb[:, None], 0)
            depth = depth.masked_fill(absent.depth[:, None], 0)
        preference = self.gate(torch.cat((rgb, depth), 1))  # N, 2
        if absent is not None:
            preference = preference.masked_fill(torch.stack(absent, 1), -torch.inf)
        weights = preference.softmax(1)
        joint = self.joint_fc(weights[:, :1] * rgb + weights[:, 1:] * depth)  # N, 300
        scores: torch.Tensor = self.fusion_classifier(joint)
        return scores


class AttentionFusion(TwoBranchPipeline):
    """Places of the colour and of the depth maps attend to one another, and one token to all.

    With a frozen backbone its maps are kept instead of their mean, (N, C, h, w).
    """

    def __init__(self, backbone: str, variant: str) -> None:
        super().__init__(backbone, variant)
        width = ATTENTION_WIDTH
        self.rgb_places = nn.Linear(self.rgb_branch.backbone.features, width)
        self.depth_places = nn.Linear(DEPTH_MAPS[-1], width)
        self.where = nn.Parameter(torch.zeros(1 + RGB_GRID**2 + DEPTH_GRID**2, width))
        self.blocks = nn.ModuleList(_Attention() for _ in range(ATTENTION_BLOCKS))
        self.joint_norm = nn.LayerNorm(width)
        self.fusion_classifier = Classifier(width)

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the backbone's frozen half on colour, without the pooling."""
        backbone = self.rgb_branch.backbone
        if finetune == "none":
            return self._maps(rgb, "all")
        return backbone.frozen(rgb, finetune)

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        """Classify all places together, and each modality by itself."""
        rgb_maps = self._maps(frozen, finetune)
        depth_maps = self.depth_branch.convolutions(depth)  # N, 50, 4, 4
        rgb_latent = self.rgb_branch.fc(rgb_maps.detach().mean((2, 3)))
        depth_latent = self.depth_branch.fc(depth_maps.detach().flatten(1))
        tokens, hidden = self._tokens(rgb_maps, depth_maps, absent)
        for block in self.blocks:
            tokens = block(tokens, hidden)
        return Logits(
            fusion=self.fusion_classifier(self.joint_norm(tokens[:, 0])),
            rgb=self.rgb_classifier(rgb_latent),
            depth=self.depth_classifier(depth_latent),
        )

    def _maps(self, frozen: torch.Tensor, finetune: str) -> torch.Tensor:
        backbone = self.rgb_branch.backbone
        if finetune == "none":
            return frozen
        early = backbone.early(frozen) if finetune == "all" else frozen
        maps: torch.Tensor = backbone.last_stage(early)
        return maps

    def _tokens(
        self, rgb_maps: torch.Tensor, depth_maps: torch.Tensor, absent: Absent | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return tokens (N, 1 + 4 + 16, 128), the verdict's first, and which are hidden."""
        grid = functional.adaptive_avg_pool2d(rgb_maps, RGB_GRID)
        rgb = self.rgb_places(grid.flatten(2).transpose(1, 2))  # N, 4, 128
        depth = self.depth_places(depth_maps.flatten(2).transpose(1, 2))  # N, 16, 128
        verdict = rgb.new_zeros(len(rgb), 1, ATTENTION_WIDTH)
        tokens = torch.cat((verdict, rgb, depth), 1) + self.where
        hidden = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        if absent is not None:
            no_rgb = absent.rgb[:, None].expand(-1, RGB_GRID**2)
            no_depth = absent.depth[:, None].expand(-1, DEPTH_GRID**2)
            hidden = torch.cat((hidden[:, :1], no_rgb, no_depth), 1)
        return tokens, hidden


class _Attention(nn.Module):
    """A transformer block (Vaswani et al. 2017) with normalisation first."""

    def __init__(self) -> None:
        super().__init__()
        width = ATTENTION_WIDTH
        self.norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.projected, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Let tokens (N, T, 128) attend to those that are not `hidden` (N, T)."""
        count, length, width = tokens.shape
        heads = self.projected(self.norm(tokens)).view(count, length, 3, ATTENTION_HEADS, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # N, H, T, 32 each
        # Spelled out: torch's own attention cannot be stacked over folds.
        likeness = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5  # N, H, T, T
        likeness = likeness.masked_fill(hidden[:, None, None, :], -torch.inf)
        mixed = likeness.softmax(-1) @ value
        tokens = tokens + self.joined(mixed.transpose(1, 2).reshape(count, length, width))
        fed: torch.Tensor = tokens + self.feed(self.feed_norm(tokens))
        return fed


OWN_FUSIONS: dict[str, type[TwoBranchPipeline]] = {
    "supervised": SupervisedFusion,
    "gated": GatedFusion,
    "attention": AttentionFusion,
}
