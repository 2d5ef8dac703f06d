"""The pretrained networks that the RGB branch stands on, and what they start from.

ResNet50 and VGG19 as torchvision has them, without their FC layers. What they start from
is the business of `fercore.networks.backbones`.

The paper starts from networks pretrained on ImageNet. torchvision fetches those
where its server can be reached; elsewhere a file does: a torchvision state dict
(`.pth` or `.safetensors`), or one that holds only a network's first stages, such
as ResNet50 v1 without layer4. What a file lacks keeps its He initialisation and
is named in the start's description, which travels in the model card; a safetensors
file may carry that description itself, as those of `fercore train-backbone` do.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from fercore.errors import CheckpointError

BACKBONE_FEATURES = {"resnet50": 2048, "vgg19": 512}
"""Backbones and how many features each gives after global average pooling."""

VARIANTS = ("v1", "v1.5")
"""Where ResNet50 halves the resolution: on the first 1x1 convolution of a stage (He et
al., the original) or on its 3x3 (torchvision). Of no meaning to other backbones."""


FINETUNE = ("none", "last-stage", "all")
"""How much of a backbone is trained along with the new layers: nothing, its last stage
(ResNet50's layer4, VGG19's fifth block) or everything."""
DOWNLOAD = "imagenet"
RANDOM = "random"
_PREFIX = {"resnet50": "", "vgg19": "features."}
_FIRST = {"resnet50": "conv1.weight", "vgg19": "features.0.weight"}

JOINT_LAYERS = "joint-layers"
"""Of a fusion alone: both branches and their heads stay as they are, what joins them learns."""


class Backbone(nn.Module):
    """A torchvision network without its FC layers: early stages, last stage, global pooling.

    `frozen` and `trained` are its two halves for a value of `FINETUNE`, so that training can
    keep the output of the half that does not change.
    """

    def __init__(self, name: str, variant: str) -> None:
        super().__init__()
        self.features = BACKBONE_FEATURES[name]
        early, last = _resnet50_stages(variant) if name == "resnet50" else _vgg19_stages()
        self.early = nn.Sequential(OrderedDict(early))
        self.last_stage = nn.Sequential(OrderedDict(last))

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        """Map RGB (N, 3, S, S) to pooled features (N, 2048 or 512)."""
        return self.trained(rgb, "all")

    def frozen(self, rgb: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run what stays as it is: RGB (N, 3, S, S) to the input of `trained`."""
        if finetune == "all":
            return rgb
        if finetune == "none":
            return self.trained(rgb, "all")
        early: torch.Tensor = self.early(rgb)
        return early

    def trained(self, frozen: torch.Tensor, finetune: str) -> torch.Tensor:
        """Run the rest, to pooled features (N, 2048 or 512)."""
        if finetune == "none":
            return frozen
        early = self.early(frozen) if finetune == "all" else frozen
        pooled: torch.Tensor = self.last_stage(early).mean((2, 3))
        return pooled


def _resnet50_stages(
    variant: str,
) -> tuple[list[tuple[str, nn.Module]], list[tuple[str, nn.Module]]]:
    from torchvision.models import resnet50

    if variant not in VARIANTS:
        raise ValueError(f"unknown ResNet50 variant {variant!r}; choose one of {VARIANTS}")
    net = resnet50(weights=None)
    if variant == "v1":
        net.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        for stage in (net.layer2, net.layer3, net.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
    return [(name, getattr(net, name)) for name in names], [("layer4", net.layer4)]


VGG19_LAST_STAGE = 28  # first layer of the fifth block in torchvision's `features`


def _vgg19_stages() -> tuple[list[tuple[str, nn.Module]], list[tuple[str, nn.Module]]]:
    # The convolutions alone: torchvision's `vgg19` would draw a large classifier in vain.
    from torchvision.models.vgg import cfgs, make_layers

    layers = [(str(index), layer) for index, layer in enumerate(make_layers(cfgs["E"]))]
    return layers[:VGG19_LAST_STAGE], layers[VGG19_LAST_STAGE:]


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


class StrangeBackboneError(CheckpointError):
    """A file holds weights of another network than the project's own backbones."""


def backbone_of(path: Path) -> str:
    """Return which backbone a file holds, "resnet50" or "vgg19".

    Raises:
        StrangeBackboneError: it holds the weights of neither.
        CheckpointError: the file is missing or damaged.
    """
    state, _, _ = _read_file(path)
    for name, key in _FIRST.items():
        if key in state:
            return name
    raise StrangeBackboneError(f"{path} holds neither ResNet50 nor VGG19; pass another file.")


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
