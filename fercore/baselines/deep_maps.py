"""What a frozen network makes of attribute maps: features of a map as if it were a photograph.

[38] (after Li et al. 2015) shows six maps to VGG networks that were pretrained on ImageNet; the
paper's Table 2 says VGG19. The layer is not known; here it is the last one, pooled. Beside it
stands what ten years later is to be had: any network of timm. Nothing is learned here, so all
scans of a run can be shown at once, and what comes of it is kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from tqdm import tqdm

from fercore.errors import CheckpointError, FercoreError, cure
from fercore.networks.backbone_weights import DOWNLOAD, RANDOM, apply_start, read_start
from fercore.networks.backbones import BACKBONE_FEATURES, Backbone
from fercore.networks.preprocessing import normalise_rgb
from fercore.runtime.files import whole_file
from fercore.runtime.parsing import loaded_archive

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from fercore.baselines.classifiers import FoldFeatures
    from fercore.structures import FloatArray, UInt8Array

BATCH = 4
"""Scans that are shown at once, each as six maps."""

MAP_COUNT = 6


def kept_deep_features(
    features: FoldFeatures, backbone: str, source: str, seed: int, folder: Path
) -> FoldFeatures:
    """Return what `deep_features` gives; kept in `folder`, it is computed once.

    Raises:
        FercoreError: the weights cannot be had, or the folder cannot be written.
    """
    maps = np.asarray(features["maps"], np.uint8)
    path = folder / f"{backbone}-{_digest(maps, backbone, source, seed)}.npz"
    try:
        if not path.exists():
            found = deep_features(maps, backbone, source, seed)
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as unfinished, unfinished.open("wb") as file:
                np.savez(file, **found)
        return loaded_archive(path)
    except OSError as error:
        raise FercoreError(f"{path} cannot be written ({error}); {cure(error)}.") from error
    except ValueError as error:
        raise FercoreError(
            f"{path} is damaged ({error}); remove it to have it computed anew."
        ) from error


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
        found.append(seen.unflatten(0, (-1, MAP_COUNT)).float().cpu().numpy())
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
    try:
        # A vision transformer is told the size of the maps: it may have been trained on another.
        sized = {"img_size": 224} if name.startswith("vit_") else {}
        network: Any = timm.create_model(
            name, pretrained=source == DOWNLOAD, num_classes=0, **sized
        )
        if source not in (DOWNLOAD, RANDOM):
            timm.models.load_checkpoint(network, source, strict=False)
    except Exception as error:  # its downloads raise a dozen kinds
        raise CheckpointError(
            f"timm's weights of {name} cannot be had ({_first_line(error)}); connect to the "
            "internet, or pass their file with --backbone-weights."
        ) from error
    frozen: nn.Module = network.eval()
    return frozen


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _digest(maps: NDArray[np.uint8], *words: object) -> str:
    """Return what tells these maps, network and weights from any others."""
    told = hashlib.sha256(np.ascontiguousarray(maps).tobytes())
    told.update(repr(words).encode())
    source = Path(str(words[1]))
    if source.is_file():
        told.update(source.read_bytes())
    return told.hexdigest()[:16]
