"""How to train, and in which precision: read from TOML files, one a row of the paper's Table 1.

Weights, losses and everything that is scored stay float32; bfloat16 has float32's range,
so gradients need no scaling.

The files lie in `configs/` beside this module. Each opens with its row, its command and
the paper's accuracy, and marks what the paper does not state.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, inf, pi
from pathlib import Path
from typing import Any

import torch

from fercore.errors import FercoreError
from fercore.networks.backbones import FINETUNE, JOINT_LAYERS
from fercore.networks.huynh import NETWORKS
from fercore.runtime.parsing import checked, parsed_toml

FLOAT32, BFLOAT16 = PRECISIONS = ("float32", "bfloat16")
"""What a recipe may compute in; never chosen by the machine, which would make results its own."""
CONSTANT, COSINE = SCHEDULES = ("constant", "cosine")
"""Courses of the learning rate: the same throughout, or falling to 0 over the planned epochs."""


def training_device() -> torch.device:
    """Return where networks are trained."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computing_in(precision: str, where: torch.device) -> torch.autocast:
    """Return a context in which convolutions and matrix products are computed in `precision`."""
    return torch.autocast(where.type, torch.bfloat16, enabled=precision == BFLOAT16)


def channels_last(values: torch.Tensor) -> torch.Tensor:
    """Return pictures or kernels (four axes) in the layout that convolves fastest, others as is."""
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


class ConfigError(FercoreError):
    """A configuration cannot be used; the message names the file or the setting."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train; the defaults are the paper's where it states something.

    Raises:
        ConfigError: a setting makes no sense.
    """

    pipeline: str  # slug, see `fercore.networks.huynh.NETWORKS`
    backbone_source: str = "imagenet"  # see `fercore.networks.backbones.read_start`
    finetune: str = (
        "none"  # `FINETUNE`, `JOINT_LAYERS`; section 5.1 speaks of features of the networks
    )
    learning_rate: float = 0.003  # section 5.1
    schedule: str = CONSTANT  # one of `SCHEDULES`; the paper names none
    epochs: int = 1000  # section 5.1: at most; without validation subjects exactly
    batch_size: int = 32  # not stated
    patience: int = 10  # epochs without a better validation loss before stopping; not stated
    rgb_size: int = 0  # pixels, side of the colour input; 0: of the crops as prepared
    balanced: bool = False  # rare expressions count more, see `losses.balancing_weights`
    calm: bool = False  # heads learn from calm faces too, and say how calm a face is; not stated
    modality_dropout: float = 0.0  # share of faces that lose colour or depth; not stated
    copies: int = 0  # augmented copies of every face; 0: the faces as they are; not stated
    validation_subjects: int = 6  # taken from the training subjects; not stated. 0: last epoch
    precision: str = FLOAT32  # one of `PRECISIONS`, of convolutions and products; not stated
    seed: int = 0
    branches: tuple[str, ...] = ()  # checkpoints that a fusion's branches start from; see `trainer`

    def __post_init__(self) -> None:
        known = _one_of(NETWORKS)
        _require(self.pipeline in NETWORKS, "pipeline", self.pipeline, known)
        # Only trained branches are worth joining as they are.
        joined = self.pipeline.startswith("fusion") and self.branches
        trained = (*FINETUNE, JOINT_LAYERS) if joined else FINETUNE
        _require(self.finetune in trained, "finetune", self.finetune, _one_of(trained))
        _require(self.schedule in SCHEDULES, "schedule", self.schedule, _one_of(SCHEDULES))
        _require(self.precision in PRECISIONS, "precision", self.precision, _one_of(PRECISIONS))
        _require(
            0 < self.learning_rate < inf,
            "learning_rate",
            self.learning_rate,
            "must be positive and finite",
        )
        _require(
            0 <= self.modality_dropout < 1,
            "modality_dropout",
            self.modality_dropout,
            "must be at least 0 and less than 1",
        )
        # Batch normalisation needs a batch.
        least_values = {"batch_size": 2, "copies": 0, "seed": 0, "rgb_size": 0}
        least_values |= {"epochs": 1, "patience": 1, "validation_subjects": 0}
        for name, least in least_values.items():
            value = getattr(self, name)
            _require(value >= least, name, value, f"must be at least {least}")


def learning_rate(config: TrainingConfig, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 0."""
    if config.schedule == COSINE:
        return config.learning_rate * (1 + cos(pi * epoch / config.epochs)) / 2
    return config.learning_rate


def require_fixed_epochs(validation_subjects: int | None, epochs: int | None) -> None:
    """Refuse a command that holds nobody out and leaves open how long to train.

    Raises:
        ConfigError: it does.
    """
    if validation_subjects == 0 and epochs is None:
        raise ConfigError(
            "with --validation-subjects 0 nobody chooses the epoch; fix it by --epochs N."
        )


def shipped_config(pipeline: str) -> Path:
    """Return the file of a pipeline's row of Table 1.

    Raises:
        ConfigError: unknown pipeline.
    """
    _require(pipeline in NETWORKS, "pipeline", pipeline, _one_of(NETWORKS))
    return Path(__file__).parent / "configs" / f"{pipeline}.toml"


def read_config(path: Path, **changes: Any) -> TrainingConfig:
    """Read a configuration; `changes` replace what the file says.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown or makes no sense.
    """
    try:
        written = parsed_toml(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no readable TOML file ({error}).") from error
    settings = {**written, **changes}
    if "pipeline" not in settings:
        raise ConfigError(f"{path} does not name its pipeline; add a line: pipeline = ...")
    try:
        return checked(TrainingConfig, settings)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}.") from error
    except ConfigError as error:
        if _is_usable({**settings, **written}):
            raise  # what was asked for beside the file
        raise ConfigError(f"{path}: {error}") from error


def _is_usable(settings: dict[str, Any]) -> bool:
    try:
        checked(TrainingConfig, settings)
    except (ConfigError, ValueError):
        return False
    return True


def _one_of(known: tuple[str, ...]) -> str:
    return f"choose one of: {', '.join(known)}"


def _require(holds: bool, name: str, value: object, cure: str) -> None:
    if not holds:
        raise ConfigError(f"{name} is {value!r}; {cure}.")
