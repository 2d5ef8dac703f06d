"""The unit of work of an evaluation: one pipeline on up to ten experiments."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from fercore.baselines.recipes import BaselineRecipe
from fercore.evaluation.baseline_folds import DescribedInputs, fit_folds
from fercore.evaluation.data import Source
from fercore.networks.huynh import build_network
from fercore.training.config import TrainingConfig
from fercore.training.folds import FoldResult, train_folds
from fercore.training.loop import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.evaluation.baseline_folds import FeatureSource
    from fercore.evaluation.data import Inputs
    from fercore.networks.paper import Pipeline
    from fercore.training.folds import TrainedFolds
    from fercore.training.stacked import FoldTask

TOGETHER_ON_GPU = 10
"""Folds of a chunk on a GPU, which trains them at once. On CPU cores stacking costs more than
it saves, so a chunk is a single fold there and the cores share the chunks."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One pipeline, its recipe and inputs, and the experiments to run."""

    config: TrainingConfig | BaselineRecipe
    source: Source | FeatureSource
    tasks: tuple[FoldTask, ...]

    @property
    def name(self) -> str:
        """Such as depth-000-009."""
        first, last = self.tasks[0].experiment, self.tasks[-1].experiment
        return f"{self.config.pipeline}-{first:03}-{last:03}"

    @property
    def trains(self) -> bool:
        """Whether a network is trained, on a GPU where there is one; baselines need none."""
        return isinstance(self.config, TrainingConfig)

    def state_path(self, folder: Path, tasks: Sequence[FoldTask]) -> Path:
        """Return where in `folder` the running state of some of its experiments lies.

        The name tells apart what the state depends on: recipe, inputs and faces.
        """
        rows = [(t.experiment, t.train.tolist(), t.validation.tolist()) for t in tasks]
        kind = repr((self.config, self.source.digest, rows, [t.faces_an_epoch for t in tasks]))
        return folder / f"{self.name}-{digest(kind.encode())[:16]}.pt"


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What came of a chunk."""

    name: str
    pipeline: str
    folds: tuple[FoldResult, ...]
    seconds: float  # of training, earlier interrupted calls included
    peak_rss_mb: float  # of the process meanwhile; a GPU's own memory not included


@dataclass(frozen=True, slots=True)
class Machine:
    """What chunks run on."""

    hardware: str  # in a few words, for the record
    folds_together: int  # that a chunk holds there


def this_machine() -> Machine:
    """Look at the machine that this process runs on."""
    if torch.cuda.is_available():
        words = f"{torch.cuda.get_device_name()}, folds of a chunk trained together"
        return Machine(words, TOGETHER_ON_GPU)
    words = f"{os.cpu_count()} CPU cores ({platform.machine()}), one thread a fold"
    return Machine(words, 1)


def split_into_chunks(
    config: TrainingConfig | BaselineRecipe,
    source: Source | FeatureSource,
    tasks: Sequence[FoldTask],
    size: int,
) -> list[Chunk]:
    """Cut a network's experiments into chunks of `size`, a baseline's into single ones."""
    if isinstance(config, BaselineRecipe):
        size = 1
    return [
        Chunk(config, source, tuple(tasks[first : first + size]))
        for first in range(0, len(tasks), size)
    ]


def run_chunk(
    chunk: Chunk, inputs: Inputs | DescribedInputs, states: Path | None = None
) -> ChunkResult:
    """Train and test the chunk's experiments, keeping the running state in the folder `states`.

    On CPU one thread computes, so that results depend neither on the number of cores nor on
    where a chunk runs.

    Raises:
        FercoreError: training diverged.
    """
    _reset_peak_rss()
    if isinstance(chunk.config, BaselineRecipe):
        assert isinstance(inputs, DescribedInputs)
        return _result(chunk, [fit_folds(chunk.config, inputs, chunk.tasks)])
    assert not isinstance(inputs, DescribedInputs)
    network = load_network(chunk, inputs)
    if torch.cuda.is_available():
        network = network.cuda()
    else:
        torch.set_num_threads(1)
    return _result(chunk, _train(network, chunk, inputs, chunk.tasks, states))


def _result(chunk: Chunk, parts: Sequence[TrainedFolds]) -> ChunkResult:
    folds = tuple(fold for part in parts for fold in part.folds)
    seconds = sum(part.seconds for part in parts)
    return ChunkResult(chunk.name, chunk.config.pipeline, folds, seconds, _peak_rss_mb())


def load_network(chunk: Chunk, inputs: Inputs) -> Pipeline:
    """Return the network that all folds of a chunk start from, but for the new layers."""
    assert isinstance(chunk.source, Source)
    network = build_network(chunk.config.pipeline, chunk.source.variant)
    if inputs.start is not None and network.backbone is not None:
        network.backbone.load_state_dict(inputs.start)
    return network


def _train(
    network: Pipeline,
    chunk: Chunk,
    inputs: Inputs,
    tasks: Sequence[FoldTask],
    states: Path | None,
) -> list[TrainedFolds]:
    """Train folds together, or in two halves where they do not fit into a GPU's memory."""
    path = None if states is None else chunk.state_path(states, tasks)
    assert isinstance(chunk.config, TrainingConfig)
    try:
        return [train_folds(network, inputs.features, inputs.labels, tasks, chunk.config, path)]
    except torch.OutOfMemoryError:
        if len(tasks) == 1:
            raise
    torch.cuda.empty_cache()
    half = len(tasks) // 2
    parts = (tasks[:half], tasks[half:])
    return [one for part in parts for one in _train(network, chunk, inputs, part, states)]


_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _reset_peak_rss() -> None:
    """Forget earlier peaks of a process that runs many chunks; Linux alone can."""
    with contextlib.suppress(OSError):
        _CLEAR_REFS.write_text("5", encoding="ascii")


def _peak_rss_mb() -> float:
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
