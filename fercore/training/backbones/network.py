"""A backbone with a classifier of seven labels, as it is trained on FER2013 and kept on disk.

Plain VGG19 hardly learns from scratch: its sixteen convolutions have no normalisation.
It is therefore trained with batch normalisation after every convolution, which is folded
into the convolutions at the end; the result is torchvision's plain VGG19 and computes
the same function.

`NAME.safetensors` holds the convolutions in half precision and normalisation and biases in
single, under torchvision's names and without a classifier. Its own metadata say what it is,
so that it can be passed as `--backbone-weights` without its card.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from fercore.errors import CheckpointError, cure
from fercore.io.fer2013 import CLASSES
from fercore.networks.backbones import BACKBONE_FEATURES, Backbone, BackboneStart, apply_start
from fercore.runtime.files import whole_file, write_text_whole

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
_ARCHITECTURES = {
    ("resnet50", "v1"): "ResNet-50 v1 (He et al. 2015), torchvision key names, fc not included",
    ("resnet50", "v1.5"): "ResNet-50 v1.5 (torchvision), fc not included",
    ("vgg19", "v1.5"): "VGG-19 (torchvision, no batch normalisation), classifier not included",
}


class LabelledBackbone(nn.Module):
    """A backbone and one FC layer: (N, 3, S, S) to logits (N, 7) in the order of CLASSES."""

    def __init__(self, name: str, start: BackboneStart) -> None:
        super().__init__()
        self.backbone = Backbone(name, start.variant)
        apply_start(self.backbone, start)
        if name == "vgg19" and not start.state:
            add_normalisation(self.backbone)
        self.classifier = nn.Linear(BACKBONE_FEATURES[name], len(CLASSES))
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        """Return the logits (N, 7)."""
        maps = self.backbone.last_stage(self.backbone.early(rgb))  # N, C, H, W
        logits: torch.Tensor = self.classifier(maps.mean((2, 3)))
        return logits


class _NormalisedConvolution(nn.Module):
    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = nn.BatchNorm2d(convolution.out_channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        normalised: torch.Tensor = self.norm(self.convolution(maps))
        return normalised


def add_normalisation(backbone: Backbone) -> None:
    """Put batch normalisation behind every convolution of a VGG's flat stages."""
    for stage in (backbone.early, backbone.last_stage):
        for name, layer in list(stage.named_children()):
            if isinstance(layer, nn.Conv2d):
                stage.add_module(name, _NormalisedConvolution(layer))


def folded(backbone: Backbone) -> Backbone:
    """Return a copy for inference without the layers that `add_normalisation` put in."""
    plain = copy.deepcopy(backbone).eval()
    for stage in (plain.early, plain.last_stage):
        for name, pair in list(stage.named_children()):
            if isinstance(pair, _NormalisedConvolution):
                stage.add_module(name, fuse_conv_bn_eval(pair.convolution, pair.norm))
    return plain


def parameter_groups(
    network: LabelledBackbone, start: BackboneStart, pretrained_rate: float, decay: float
) -> list[dict[str, Any]]:
    """Return the optimizer's groups: what `start` holds learns at `pretrained_rate` of the rest.

    Each group names its `share` of the learning rate. Biases and normalisation do not decay.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        key = name.removeprefix("backbone.early.").removeprefix("backbone.last_stage.")
        share = pretrained_rate if key in start.state else 1.0
        weight_decay = decay if parameter.ndim > 1 else 0.0
        groups.setdefault((share, weight_decay), []).append(parameter)
    return [
        {"params": parameters, "share": share, "weight_decay": weight_decay}
        for (share, weight_decay), parameters in groups.items()
    ]


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
        "terms": card.terms,
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
