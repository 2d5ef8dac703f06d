"""In which precision and memory layout convolutions are trained, and where.

Weights, losses and everything that is scored stay float32; bfloat16 has float32's range,
so gradients need no scaling.
"""

from __future__ import annotations

import torch

FLOAT32, BFLOAT16 = PRECISIONS = ("float32", "bfloat16")
"""What a recipe may compute in; never chosen by the machine, which would make results its own."""


def training_device() -> torch.device:
    """Return where networks are trained."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def computing_in(precision: str, where: torch.device) -> torch.autocast:
    """Return a context in which convolutions and matrix products are computed in `precision`."""
    return torch.autocast(where.type, torch.bfloat16, enabled=precision == BFLOAT16)


def channels_last(values: torch.Tensor) -> torch.Tensor:
    """Return pictures or kernels (four axes) in the layout that convolves fastest, others as is."""
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values
