"""Perturbations and networks whose counts under stress can be told beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from fercore.evaluation.stress.perturbations import Perturbation
from fercore.networks.paper import Absent, Logits, Pipeline

if TYPE_CHECKING:
    from fercore.evaluation.stress.crops import Crops

MANIFEST = {
    "format": 1,
    "dataset": "made up: 2 synthetic subjects",
    "synthetic": True,
    "levels": [3, 4],
    "view": "f2d",
    "faces_sha256": "0" * 64,
    "seed": 0,
    "versions": {},
    "command": "fercore stress",
}


def brighten(crops: Crops, severity: float, draws: object) -> Crops:
    return crops._replace(rgb=np.full_like(crops.rgb, int(severity)))


def sink(crops: Crops, severity: float, draws: object) -> Crops:
    return crops._replace(depth_m=np.full_like(crops.depth_m, np.nan))


LIGHT = Perturbation("light", "grey levels", (100, 255), brighten)
DARK = Perturbation("dark", "m", (1,), sink)


class ColourAsIs(Pipeline):
    """A pipeline without a backbone: what is trained sees the colour input itself."""

    def frozen(self, rgb: torch.Tensor, depth: torch.Tensor, finetune: str) -> torch.Tensor:
        return rgb


class Stub(ColourAsIs):
    """Colour: anger in bright pictures, else fear; depth: fear without depth, else disgust."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        self.seen += len(frozen)
        bright = frozen.mean((1, 2, 3)) > 2
        known = depth.amax((1, 2, 3)) > -1
        colour = torch.where(bright[:, None], one_hot(0), one_hot(2))
        shape = torch.where(known[:, None], one_hot(1), one_hot(2))
        return Logits(colour + shape / 2, colour, shape)


class DepthStub(ColourAsIs):
    """Always says anger, by depth."""

    def trained(
        self,
        frozen: torch.Tensor,
        depth: torch.Tensor,
        finetune: str,
        absent: Absent | None = None,
    ) -> Logits:
        return Logits(None, None, one_hot(0).expand(len(depth), -1))


def one_hot(position: int) -> torch.Tensor:
    return torch.eye(6)[position : position + 1]
