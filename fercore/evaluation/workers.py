"""Where the chunks of an evaluation run: this machine, or a Ray cluster.

A chunk that fails leaves the others running; its outcome says why.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from fercore.errors import FercoreError
from fercore.evaluation.chunks import run_chunk
from fercore.evaluation.inputs import load_inputs
from fercore.evaluation.store import write_chunk
from fercore.runtime.parallel import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fercore.evaluation.chunks import Chunk, ChunkResult
    from fercore.evaluation.inputs import Inputs, Source

_KNOCK_S = 5.0
_RETRIES = 3  # of a chunk whose node is lost or runs out of memory


class Outcome(NamedTuple):
    """How a chunk ended; its result is stored unless it failed."""

    chunk: str  # its name
    failure: str = ""  # a sentence


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_locally(chunks: Sequence[Chunk], folder: Path, workers: int) -> Iterator[Outcome]:
    """Run chunks on the GPU, or in `workers` processes of one thread each.

    Raises:
        FercoreError: a process died.
    """
    work = partial(_run_and_store, folder)
    if torch.cuda.is_available():
        yield from map(work, chunks)
    else:
        yield from in_order(work, chunks, workers)


def run_on_ray(chunks: Sequence[Chunk], folder: Path, address: str | None) -> Iterator[Outcome]:
    """Run chunks on a Ray cluster and store their results in `folder`.

    `address` is that of the cluster's head; None starts Ray on this machine alone. The nodes
    need fercore but none of the data: inputs travel through Ray. A chunk whose node is lost
    runs again elsewhere.

    Raises:
        FercoreError: Ray is not installed or cannot be reached.
    """
    ray = _start_ray(address)
    try:
        sources = {chunk.source for chunk in chunks}
        inputs = {source: ray.put(load_inputs(source)) for source in sources}
        gpus = int(ray.cluster_resources().get("GPU", 0) > 0)
        work = ray.remote(run_chunk).options(num_cpus=1, num_gpus=gpus, max_retries=_RETRIES)
        running = {work.remote(chunk, inputs[chunk.source]): chunk.name for chunk in chunks}
        while running:
            (reference,), _ = ray.wait(list(running))
            name = running.pop(reference)
            yield Outcome(name, _store_result(ray, reference, folder))
    finally:
        ray.shutdown()


def _run_and_store(folder: Path, chunk: Chunk) -> Outcome:
    try:
        result = run_chunk(chunk, _load_once(chunk.source))
    except FercoreError as error:
        return Outcome(chunk.name, str(error))
    write_chunk(folder, result)
    return Outcome(chunk.name)


@lru_cache(maxsize=2)
def _load_once(source: Source) -> Inputs:
    return load_inputs(source)


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
