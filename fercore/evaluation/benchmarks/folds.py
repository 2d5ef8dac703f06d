"""What training folds together gains over one after another, on the same data.

On a GPU the folds of a chunk train as one stacked network; on CPU cores each fold has a
process and a thread of its own. One after another, a fold has the whole machine.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from fercore.errors import FercoreError
from fercore.evaluation.chunks import Chunk, load_network, split_into_chunks
from fercore.evaluation.data import (
    ExperimentData,
    Source,
    assign_roles,
    compute_inputs,
    fold_tasks,
    load_inputs,
    locate_inputs,
    read_data,
)
from fercore.evaluation.protocol import FOLDS, HOLDOUT90, LEVELS, Protocol, draw_folds
from fercore.evaluation.store import read_chunks
from fercore.evaluation.workers import available_cores, local_workers
from fercore.training.config import TrainingConfig
from fercore.training.folds import train_folds

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.structures import FloatArray
    from fercore.training.stacked import FoldTask


@dataclass(frozen=True, slots=True)
class Pass:
    """One way of training all folds."""

    seconds: float
    busy_cores: float  # CPU time over wall time, of this process and its children
    accuracy: float  # 0..1, mean over the folds' own test faces


@dataclass(frozen=True, slots=True)
class FoldBenchmark:
    """Both ways on the same folds."""

    one_by_one: Pass
    together: Pass
    folds: int
    faces: int
    device: str

    @property
    def factor(self) -> float:
        """How many times faster together is."""
        return self.one_by_one.seconds / self.together.seconds


def measure_folds(data: Path, config: TrainingConfig) -> FoldBenchmark:
    """Train ten folds over all subjects of a cache both ways, for `config.epochs` epochs.

    Raises:
        FercoreError: the cache cannot be used, or has fewer than ten subjects.
    """
    faces = read_data(data, LEVELS)
    tasks = _tasks(faces, config)
    with tempfile.TemporaryDirectory() as folder:
        source = locate_inputs(config, faces, Path(folder))
        compute_inputs(config, faces, source)
        everything = Chunk(config, source, tuple(tasks))
        alone = _timed(lambda: _one_by_one(everything), faces, tasks)
        together = _timed(lambda: _together(everything, Path(folder)), faces, tasks)
    cuda = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if cuda else f"{os.cpu_count()} CPU cores"
    return FoldBenchmark(alone, together, len(tasks), len(faces.faces), device)


def _tasks(data: ExperimentData, config: TrainingConfig) -> list[FoldTask]:
    folds = draw_folds(Protocol(HOLDOUT90, FOLDS, None), data.subjects)
    roles = [assign_roles(fold, config.validation_subjects, config.seed) for fold in folds]
    return fold_tasks(data, roles)


def _one_by_one(chunk: Chunk) -> dict[int, FloatArray]:
    assert isinstance(chunk.source, Source) and isinstance(chunk.config, TrainingConfig)
    inputs = load_inputs(chunk.source)
    network = load_network(chunk, inputs)
    if torch.cuda.is_available():
        network = network.cuda()
    predicted = {}
    for task in chunk.tasks:
        trained = train_folds(network, inputs.features, inputs.labels, [task], chunk.config)
        (result,) = trained.folds
        predicted[task.experiment] = result.probabilities
    return predicted


def _together(every: Chunk, folder: Path) -> dict[int, FloatArray]:
    with local_workers(folder, available_cores()) as workers:
        chunks = split_into_chunks(every.config, every.source, every.tasks, workers.folds_together)
        for outcome in workers.run(chunks):
            if outcome.failure:
                raise FercoreError(f"{outcome.chunk}: {outcome.failure}")
    return {
        fold["experiment"]: np.array(fold["probabilities"], np.float32)
        for record in read_chunks(folder)
        for fold in record["folds"]
    }


def _timed(
    train: Callable[[], dict[int, FloatArray]], data: ExperimentData, tasks: list[FoldTask]
) -> Pass:
    began, busy = time.perf_counter(), _cpu_seconds()
    predicted = train()
    seconds = time.perf_counter() - began
    right = [predicted[t.experiment].argmax(1) == data.faces.labels[t.test] for t in tasks]
    cores = (_cpu_seconds() - busy) / seconds
    return Pass(seconds, cores, float(np.concatenate(right).mean()))


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
