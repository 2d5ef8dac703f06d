"""A trained backbone on disk: torchvision's tensors beside a JSON card.

`NAME.safetensors` holds the convolutions in half precision and normalisation and biases in
single, under torchvision's names and without a classifier. Its own metadata say what it is,
so that it can be passed as `--backbone-weights` without its card.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import save_file

from fercore.errors import CheckpointError, cure
from fercore.io.fer2013 import TERMS
from fercore.runtime.files import whole_file, write_text_whole

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from fercore.networks.backbone_weights import BackboneStart
    from fercore.networks.backbones import Backbone

FORMAT = 1
_ARCHITECTURES = {
    ("resnet50", "v1"): "ResNet-50 v1 (He et al. 2015), torchvision key names, fc not included",
    ("resnet50", "v1.5"): "ResNet-50 v1.5 (torchvision), fc not included",
    ("vgg19", "v1.5"): "VGG-19 (torchvision, no batch normalisation), classifier not included",
}


@dataclass(frozen=True, slots=True)
class BackboneCard:
    """What a backbone's file holds, where it came from and what it is worth."""

    backbone: str  # "resnet50" or "vgg19"
    variant: str  # ResNet50's "v1" or "v1.5"; of no meaning elsewhere
    description: str  # what a table says a pipeline started from
    training_data: str  # one sentence
    terms: str  # of the training data, one sentence
    protocol: str  # how it was validated and its epoch chosen, one sentence
    settings: dict[str, Any]  # of the training
    history: tuple[dict[str, float], ...]  # per epoch: losses, validation accuracy and recall
    command: str  # that trained it
    seed: int
    versions: dict[str, str]  # of fercore, torch, ...
    hardware: str  # that trained it
    seconds: float  # of training
    measured: dict[str, dict[str, Any]]  # figures by set of faces, see `FaceFigures`
    selection: dict[str, Any] = field(default_factory=dict)  # the rule that chose the epoch, see
    # `fercore.training.selection.EpochRule`
    sha256: str = ""  # of the safetensors file
    format: int = FORMAT


def description_of(start: BackboneStart) -> str:
    """Return what a table says of a backbone trained from `start`."""
    if not start.state:
        return "FER2013, from scratch"
    if start.description.startswith("FER2013"):  # trained further
        return start.description
    if "imagenet" not in start.description.lower():
        return f"FER2013, {start.description}"
    held = {key[5] for key in start.state if key.startswith("layer")}
    partial = held and held != set("1234")
    return f"FER2013, ImageNet{f' layers {min(held)}-{max(held)}' if partial else ''}"


def save_backbone(path: Path, backbone: Backbone, card: BackboneCard) -> BackboneCard:
    """Write `path` (.safetensors) and its card; return the card with its checksum.

    Raises:
        CheckpointError: the file cannot be written.
    """
    prefix = "features." if card.backbone == "vgg19" else ""
    state = {**backbone.early.state_dict(), **backbone.last_stage.state_dict()}
    tensors = {prefix + name: _compact(value) for name, value in state.items()}
    metadata = {
        "architecture": _ARCHITECTURES[card.backbone, card.variant],
        "description": card.description,
        "input": "RGB, x/255, torchvision ImageNet mean and std",
        "terms": TERMS,
    }
    try:
        with whole_file(path) as unfinished:
            save_file(tensors, unfinished, metadata)
        complete = replace(card, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        write_backbone_card(path, complete)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be written ({error}); {cure(error)}.") from error
    return complete


def write_backbone_card(path: Path, card: BackboneCard) -> None:
    """Write the card of the backbone at `path`."""
    text = json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n"
    write_text_whole(path.with_suffix(".json"), text)


def _compact(value: torch.Tensor) -> torch.Tensor:
    """Halve what has many values; means and variances may lie outside half precision."""
    return (value.half() if value.ndim > 1 else value).cpu().contiguous()
