"""What holds for a whole process (decimal point, algebra's threads), and work spread over many.

protobuf, and so mediapipe, reads its own numbers by the C library's LC_NUMERIC: where that says
decimal comma, the face models cannot be loaded. Qt sets it to the user's when it starts.

Filling wide holes of a depth map (`fercore.geometry.fill_interior_holes`) solves thousands of
2x2 systems. OpenBLAS may share even those among its threads, and where other work keeps the
cores busy, the shares wait for one another: on two busy cores made-up crops with sixty holes
took 147 ms on average and 2 s at worst with two threads, 23 ms and 56 ms with one, measured in
turns when all holes were filled so; whole crops in `fercore bench live` took five times as
long. Nothing else in the live path multiplies large matrices in numpy: networks have the
threads of OpenVINO and torch, which stay as they are.

The processes are spawned, for those forked from one with threads may hang. Each
computes with one thread: there are as many of them as cores, and how many threads
share a sum shows in its last digits. Ctrl-C is the parent's business alone.
"""

from __future__ import annotations

import locale
import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

    from threadpoolctl import ThreadpoolController

_OWNERS = frozenset({"numpy", "numpy.libs", "scipy", "scipy.libs"})
"""Folders of the wheels that bring an OpenBLAS. torch brings its own on some machines, where
its networks need all the threads."""
Job = TypeVar("Job")
Result = TypeVar("Result")

_AHEAD = 4  # jobs under way for each process, so that a slow one holds up no other
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}


def keep_decimal_point() -> None:
    """Have this process write and read numbers with a point from now on.

    Dates, sorting and texts stay in the user's language.
    """
    locale.setlocale(locale.LC_NUMERIC, "C")


def limit_blas_threads(threads: int = 1) -> None:
    """Let OpenBLAS take this many threads for as long as the process lives.

    Only what is loaded by now can be told: import numpy and scipy before. It has to be one thread
    that limits: while it lives, threadpoolctl ignores others.
    """
    _numpys_and_scipys().limit(limits=threads)


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """Let OpenBLAS take this many threads meanwhile, such as to measure the machine."""
    with _numpys_and_scipys().limit(limits=threads):
        yield


def _numpys_and_scipys() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    loaded = ThreadpoolController()
    paths = [library["filepath"] for library in loaded.info() if _is_theirs(library)]
    return loaded.select(filepath=paths)


def _is_theirs(library: dict[str, object]) -> bool:
    folders = Path(str(library["filepath"])).parts[:-1]
    return library["internal_api"] == "openblas" and not _OWNERS.isdisjoint(folders)


def in_order(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Generator[Result, None, None]:
    """Yield `work(job)` for each job, in order, from up to `workers` processes.

    `work`, jobs and results are pickled. The processes end at once when the generator
    is closed or this process dies, whatever they are at.

    Raises:
        FercoreError: a process died. What `work` raises is raised as well.
    """
    if not jobs:
        return
    spawn = multiprocessing.get_context("spawn")
    their_end, our_end = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(workers, len(jobs)), spawn, _tie_life_to, (their_end,))
    try:
        yield from _results(pool, work, jobs, workers * _AHEAD)
    except BrokenProcessPool as error:
        raise FercoreError(
            "A worker process died, perhaps for lack of memory; close other programs and run "
            "the same command again, with a smaller --workers where it has that option."
        ) from error
    finally:
        our_end.close()
        pool.shutdown(cancel_futures=True)
        their_end.close()


def _results(
    pool: ProcessPoolExecutor, work: Callable[[Job], Result], jobs: Sequence[Job], ahead: int
) -> Iterator[Result]:
    with _quiet_children():
        running: deque[Future[Result]] = deque(pool.submit(work, job) for job in jobs[:ahead])
    for job in jobs[ahead:]:
        yield running.popleft().result()
        running.append(pool.submit(work, job))
    while running:
        yield running.popleft().result()


@contextmanager
def _quiet_children() -> Iterator[None]:
    """Let processes that start meanwhile have one thread and never hear of Ctrl-C."""
    names = _ONE_THREAD.keys() & os.environ.keys()
    environment = {name: os.environ[name] for name in names}
    # Children inherit what is blocked, and so are deaf from their first moment on.
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name in _ONE_THREAD:
            del os.environ[name]
        os.environ.update(environment)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)


def _tie_life_to(parent: Connection) -> None:
    """End this process as soon as the other end of the pipe is closed, on purpose or by death."""

    def wait() -> None:
        parent.poll(None)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
