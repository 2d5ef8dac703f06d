"""Trained networks on disk: safetensors beside a JSON model card.

`NAME.safetensors` holds the tensors, `NAME.json` the card: everything needed to
rebuild the network, to feed it and to know what it may be used for. Convolution
and FC weights are stored as int8 with one scale per output channel, scales and the rest
(biases, batch normalisation) in half precision where it holds them, else as float32; loading
gives float32 throughout.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fercore.errors import CheckpointError, cure
from fercore.expressions import EXPRESSIONS
from fercore.networks.backbones import VARIANTS
from fercore.networks.paper import PIPELINES, build
from fercore.networks.preprocessing import Preprocessing
from fercore.runtime.files import whole_file, write_text_whole
from fercore.runtime.parsing import checked, parsed_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fercore.networks.paper import Pipeline

FORMAT = 1
SCALE_SUFFIX = "::scale"
_SMALLEST_HALF = 2.0**-24  # above 0 in half precision
_LARGEST_WEIGHT = 1e6  # a thousand times what trained networks hold
_LARGEST_VARIANCE = _LARGEST_WEIGHT**2
_NEWER_TENSORS = ("no_rgb", "no_depth")  # zero where fusions were trained without dropout


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured figure with its 95 % interval from a bootstrap over subjects."""

    head: str  # "fusion", "rgb" or "depth"
    test_set: str  # what was tested, e.g. "synthetic, 24 unseen subjects, levels 3-4, F2D"
    accuracy: float  # 0..1
    low: float  # 0..1
    high: float  # 0..1
    samples: int
    subjects: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a checkpoint is, how to feed it and what it is worth."""

    pipeline: str  # slug, see `fercore.networks.paper`
    variant: str  # ResNet50's "v1" or "v1.5"; of no meaning elsewhere
    preprocessing: Preprocessing
    backbone_start: str  # what the backbone started from
    training_data: str  # one sentence
    terms: str  # of the training data, one sentence
    protocol: str  # who trained, who validated, how the epoch was chosen
    command: str  # that trained it
    seed: int
    versions: dict[str, str]  # of fercore, torch, ...
    validation_subjects: tuple[str, ...] = ()  # codes of those who chose the epoch
    modality_dropout: float = 0.0  # share of training faces without colour or depth; 0: the
    # fusion never learned to do without
    temperatures: dict[str, float] = field(default_factory=dict)  # of each head, worked in
    calm: bool = False  # the heads say how calm a face is
    precision: str = ""  # that convolutions were trained in; empty: not recorded
    selection: dict[str, Any] = field(default_factory=dict)  # the rule that chose the epoch: name,
    # sentence, figure, direction, patience; empty: not recorded
    measures: tuple[Measure, ...] = ()
    expressions: tuple[str, ...] = tuple(e.value for e in EXPRESSIONS)
    sha256: str = ""  # of the safetensors file
    format: int = FORMAT


def save_checkpoint(path: Path, network: Pipeline, card: ModelCard) -> ModelCard:
    """Write `path` (.safetensors) and its card; return the card with its checksum.

    Raises:
        CheckpointError: the file cannot be written; an earlier checkpoint is kept.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, value in network.state_dict().items():
        tensors.update(_compress(name, value))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            save_file(tensors, unfinished)
            complete = replace(card, sha256=_sha256(unfinished))
        write_card(path, complete)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be written ({error}); {cure(error)}.") from error
    return complete


def write_card(path: Path, card: ModelCard) -> None:
    """Write the card of the checkpoint at `path`."""
    content = {**asdict(card), "validation_subjects": _by_cache(card.validation_subjects)}
    text = json.dumps(content, indent=2, ensure_ascii=False)
    write_text_whole(card_path(path), text + "\n")


def _by_cache(subjects: tuple[str, ...]) -> dict[str, str]:
    """Return the codes of each cache in one string: thousands of lines would bury the rest."""
    codes: dict[str, list[str]] = {}
    for subject in subjects:
        cache, joint, code = subject.rpartition("/")
        codes.setdefault(cache + joint, []).append(code)
    return {cache: " ".join(own) for cache, own in codes.items()}


def _subjects(stored: dict[str, str] | list[str]) -> tuple[str, ...]:
    """Return the subjects of a card; older ones have a list."""
    if isinstance(stored, list):
        return tuple(stored)
    return tuple(cache + code for cache, own in stored.items() for code in own.split())


def load_checkpoint(path: Path) -> tuple[Pipeline, ModelCard]:
    """Rebuild the network of a checkpoint, ready for inference.

    Raises:
        CheckpointError: file or card missing, damaged, of another format, or the
            tensors do not fit the pipeline.
    """
    card = load_card(path)
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; put the weights beside their card.")
    try:
        checksum = _sha256(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from error
    if checksum != card.sha256:
        raise CheckpointError(f"{path} is damaged: its checksum is not that of its card.")
    network = build(card.pipeline, card.variant)
    if card.calm:
        network.teach_calm()
    try:
        tensors = _expand(load_file(path))
        own = network.state_dict()
        newer = {name: own[name] for name in _NEWER_TENSORS if name in own}
        network.load_state_dict({**newer, **tensors})
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} does not hold a {card.pipeline}; fetch it anew.") from error
    require_sane(path, network.state_dict())
    return network.eval(), card


def require_sane(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights that give no numbers.

    Raises:
        CheckpointError: one is not finite, absurdly large, or a variance is negative.
    """
    for name, value in tensors.items():
        if not value.is_floating_point() or not value.numel():
            continue
        low, high = (float(each) for each in value.aminmax())
        spread = name.endswith("running_var")
        least, most = (0.0, _LARGEST_VARIANCE) if spread else (-_LARGEST_WEIGHT, _LARGEST_WEIGHT)
        if not least <= low <= high <= most:  # NaN is on neither side
            raise CheckpointError(
                f"{path} holds weights that make no sense ({name} from {low:g} to {high:g}); "
                "train it again or fetch it anew."
            )


def load_card(path: Path) -> ModelCard:
    """Read and check the card of the checkpoint at `path` (.safetensors).

    Raises:
        CheckpointError: the card is missing, damaged or of another format.
    """
    source = card_path(path)
    if not source.is_file():
        raise CheckpointError(f"{source} does not exist; a checkpoint needs its model card.")
    try:
        raw = parsed_json(source.read_bytes())
        if raw["format"] != FORMAT:
            raise CheckpointError(f"{source} has format {raw['format']}; this reads {FORMAT}.")
        raw["preprocessing"] = checked(Preprocessing, dict(raw["preprocessing"]))
        raw["measures"] = tuple(checked(Measure, dict(measure)) for measure in raw["measures"])
        raw["validation_subjects"] = _subjects(raw.get("validation_subjects", []))
        card = checked(ModelCard, raw)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{source} is no readable model card ({error!r}).") from error
    _require_usable(card, source)
    return card


def card_path(path: Path) -> Path:
    """Return where the card of a checkpoint lies."""
    return path.with_suffix(".json")


def weights_folder() -> Path:
    """Return the folder of the weights that come with the project."""
    package = Path(__file__).parent.parent
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def shipped_checkpoint(pipeline: str) -> Path:
    """Return the shipped checkpoint of a pipeline.

    Raises:
        CheckpointError: none is shipped.
    """
    folder = weights_folder()
    path = folder / f"{pipeline}.safetensors"
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors"))) or "none"
        raise CheckpointError(f"no weights of {pipeline!r} in {folder}; choose one of: {shipped}.")
    return path


def _require_usable(card: ModelCard, source: Path) -> None:
    if card.pipeline not in PIPELINES:
        raise CheckpointError(f"{source} names an unknown pipeline {card.pipeline!r}.")
    if card.variant not in VARIANTS:
        raise CheckpointError(f"{source} names an unknown variant {card.variant!r}.")
    if card.expressions != tuple(e.value for e in EXPRESSIONS):
        raise CheckpointError(f"{source} orders its labels otherwise: {card.expressions}.")


def _compress(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    if value.ndim < 2:
        return {name: _halved(value) if value.is_floating_point() else value.contiguous()}
    rows = value.flatten(1)  # out channels, rest
    scale = _halved((rows.abs().amax(1) / 127).clamp(min=_SMALLEST_HALF))
    steps = (rows / scale.float()[:, None]).round().clamp(-127, 127)  # of the scale as stored
    quantised = steps.to(torch.int8).view(value.shape)
    return {name: quantised.contiguous(), name + SCALE_SUFFIX: scale}


def _halved(value: torch.Tensor) -> torch.Tensor:
    halved = value.half()
    holds = torch.allclose(halved.float(), value, rtol=1e-3, atol=0)
    return (halved if holds else value).contiguous()


def _expand(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    expanded = {}
    for name, value in tensors.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        scale = tensors.get(name + SCALE_SUFFIX)
        if scale is None:
            expanded[name] = value.float() if value.is_floating_point() else value
        else:
            expanded[name] = value.float() * scale.float().view(-1, *[1] * (value.ndim - 1))
    return expanded


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
