"""In which precision and memory layout convolutions are trained, and where.

Weights, losses and everything that is scored stay float32; bfloat16 has float32's range,
so gradients need no scaling.
"""

from __future__ import annotations

from typing import Any

import torch

PRECISIONS = ("float32", "bfloat16")


def training_device() -> torch.device:
    """Return where networks are trained."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_precision() -> str:
    """Return which of PRECISIONS trains fastest on this machine."""
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported(False) else "float32"
    known = getattr(torch.cpu, "get_capabilities", None)  # newer than our oldest torch
    capabilities: dict[str, Any] = known() if known is not None else {}
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return "bfloat16" if native else "float32"


def computing_in(precision: str, where: torch.device) -> torch.autocast:
    """Return a context in which convolutions and matrix products are computed in `precision`."""
    return torch.autocast(where.type, torch.bfloat16, enabled=precision == "bfloat16")


def channels_last(values: torch.Tensor) -> torch.Tensor:
    """Return pictures or kernels (four axes) in the layout that convolves fastest, others as is."""
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values
