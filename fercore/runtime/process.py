"""What holds for a whole process: the decimal point, and the threads of linear algebra.

protobuf, and so mediapipe, reads its own numbers by the C library's LC_NUMERIC: where that says
decimal comma, the face models cannot be loaded. Qt sets it to the user's when it starts.

Filling wide holes of a depth map (`fercore.geometry.fill_interior_holes`) solves thousands of
2x2 systems. OpenBLAS may share even those among its threads, and where other work keeps the
cores busy, the shares wait for one another: on two busy cores made-up crops with sixty holes
took 147 ms on average and 2 s at worst with two threads, 23 ms and 56 ms with one, measured in
turns when all holes were filled so; whole crops in `fercore bench live` took five times as
long. Nothing else in the live path multiplies large matrices in numpy: networks have the
threads of OpenVINO and torch, which stay as they are.
"""

from __future__ import annotations

import locale
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from threadpoolctl import ThreadpoolController

_OWNERS = frozenset({"numpy", "numpy.libs", "scipy", "scipy.libs"})
"""Folders of the wheels that bring an OpenBLAS. torch brings its own on some machines, where
its networks need all the threads."""


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
