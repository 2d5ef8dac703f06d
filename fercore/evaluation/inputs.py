"""What the folds of a pipeline share: the output of its frozen half, computed once.

It lies in the run's folder under a name that tells weights, preprocessing and faces apart,
so that a run that goes on, another fold or another pipeline with the same backbone reads it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from fercore.training.features import FrozenFeatures, compute_features, open_features
from fercore.training.folder import load_state, save_state
from fercore.training.precision import training_device
from fercore.training.start import started

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fercore.evaluation.data import ExperimentData
    from fercore.networks.paper import Pipeline
    from fercore.training.config import TrainingConfig
    from fercore.training.start import Start

    State = dict[str, torch.Tensor]

_LABELS = "labels.pt"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Features, labels and, where a backbone is fine-tuned, the weights it starts from."""

    features: FrozenFeatures
    labels: NDArray[np.int64]  # (N,)
    start: State | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a pipeline's inputs lie, and what they come from."""

    path: Path  # without suffix
    variant: str  # of the backbone, see `fercore.networks.backbones.VARIANTS`
    backbone_start: str  # for headings

    @property
    def digest(self) -> str:
        """Tells different weights, preprocessing, faces and fine-tuning apart."""
        return self.path.name


def locate_inputs(config: TrainingConfig, data: ExperimentData, folder: Path) -> Source:
    """Say where in `folder` a pipeline's inputs lie, there or not.

    Raises:
        CheckpointError: the backbone's start cannot be had.
    """
    network, start = _started(config)
    return Source(folder / _name(network, config, data), start.variant, start.description)


def compute_inputs(config: TrainingConfig, data: ExperimentData, source: Source) -> None:
    """Compute a pipeline's inputs, unless they are there."""
    folder = source.path.parent
    folder.mkdir(parents=True, exist_ok=True)
    network, _ = _started(config)
    compute_features(
        network.to(training_device()), data.faces, data.parameters, source.path, config.finetune
    )
    backbone, start = network.cpu().backbone, source.path.with_suffix(".start.pt")
    if config.finetune != "none" and backbone is not None and not start.exists():
        save_state(start, backbone.state_dict())
    if not (folder / _LABELS).exists():
        save_state(folder / _LABELS, {"labels": torch.from_numpy(data.faces.labels)})


def load_inputs(source: Source) -> Inputs:
    """Open what `compute_inputs` left."""
    features = open_features(source.path)
    cpu = torch.device("cpu")
    stored = load_state(source.path.parent / _LABELS, cpu) or {}
    start = load_state(source.path.with_suffix(".start.pt"), cpu)
    return Inputs(features, stored["labels"].numpy(), start)


def _started(config: TrainingConfig) -> tuple[Pipeline, Start]:
    torch.manual_seed(config.seed)
    return started(config)


def _name(network: Pipeline, config: TrainingConfig, data: ExperimentData) -> str:
    """Return such as rgb-resnet50-none-0123456789abcdef."""
    kind = config.pipeline.replace("fusion-", "rgb-")
    digest = hashlib.sha256(json.dumps(asdict(data.parameters), sort_keys=True).encode())
    for name, tensor in sorted(network.state_dict().items()):
        if "backbone." in name:
            digest.update(tensor.numpy().tobytes())
    for array in (data.faces.rgb, data.faces.depth_m, data.faces.labels):
        digest.update(array.tobytes())
    return f"{kind}-{config.finetune}-{digest.hexdigest()[:16]}"
