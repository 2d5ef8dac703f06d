"""What the machine can do at most, and what a network asks of it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import numpy as np

from fercore.runtime.process import blas_threads

if TYPE_CHECKING:
    from pathlib import Path

_MATRIX = 1024  # side of the matrices


def matrix_peak_gflops(repetitions: int = 12) -> float:
    """Return the fastest float32 matrix product of numpy on all cores, in GFLOP/s."""
    matrix = np.random.default_rng(0).random((_MATRIX, _MATRIX), np.float32)
    durations_s = []
    with blas_threads(os.cpu_count() or 1):
        for _ in range(repetitions):
            started_s = time.perf_counter()
            np.matmul(matrix, matrix)
            durations_s.append(time.perf_counter() - started_s)
    return 2 * _MATRIX**3 / min(durations_s) / 1e9


def network_gflop(checkpoint: Path) -> float:
    """Return the floating-point operations of one pass, in thousands of millions.

    Raises:
        CheckpointError: the checkpoint cannot be used.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from fercore.networks.checkpoints import load_checkpoint
    from fercore.networks.paper import DEPTH_SIZE

    network, card = load_checkpoint(checkpoint)
    size = card.preprocessing.rgb_size
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size, size), torch.zeros(1, 1, DEPTH_SIZE, DEPTH_SIZE))
    return float(counter.get_total_flops()) / 1e9
