"""Where the chunks of an evaluation run: this machine, or a Ray cluster."""

from __future__ import annotations

import os
import socket
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import torch

from fercore.errors import FercoreError
from fercore.experiment.chunks import run_chunk
from fercore.experiment.inputs import load_inputs
from fercore.experiment.store import write_chunk
from fercore.parallel import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fercore.experiment.chunks import Chunk, ChunkResult
    from fercore.experiment.inputs import Inputs, Source

_KNOCK_S = 5.0


def run_locally(chunks: Sequence[Chunk], folder: Path) -> Iterator[str]:
    """Run chunks on the GPU, or on all CPU cores; yield each one's name once it is stored.

    Raises:
        FercoreError: training diverged, or a process died.
    """
    work = partial(_run_and_store, folder)
    if torch.cuda.is_available():
        yield from map(work, chunks)
    else:
        yield from in_order(work, chunks, os.cpu_count() or 1)


def run_on_ray(chunks: Sequence[Chunk], folder: Path, address: str | None) -> Iterator[str]:
    """Run chunks on a Ray cluster; yield each one's name once it is stored in `folder`.

    `address` is that of the cluster's head; None starts Ray on this machine alone. The nodes
    need fercore but none of the data: inputs travel through Ray. A chunk whose node is lost
    runs again elsewhere.

    Raises:
        FercoreError: Ray is not installed or cannot be reached, or a chunk failed.
    """
    ray = _start_ray(address)
    try:
        inputs = {chunk.source: ray.put(load_inputs(chunk.source)) for chunk in chunks}
        options = {"num_cpus": 1, "num_gpus": int(torch.cuda.is_available()), "max_retries": -1}
        work = ray.remote(run_chunk).options(**options)
        running = [work.remote(chunk, inputs[chunk.source]) for chunk in chunks]
        while running:
            finished, running = ray.wait(running)
            for reference in finished:
                result = _fetch(ray, reference)
                write_chunk(folder, result)
                yield result.name
    finally:
        ray.shutdown()


def _run_and_store(folder: Path, chunk: Chunk) -> str:
    result = run_chunk(chunk, _load_once(chunk.source))
    write_chunk(folder, result)
    return result.name


@lru_cache(maxsize=2)
def _load_once(source: Source) -> Inputs:
    return load_inputs(source)


def _start_ray(address: str | None) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray starts
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
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


def _fetch(ray: Any, reference: Any) -> ChunkResult:
    try:
        result: ChunkResult = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, FercoreError):
            raise cause from error
        raise
    return result
