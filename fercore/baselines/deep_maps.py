"""What a frozen network makes of attribute maps: features of a map as if it were a photograph.

[38] (after Li et al. 2015) shows six maps to VGG networks that were pretrained on ImageNet; the
paper's Table 2 says VGG19. The layer is not known; here it is the last one, pooled. Beside it
stands what ten years later is to be had: any network of timm. Nothing is learned here, so all
scans of a run can be shown at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from fercore.errors import CheckpointError
from fercore.networks.backbones import (
    BACKBONE_FEATURES,
    DOWNLOAD,
    RANDOM,
    Backbone,
    apply_start,
    read_start,
)
from fercore.networks.preprocessing import normalise_rgb

if TYPE_CHECKING:
    from torch import nn

    from fercore.baselines.learners import FoldFeatures
    from fercore.baselines.recipes import BaselineRecipe
    from fercore.structures import FloatArray, UInt8Array

BATCH = 4
"""Scans that are shown at once, each as six maps."""

MAP_COUNT = 6

_WORDS = {DOWNLOAD: "its own pretrained weights", RANDOM: "random"}


@dataclass(frozen=True, slots=True)
class MapEmbedder:
    """Shows the stored maps of all scans of a run to the recipe's network."""

    def start(self, recipe: BaselineRecipe) -> str:
        """Return what the network's weights are, told apart from any others.

        Raises:
            CheckpointError: they cannot be had, or are not this network's.
        """
        source = Path(recipe.backbone_source)
        if not source.is_file():
            return f"{recipe.backbone}, {_WORDS.get(recipe.backbone_source, source)}"
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"{recipe.backbone}, {source.stem} ({digest[:12]})"

    def embed(self, features: FoldFeatures, recipe: BaselineRecipe) -> FoldFeatures:
        """Return `map_0` to `map_5`, (n, F) each, see `deep_features`.

        Raises:
            CheckpointError: the weights cannot be had, or are not this network's.
        """
        maps = np.asarray(features["maps"], np.uint8)
        return deep_features(maps, recipe.backbone, recipe.backbone_source, recipe.seed)


def deep_features(
    maps: UInt8Array, backbone: str, source: str, seed: int = 0
) -> dict[str, FloatArray]:
    """Show maps (n, 6, S, S) to a frozen network: `map_0` to `map_5`, (n, F) of unit length.

    `backbone` is one of the project's own or a network of timm; `source` is "imagenet" (the
    network's own pretrained weights, by download), "random" (drawn by `seed`) or a file.

    Raises:
        CheckpointError: the weights cannot be had, or are not this network's.
    """
    network = frozen_network(backbone, source, seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)
    found = []
    for start in tqdm(range(0, len(maps), BATCH), desc=backbone, disable=None):
        shown = torch.from_numpy(maps[start : start + BATCH]).to(device).flatten(0, 1)
        rgb = (shown.float() / 255)[:, None].expand(-1, 3, -1, -1)
        with torch.inference_mode():
            seen = functional.normalize(network(normalise_rgb(rgb)), dim=1)
        found.append(seen.reshape(-1, MAP_COUNT, seen.shape[1]).float().cpu().numpy())
    features: FloatArray = np.concatenate(found)  # (n, 6, F)
    return {f"map_{number}": features[:, number] for number in range(MAP_COUNT)}


def frozen_network(backbone: str, source: str, seed: int = 0) -> nn.Module:
    """Return a network that maps RGB (N, 3, 224, 224) to pooled features (N, F).

    Raises:
        CheckpointError: the weights cannot be had, or are not this network's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if backbone not in BACKBONE_FEATURES:
            return _timm_network(backbone, source)
        start = read_start(backbone, source)
        network = Backbone(backbone, start.variant)
        with torch.no_grad():
            apply_start(network, start)
    return network.eval()


def _timm_network(name: str, source: str) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise CheckpointError(
            f"{name} is a network of timm, which is not installed; install fercore[vit]."
        ) from error
    # A vision transformer is told the size of the maps: it may have been trained on another.
    options: dict[str, Any] = {"img_size": 224} if name.startswith("vit_") else {}
    if source not in (DOWNLOAD, RANDOM):
        # Where the classes agree, timm refuses a file that lacks a layer or has one more.
        options["pretrained_cfg_overlay"] = {"file": source, "num_classes": 0}
    try:
        network: nn.Module = timm.create_model(
            name, pretrained=source != RANDOM, num_classes=0, **options
        )
    except Exception as error:  # its downloads raise a dozen kinds
        raise CheckpointError(_refusal(name, source, error)) from error
    return network.eval()


def _refusal(name: str, source: str, error: Exception) -> str:
    if source not in (DOWNLOAD, RANDOM):
        return (
            f"{source} does not hold timm's weights of {name} without a classifier; pass their "
            "file with --backbone-weights, or 'imagenet' to download them."
        )
    return (
        f"timm's weights of {name} cannot be had ({_first_line(error)}); connect to the "
        "internet, or pass their file with --backbone-weights."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
