"""Which engine a machine gets."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.inference.engines.base import ENGINES
from fercore.networks.checkpoints import load_card, load_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.inference.engines.base import Engine
    from fercore.networks.checkpoints import ModelCard
    from fercore.networks.paper import Pipeline

logger = logging.getLogger(__name__)


def load_engine(
    path: Path, engine: str = "", *, threads: int | None = None, measured: bool = False
) -> tuple[Engine, ModelCard]:
    """Load a checkpoint (.safetensors beside its card) into one of `ENGINES`.

    Without a wish it is CUDA where there is a GPU, else OpenVINO, else torch, and the log
    says why. `threads` limits OpenVINO, which otherwise uses all cores; `measured` times the
    parts of each pass.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or does not fit.
        FercoreError: the machine does not have the engine that was asked for.
    """
    if engine not in ("", *ENGINES):
        raise FercoreError(f"there is no engine {engine!r}; choose one of {', '.join(ENGINES)}.")
    has_gpu = _has_gpu()
    if engine == "cuda" and not has_gpu:
        raise FercoreError("torch finds no CUDA device; choose the engine openvino or torch.")
    if engine == "torch" or engine == "cuda" or (not engine and has_gpu):
        return _torch(path, "cpu" if engine == "torch" else "cuda", measured)
    try:
        return _openvino(path, threads, measured)
    except FercoreError:
        raise
    except Exception as error:  # a library that does not fit the machine fails in many ways
        if engine:
            raise FercoreError(f"OpenVINO does not work here ({error}); choose torch.") from error
        logger.warning("OpenVINO does not work here (%s); torch judges, more slowly.", error)
        return _torch(path, "cpu", measured)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _torch(path: Path, device: str, measured: bool) -> tuple[Engine, ModelCard]:
    from fercore.inference.engines.torch_engine import TorchEngine

    network, card = load_checkpoint(path)
    return TorchEngine(network, device, measured=measured), card


def _openvino(path: Path, threads: int | None, measured: bool) -> tuple[Engine, ModelCard]:
    from fercore.inference.engines.openvino_engine import load_openvino

    card = load_card(path)
    if not _is_whole(path, card):
        load_checkpoint(path)  # says what is wrong with it

    def network() -> Pipeline:
        return load_checkpoint(path)[0]

    return load_openvino(card, network, threads=threads, measured=measured), card


def _is_whole(path: Path, card: ModelCard) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == card.sha256
    except OSError:
        return False
