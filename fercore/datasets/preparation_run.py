"""Preparing a whole tree on all cores, resumable at any moment.

Rows are written in the order of the scans, however many processes work on them,
so that a resumed run and an uninterrupted one give the same bytes. The work is
always done in processes with one thread each: how many threads share a sum shows
in its last digits.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TYPE_CHECKING

from fercore.datasets.cache_writer import CacheWriter
from fercore.datasets.preparation import Entry, Models, Recipe, prepare_scan
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from fercore.datasets.bu3dfe import Bu3dfe, Scan

_AHEAD = 4  # scans in work for each process, so that a slow one holds up no other
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_worker_models: list[Models] = []


def prepare(dataset: Bu3dfe, output: Path, recipe: Recipe, workers: int) -> Iterator[list[Entry]]:
    """Write the cache and yield the rows of each scan once they are on disk.

    Scans that an earlier run finished are neither done again nor yielded.

    Raises:
        DatasetError: the folder holds something else, or a cache made with other parameters.
        FercoreError: it cannot be written, or a worker process died.
    """
    with CacheWriter(output, recipe.manifest(dataset)) as writer:
        first = writer.rows_done // recipe.rows_per_scan
        jobs = [
            (scan, number * recipe.rows_per_scan, recipe)
            for number, scan in enumerate(dataset.scans())
            if number >= first
        ]
        with contextlib.closing(_in_processes(jobs, workers)) as done:
            for entries in done:
                writer.append(entries)
                yield entries


def _in_processes(jobs: list[tuple[Scan, int, Recipe]], workers: int) -> Generator[list[Entry]]:
    context = multiprocessing.get_context("spawn")
    if not jobs:
        return
    with _single_threaded_children():
        pool = ProcessPoolExecutor(min(workers, len(jobs)), context, _start_worker)
        running: deque[Future[list[Entry]]] = deque()
        try:
            for job in jobs:
                running.append(pool.submit(_work, *job))
                if len(running) >= workers * _AHEAD:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        except BrokenProcessPool as error:
            raise FercoreError(
                "A worker process died, perhaps for lack of memory; run the same command "
                "again to go on, with --workers 1 if it recurs."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Prepare a worker process: one thread each, deaf to Ctrl-C, never outliving its parent."""
    import cv2
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(scan: Scan, row: int, recipe: Recipe) -> list[Entry]:
    if not _worker_models:
        from fercore.detection import MediapipeFaceDetector, MediapipeFaceLandmarker

        _worker_models.append(Models(MediapipeFaceDetector(), MediapipeFaceLandmarker()))
    return prepare_scan(scan, row, recipe, _worker_models[0])


@contextlib.contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Let new processes start with one thread in every numeric library."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
