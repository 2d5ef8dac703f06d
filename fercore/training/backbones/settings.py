"""How a backbone is trained on FER2013."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fercore.errors import FercoreError
from fercore.training.precision import FLOAT32


@dataclass(frozen=True, slots=True)
class BackboneSettings:
    """How to train; all of it is ours, the paper takes its backbones ready-made."""

    backbone: str  # "resnet50" or "vgg19"
    precision: str = FLOAT32  # one of `precision.PRECISIONS`
    size: int = 64  # pixels, side of the input
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 0.001  # its peak, of layers that start random
    pretrained_rate: float = 0.3  # share of it for layers that start pretrained
    warm_up: float = 0.1  # share of all steps
    weight_decay: float = 0.05
    seed: int = 0


def require_sensible(settings: BackboneSettings) -> None:
    """Check the settings' ranges.

    Raises:
        FercoreError: one makes no sense.
    """
    for name, least in (("epochs", 1), ("size", 32), ("batch_size", 2), ("seed", 0)):
        if getattr(settings, name) < least:
            raise FercoreError(f"{name} is {getattr(settings, name)}; give at least {least}.")
    if not 0 < settings.learning_rate < math.inf:
        raise FercoreError(f"learning_rate is {settings.learning_rate}; it must be positive.")


def rate(done: float, warm_up: float) -> float:
    """Return the learning rate's share of its peak after a share `done` of all steps."""
    if done < warm_up:
        return done / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (done - warm_up) / (1 - warm_up))
