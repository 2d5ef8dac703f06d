"""Where the chunks of an evaluation run: this machine, or a Ray cluster.

How many folds a chunk holds, and what the record calls the hardware, are asked of the
machines that compute, not of the one that gives the command.
A chunk that fails leaves the others running; its outcome says why.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from fercore.errors import FercoreError
from fercore.evaluation.baseline_folds import load
from fercore.evaluation.chunks import run_chunk, this_machine
from fercore.evaluation.store import forget_states, states_folder, write_chunk
from fercore.runtime.processes import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from fercore.evaluation.baseline_folds import DescribedInputs, FeatureSource
    from fercore.evaluation.chunks import Chunk, ChunkResult, Machine
    from fercore.evaluation.data import Inputs, Source

_KNOCK_S = 5.0
_GLANCE = 0.01  # of a GPU, to look at it
_RETRIES = 3  # of a chunk whose node is lost or runs out of memory


class Outcome(NamedTuple):
    """How a chunk ended; its result is stored unless it failed."""

    chunk: str  # its name
    failure: str = ""  # a sentence


@dataclass(frozen=True, slots=True)
class Workers:
    """Machines that stand ready."""

    machines: tuple[Machine, ...]  # distinct ones, at least one
    run: Callable[[Sequence[Chunk]], Iterator[Outcome]]  # runs chunks and stores their results

    @property
    def hardware(self) -> str:
        """All machines in a few words, for the record."""
        return "; ".join(machine.hardware for machine in self.machines)

    @property
    def folds_together(self) -> int:
        """How many folds a chunk may hold, wherever it runs."""
        return min(machine.folds_together for machine in self.machines)


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_workers(folder: Path, processes: int) -> Iterator[Workers]:
    """Offer the GPU to networks and `processes` of one thread each; results go to `folder`."""
    yield Workers((this_machine(),), partial(_run_locally, folder, processes))


@contextmanager
def ray_workers(folder: Path, address: str | None) -> Iterator[Workers]:
    """Offer a Ray cluster; results are stored in `folder`.

    `address` is that of the cluster's head; None starts Ray on this machine alone. The nodes
    need fercore but none of the data: inputs travel through Ray. A chunk whose node is lost
    runs again elsewhere.

    Raises:
        FercoreError: Ray is not installed or cannot be reached.
    """
    ray = _start_ray(address)
    try:
        yield Workers(_ray_machines(ray), partial(_run_on_ray, ray, folder))
    finally:
        ray.shutdown()


def _run_locally(folder: Path, workers: int, chunks: Sequence[Chunk]) -> Iterator[Outcome]:
    """Run chunks in processes, but those that train on a GPU here, one after another.

    Raises:
        FercoreError: a process died.
    """
    work, gpu = partial(_run_and_store, folder), torch.cuda.is_available()
    yield from in_order(work, [one for one in chunks if not (gpu and one.trains)], workers)
    yield from map(work, [one for one in chunks if gpu and one.trains])


def _run_on_ray(ray: Any, folder: Path, chunks: Sequence[Chunk]) -> Iterator[Outcome]:
    inputs = {source: ray.put(load(source)) for source in {c.source for c in chunks}}
    has_gpus, work = _has_gpus(ray), ray.remote(run_chunk)
    running = {
        work.options(
            num_cpus=1, num_gpus=int(has_gpus and chunk.trains), max_retries=_RETRIES
        ).remote(chunk, inputs[chunk.source]): chunk.name
        for chunk in chunks
    }
    while running:
        (reference,), _ = ray.wait(list(running))
        name = running.pop(reference)
        yield Outcome(name, _store_result(ray, reference, folder))


def _has_gpus(ray: Any) -> bool:
    return bool(ray.cluster_resources().get("GPU", 0) > 0)


def _ray_machines(ray: Any) -> tuple[Machine, ...]:
    """Ask every node that will compute what it is; one that is lost meanwhile is left out."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    gpus = _has_gpus(ray)
    look = ray.remote(this_machine)
    asked = [
        look.options(
            num_cpus=0,
            num_gpus=_GLANCE if gpus else 0,  # Ray hides GPUs from those that ask for none
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=True),
        ).remote()
        for node in ray.nodes()
        if node["Alive"] and (not gpus or node["Resources"].get("GPU", 0) > 0)
    ]
    return tuple(dict.fromkeys(ray.get(asked)))


def _run_and_store(folder: Path, chunk: Chunk) -> Outcome:
    try:
        result = run_chunk(chunk, _load_once(chunk.source), states_folder(folder))
    except FercoreError as error:
        return Outcome(chunk.name, str(error))
    write_chunk(folder, result)
    forget_states(folder, chunk.name)
    return Outcome(chunk.name)


@lru_cache(maxsize=2)
def _load_once(source: Source | FeatureSource) -> Inputs | DescribedInputs:
    return load(source)


def _start_ray(address: str | None) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray starts
    try:
        import ray
    except ImportError as error:
        raise FercoreError(
            "Ray is not installed; install fercore[cluster], or leave out --engine ray."
        ) from error
    if address is not None:
        _require_listener(address)
    try:
        ray.init(address, log_to_driver=False, include_dashboard=None if address else False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise FercoreError(
            f"no Ray cluster at {address or 'this machine'} ({error}); check --address."
        ) from error
    return ray


def _require_listener(address: str) -> None:
    """Knock first: Ray itself tries for minutes to reach a cluster that is not there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
    except (OSError, ValueError) as error:
        raise FercoreError(
            f"no Ray cluster at {address} ({error}); give --address as HOST:PORT of its head."
        ) from error


def _store_result(ray: Any, reference: Any, folder: Path) -> str:
    """Fetch and store a chunk's result; return what kept it from having one."""
    try:
        result: ChunkResult = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, FercoreError):
            return str(error.cause)
        raise
    except ray.exceptions.RayError as error:
        return f"its node failed {_RETRIES + 1} times ({type(error).__name__}); check the cluster."
    write_chunk(folder, result)
    return ""
