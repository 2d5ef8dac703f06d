"""Work spread over processes, with its results in the order of the jobs.

The processes are spawned, for those forked from one with threads may hang. Each
computes with one thread: there are as many of them as cores, and how many threads
share a sum shows in its last digits. Ctrl-C is the parent's business alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

Job = TypeVar("Job")
Result = TypeVar("Result")

_AHEAD = 4  # jobs under way for each process, so that a slow one holds up no other
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}


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
