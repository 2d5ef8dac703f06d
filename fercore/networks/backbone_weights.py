"""What a backbone starts from: torchvision's ImageNet weights or a file.

The paper starts from networks pretrained on ImageNet. torchvision fetches those
where its server can be reached; elsewhere a file does: a torchvision state dict
(`.pth` or `.safetensors`), or one that holds only a network's first stages, such
as ResNet50 v1 without layer4. What a file lacks keeps its He initialisation and
is named in the start's description, which travels in the model card; a safetensors
file may carry that description itself, as those of `fercore train-backbone` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from fercore.errors import CheckpointError

if TYPE_CHECKING:
    from fercore.networks.backbones import Backbone

DOWNLOAD = "imagenet"
RANDOM = "random"
_PREFIX = {"resnet50": "", "vgg19": "features."}
_FIRST = {"resnet50": "conv1.weight", "vgg19": "features.0.weight"}


@dataclass(frozen=True, slots=True)
class BackboneStart:
    """Where a backbone's weights came from."""

    variant: str  # "v1" or "v1.5", see `fercore.networks.backbones.VARIANTS`
    description: str  # for the model card and table headings
    state: dict[str, torch.Tensor]  # torchvision's key names, without classifier


def read_start(name: str, source: str) -> BackboneStart:
    """Return the weights that `name` (resnet50, vgg19) starts from.

    `source` is "imagenet" (torchvision's download), "random", or a file's path.

    Raises:
        CheckpointError: no download possible, or the file is missing, damaged or
            of another network.
    """
    if source == RANDOM:
        return BackboneStart("v1.5", "random (He)", {})
    if source == DOWNLOAD:
        return BackboneStart("v1.5", "ImageNet (torchvision)", _strip(_download(name), name))
    path = Path(source)
    state, variant, description = _read_file(path)
    state = _strip(state, name)
    missing = [stage for stage in _stages(name) if not _holds(state, stage)]
    rest = f"; {', '.join(missing)} random (He)" if missing else ""
    return BackboneStart(variant, description + rest, state)


def backbone_of(path: Path) -> str:
    """Return which backbone a file holds, "resnet50" or "vgg19".

    Raises:
        CheckpointError: the file is missing, damaged or of neither.
    """
    state, _, _ = _read_file(path)
    for name, key in _FIRST.items():
        if key in state:
            return name
    raise CheckpointError(f"{path} holds neither ResNet50 nor VGG19; pass another file.")


def apply_start(backbone: Backbone, start: BackboneStart) -> None:
    """Copy the start's weights into the backbone; He-initialise what it lacks.

    Raises:
        CheckpointError: a tensor is unknown or has another shape.
    """
    for stage in (backbone.early, backbone.last_stage):
        for module in stage.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    own = {**backbone.early.state_dict(), **backbone.last_stage.state_dict()}
    for key, value in start.state.items():
        if key not in own or own[key].shape != value.shape:
            raise CheckpointError(f"the backbone weights do not fit: {key!r} is not as expected.")
        own[key].copy_(value.to(own[key].dtype))


def _download(name: str) -> dict[str, torch.Tensor]:
    from torchvision import models

    weights = models.get_model_weights(name)["IMAGENET1K_V1"]
    try:
        state: dict[str, torch.Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except (URLError, HTTPException, OSError, RuntimeError) as error:
        raise CheckpointError(
            f"torchvision's ImageNet weights of {name} cannot be downloaded ({error}); connect "
            "to the internet, or pass a file of backbone weights."
        ) from error
    return state


def _stages(name: str) -> tuple[str, ...]:
    return ("layer1", "layer2", "layer3", "layer4") if name == "resnet50" else ()


def _holds(state: dict[str, torch.Tensor], stage: str) -> bool:
    return any(key.startswith(f"{stage}.") for key in state)


def _read_file(path: Path) -> tuple[dict[str, torch.Tensor], str, str]:
    """Return a file's tensors, the ResNet50 variant they belong to, and what they are.

    Only the words that a safetensors file carries can tell the variants apart,
    since their tensors have the same shapes; torchvision's is the default. Without a
    description of its own a file is known by its name.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; pass a file of backbone weights.")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                words = file.metadata() or {}
            variant = "v1" if "v1 " in f"{words.get('architecture', '')} " else "v1.5"
            return load_file(path), variant, _one_line(words.get("description")) or path.stem
        state: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise a dozen kinds for damaged files
        # Torch's own words go on to advise loading it all the same, which may run code.
        raise CheckpointError(
            f"{path} is no readable file of weights ({type(error).__name__}); pass a state dict "
            "of tensors as .pth or .safetensors."
        ) from error
    return _tensors(path, state), "v1.5", path.stem


def _tensors(path: Path, state: object) -> dict[str, torch.Tensor]:
    entries = state.items() if isinstance(state, dict) else [(None, None)]
    for name, value in entries:
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise CheckpointError(
                f"{path} is no state dict of named tensors; save `network.state_dict()` alone."
            )
    return dict(entries)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _strip(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Drop the classifier and VGG's `features.` prefix."""
    if _FIRST[name] not in state:
        raise CheckpointError(f"these are no weights of {name}: {_FIRST[name]!r} is missing.")
    return {
        key.removeprefix(_PREFIX[name]): value
        for key, value in state.items()
        if key.startswith(_PREFIX[name]) and not key.startswith(("fc.", "classifier."))
    }
