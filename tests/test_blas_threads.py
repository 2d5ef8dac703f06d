"""Threads of numpy's and scipy's OpenBLAS: theirs alone are changed."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator  # loads scipy's OpenBLAS, as filling holes does
from threadpoolctl import threadpool_info

from fercore.runtime.processes import blas_threads, in_order, limit_blas_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THEIRS, OTHERS = ("numpy", "scipy"), ("torch", "opencv")


def threads_of(*packages: str) -> dict[str, int]:
    """Return the threads of every pool whose library lies in the folder of such a package."""
    return {
        pool["filepath"]: pool["num_threads"]
        for pool in threadpool_info()
        if any(f"site-packages/{package}" in pool["filepath"] for package in packages)
    }


def threads_in_a_worker(_: int) -> list[int]:
    assert LinearNDInterpolator
    return [*threads_of(*THEIRS).values()]


def in_a_thread(work: Callable[[], object]) -> None:
    """Do it in a thread that ends: while one that set a limit lives, others cannot."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = max(threads_of(*THEIRS).values())
    yield
    in_a_thread(lambda: limit_blas_threads(before))


def test_numpy_and_scipy_have_a_pool_each() -> None:
    assert len(threads_of("numpy")) == len(threads_of("scipy")) == 1


def test_a_limit_holds_meanwhile_and_then_what_was_before() -> None:
    in_a_thread(lambda: limit_blas_threads(2))
    with blas_threads(1):
        assert set(threads_of(*THEIRS).values()) == {1}
    assert set(threads_of(*THEIRS).values()) == {2}


def test_a_limit_for_good_holds_in_every_thread() -> None:
    with blas_threads(2):
        pass  # whoever limits for a while must not keep others from it
    in_a_thread(limit_blas_threads)
    seen: list[set[int]] = []
    in_a_thread(lambda: seen.append(set(threads_of(*THEIRS).values())))
    assert seen == [{1}]
    assert set(threads_of(*THEIRS).values()) == {1}


def test_what_the_networks_compute_with_keeps_its_threads() -> None:
    import torch  # here, since the workers below import this module too

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        others = threads_of(*OTHERS)
        in_a_thread(limit_blas_threads)
        assert torch.get_num_threads() == 2
        assert threads_of(*OTHERS) == others
    finally:
        torch.set_num_threads(before)


def test_openvino_keeps_its_threads() -> None:
    from fercore.inference.engines.conversion import import_openvino

    openvino = import_openvino()
    ops = openvino.opset13
    given = ops.parameter([1, 8], np.float32)
    model = openvino.Model([ops.result(ops.relu(given))], [given], "nothing")
    in_a_thread(limit_blas_threads)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 2})
    threads = min(2, len(os.sched_getaffinity(0)))  # more than there are cores it never has
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
    in_a_thread(limit_blas_threads)
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads


def test_workers_have_one_thread_from_the_start() -> None:
    in_a_thread(lambda: limit_blas_threads(2))
    assert list(in_order(threads_in_a_worker, [0], workers=1)) == [[1, 1]]
