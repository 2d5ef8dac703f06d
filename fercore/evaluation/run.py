"""Run the pipelines on all experiments of a protocol; go on where an earlier call stopped."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tqdm import tqdm

from fercore.baselines.recipes import BaselineRecipe
from fercore.errors import FercoreError
from fercore.evaluation.baseline_folds import compute, locate, record_entry
from fercore.evaluation.chunks import Chunk, split_into_chunks
from fercore.evaluation.data import assign_roles, fold_tasks, read_data
from fercore.evaluation.protocol import draw_folds
from fercore.evaluation.store import (
    FORMAT,
    claim_run,
    finished_experiments,
    forget_states,
    write_splits,
    write_tables,
)
from fercore.evaluation.workers import available_cores, local_workers, ray_workers
from fercore.runtime.files import sole_user
from fercore.runtime.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fercore.evaluation.baseline_folds import FeatureSource
    from fercore.evaluation.data import ExperimentData, Roles, Source
    from fercore.evaluation.protocol import Protocol
    from fercore.evaluation.workers import Workers
    from fercore.training.config import TrainingConfig
    from fercore.training.stacked import FoldTask

LOCAL, RAY = ENGINES = ("local", "ray")

_TABLES_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What to evaluate, on what, and where to.

    Raises:
        FercoreError: the recipes hold what an evaluation cannot follow.
    """

    data: Path  # a prepared cache
    protocol: Protocol
    configs: tuple[
        TrainingConfig | BaselineRecipe, ...
    ]  # one a pipeline, all with as many validation subjects
    folder: Path
    command: str  # for the record

    def __post_init__(self) -> None:
        if len({config.validation_subjects for config in self.configs}) != 1:
            raise FercoreError("all recipes of an evaluation need the same validation_subjects.")
        if any(c.copies or c.branches or c.rgb_size for c in self.networks):
            raise FercoreError("an evaluation takes no copies, branches or rgb_size; set none.")
        landmarkings = {c.landmarking for c in self.configs if isinstance(c, BaselineRecipe)}
        if len(landmarkings) > 1:
            raise FercoreError("all baselines of an evaluation need points of the same source.")

    @property
    def networks(self) -> tuple[TrainingConfig, ...]:
        """The recipes of networks."""
        return tuple(c for c in self.configs if not isinstance(c, BaselineRecipe))


@dataclass(frozen=True, slots=True)
class Executor:
    """Where chunks run."""

    name: str = LOCAL  # one of ENGINES
    workers: int = field(default_factory=available_cores)  # processes, on local CPU cores
    address: str | None = None  # of a Ray cluster's head; None: this machine alone

    def opened(self, folder: Path) -> AbstractContextManager[Workers]:
        """Make the workers ready; they store results in `folder`."""
        if self.name == RAY:
            return ray_workers(folder, self.address)
        return local_workers(folder, self.workers)


def evaluate(wanted: EvaluationPlan, engine: Executor) -> None:
    """Run what is missing of `wanted`; its tables hold all that is finished, even if killed.

    Raises:
        FercoreError: too few subjects, an unusable folder, or a training failed; the others
            are finished all the same.
    """
    data = read_data(wanted.data, wanted.protocol.levels)
    roles = _assign_all_roles(wanted, data)
    tasks = fold_tasks(data, roles)
    with sole_user(wanted.folder), engine.opened(wanted.folder) as workers:
        sources = {
            config.pipeline: locate(config, data, wanted.data, wanted.folder / "features")
            for config in wanted.configs
        }
        claim_run(wanted.folder, _record(wanted, data, sources, workers.hardware))
        write_splits(wanted.folder, roles)
        for config in wanted.configs:
            compute(config, data, wanted.data, sources[config.pipeline])
        tables = partial(write_tables, wanted.folder, data, roles, tasks)
        chunks = _missing_chunks(wanted, tasks, sources, workers.folds_together)
        try:
            _run_all(chunks, len(tasks) * len(wanted.configs), workers, tables)
            forget_states(wanted.folder)  # those of chunks that were cut otherwise
        finally:
            tables()


def _assign_all_roles(wanted: EvaluationPlan, data: ExperimentData) -> list[Roles]:
    folds = draw_folds(wanted.protocol, data.subjects)
    held_out = wanted.configs[0].validation_subjects
    return [assign_roles(fold, held_out, wanted.protocol.training_seed) for fold in folds]


def _missing_chunks(
    wanted: EvaluationPlan,
    tasks: Sequence[FoldTask],
    sources: dict[str, Source | FeatureSource],
    size: int,
) -> list[Chunk]:
    finished = finished_experiments(wanted.folder)
    chunks: list[Chunk] = []
    for config in wanted.configs:
        missing = [task for task in tasks if (config.pipeline, task.experiment) not in finished]
        chunks += split_into_chunks(config, sources[config.pipeline], missing, size)
    return chunks


def _run_all(
    chunks: Sequence[Chunk], total: int, workers: Workers, tables: Callable[[], None]
) -> None:
    """Run chunks to the end, failing ones or not, and keep the tables up to date meanwhile."""
    sizes = {chunk.name: len(chunk.tasks) for chunk in chunks}
    failures, written_s = [], float("-inf")
    with tqdm(total=total, initial=total - sum(sizes.values()), unit="fold", disable=None) as bar:
        for outcome in workers.run(chunks) if chunks else ():
            bar.set_postfix_str(outcome.chunk)
            bar.update(sizes[outcome.chunk])
            if outcome.failure:
                failures.append(f"{outcome.chunk}: {outcome.failure}")
            if time.monotonic() - written_s > _TABLES_EVERY_S:
                tables()
                written_s = time.monotonic()
    if failures:
        others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise FercoreError(f"{failures[0]}{others}")


def _record(
    wanted: EvaluationPlan,
    data: ExperimentData,
    sources: dict[str, Source | FeatureSource],
    hardware: str,
) -> dict[str, object]:
    protocol = asdict(wanted.protocol)
    made_with = ("scikit-learn",) if len(wanted.networks) < len(wanted.configs) else ()
    return {
        "format": FORMAT,
        "dataset": data.description,
        "faces_sha256": data.sha256,
        "synthetic": data.is_synthetic,
        "terms": data.terms,
        "data": str(wanted.data),
        "protocol": {**protocol, "levels": _levels(wanted.protocol, data)},
        "pipelines": {
            config.pipeline: record_entry(config, sources[config.pipeline])
            for config in wanted.configs
        },
        "preprocessing": asdict(data.parameters),
        "versions": versions(*made_with),
        "hardware": hardware,
        "command": wanted.command,
    }


def _levels(protocol: Protocol, data: ExperimentData) -> list[int]:
    """Return the levels of the protocol, none where the data set knows none."""
    return list(protocol.levels) if data.faces.levels.any() else []
