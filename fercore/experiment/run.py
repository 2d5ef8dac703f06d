"""Run the pipelines on all experiments of a protocol; go on where an earlier call stopped."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from fercore.experiment.chunks import Chunk, split_into_chunks
from fercore.experiment.data import assign_roles, fold_task, read_data
from fercore.experiment.engines import run_locally, run_on_ray
from fercore.experiment.inputs import compute_inputs, locate_inputs
from fercore.experiment.store import (
    FORMAT,
    claim_run,
    finished_experiments,
    write_splits,
    write_tables,
)
from fercore.protocol import draw_folds
from fercore.provenance import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fercore.experiment.data import ExperimentData, Roles
    from fercore.experiment.inputs import Source
    from fercore.protocol import Protocol
    from fercore.training.config import TrainingConfig
    from fercore.training.folds import FoldTask

LOCAL, RAY = ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to evaluate, on what, and where to."""

    data: Path  # a prepared cache
    protocol: Protocol
    configs: tuple[TrainingConfig, ...]  # one a pipeline, all with as many validation subjects
    folder: Path
    command: str  # for the record


def evaluate(wanted: Evaluation, engine: str = LOCAL, address: str | None = None) -> None:
    """Run what is missing of `wanted`; its tables hold all that is finished, even if interrupted.

    Raises:
        FercoreError: too few subjects, an unusable folder, or training failed.
    """
    data = read_data(wanted.data, wanted.protocol.levels)
    roles = _assign_all_roles(wanted, data)
    tasks = {k: fold_task(data, k, one) for k, one in enumerate(roles)}
    sources = {
        config.pipeline: locate_inputs(config, data, wanted.folder / "features")
        for config in wanted.configs
    }
    claim_run(wanted.folder, _record(wanted, data, sources))
    write_splits(wanted.folder, roles)
    for config in wanted.configs:
        compute_inputs(config, data, sources[config.pipeline])
    try:
        _run_missing(wanted, tasks, sources, engine, address)
    finally:
        write_tables(wanted.folder, data, tasks)


def _assign_all_roles(wanted: Evaluation, data: ExperimentData) -> list[Roles]:
    folds = draw_folds(wanted.protocol, data.faces.subject_names)
    held_out = wanted.configs[0].validation_subjects
    return [assign_roles(fold, held_out, wanted.protocol.training_seed) for fold in folds]


def _run_missing(
    wanted: Evaluation,
    tasks: dict[int, FoldTask],
    sources: dict[str, Source],
    engine: str,
    address: str | None,
) -> None:
    finished = finished_experiments(wanted.folder)
    chunks: list[Chunk] = []
    for config in wanted.configs:
        missing = [t for k, t in tasks.items() if (config.pipeline, k) not in finished]
        chunks += split_into_chunks(config, sources[config.pipeline], missing)
    sizes = {chunk.name: len(chunk.tasks) for chunk in chunks}
    total = len(tasks) * len(wanted.configs)
    with tqdm(total=total, initial=total - sum(sizes.values()), unit="fold", disable=None) as bar:
        for name in _results(chunks, wanted.folder, engine, address):
            bar.set_postfix_str(name)
            bar.update(sizes[name])


def _results(
    chunks: Sequence[Chunk], folder: Path, engine: str, address: str | None
) -> Iterator[str]:
    if not chunks:
        return iter(())
    return run_on_ray(chunks, folder, address) if engine == RAY else run_locally(chunks, folder)


def _record(
    wanted: Evaluation, data: ExperimentData, sources: dict[str, Source]
) -> dict[str, object]:
    protocol = asdict(wanted.protocol)
    return {
        "format": FORMAT,
        "dataset": data.description,
        "synthetic": data.is_synthetic,
        "terms": data.terms,
        "data": str(wanted.data),
        "protocol": {**protocol, "levels": list(wanted.protocol.levels)},
        "pipelines": {
            config.pipeline: {
                "backbone_start": sources[config.pipeline].backbone_start,
                "finetune": config.finetune,
                "inputs": sources[config.pipeline].digest,
                "config": _settings(config),
            }
            for config in wanted.configs
        },
        "preprocessing": asdict(data.parameters),
        "versions": versions(),
        "hardware": _hardware(),
        "command": wanted.command,
    }


def _settings(config: TrainingConfig) -> dict[str, object]:
    settings = asdict(config)
    del settings["backbone_source"]  # a path; `inputs` and `backbone_start` say what it held
    return {**settings, "branches": list(config.branches)}


def _hardware() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, folds of a chunk trained together"
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), one thread a fold"
