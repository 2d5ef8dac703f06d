"""Run a labelled backbone over faces, on the fastest device and in its fastest layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from fercore.networks.backbone_weights import read_start
from fercore.training.backbones.augmentation import plain
from fercore.training.backbones.network import LabelledBackbone
from fercore.training.precision import channels_last, computing_in, training_device

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.io.fer2013 import Fer2013Faces
    from fercore.structures import FloatArray

SCORING_BATCH = 256


def placed(network: LabelledBackbone) -> LabelledBackbone:
    """Move the network where it is computed, in the layout that is fastest there."""
    network.to(memory_format=torch.channels_last)
    return network.to(training_device())


def logits_of(
    network: LabelledBackbone, faces: Fer2013Faces, size: int, precision: str = "float32"
) -> FloatArray:
    """Return the logits (N, 7) of all faces, run on the network's device."""
    network.eval()
    where = next(network.parameters()).device
    parts = []
    with torch.inference_mode(), computing_in(precision, where):
        for begin in range(0, len(faces), SCORING_BATCH):
            images = torch.from_numpy(faces.images[begin : begin + SCORING_BATCH]).to(where)
            rgb = channels_last(plain(images, size))
            parts.append(network(rgb).float().cpu())
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def stored_network(path: Path, name: str, trained: LabelledBackbone) -> LabelledBackbone:
    """Return the backbone stored at `path` under the classifier of `trained`.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    stored = LabelledBackbone(name, read_start(name, str(path)))
    stored.classifier.load_state_dict(trained.classifier.state_dict())
    return placed(stored).eval()
