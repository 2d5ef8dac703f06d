"""Work in several processes: order, one thread each, Ctrl-C, and deaths on either side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from fercore.errors import FercoreError, MeshError
from fercore.runtime.processes import in_order

SLEEPERS = """
import sys, time
from fercore.runtime.processes import in_order
try:
    for _ in in_order(time.sleep, [0, 0, 60, 60, 60, 60], workers=2):
        print("ready", flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def slowest_first(number: int) -> int:
    time.sleep(0.2 if number == 0 else 0)
    return number * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise MeshError("three cannot be used")
    return number


def blocked_signals(_: int) -> set[int]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, set())


def touch_or_sleep(path: str | None) -> None:
    if path is None:
        time.sleep(60)
    else:
        with open(path, "x"):
            pass


@pytest.mark.parametrize("workers", [1, 2, 50])
def test_results_come_in_the_order_of_the_jobs(workers):
    numbers = list(range(30)) if workers < 50 else [0, 1]
    assert list(in_order(slowest_first, numbers, workers)) == [n * n for n in numbers]


def test_no_jobs_no_processes():
    assert list(in_order(slowest_first, [], workers=2)) == []


def test_work_begins_only_a_little_ahead(tmp_path):
    paths = [str(tmp_path / str(number)) for number in range(100)]
    results = in_order(touch_or_sleep, paths, workers=1)
    next(results)
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) <= 5
    results.close()


def test_an_error_in_the_work_arrives_in_its_turn():
    results = in_order(fail_at_three, range(100), workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(MeshError, match="three cannot be used"):
        next(results)


def test_a_dead_process_is_reported():
    with pytest.raises(FercoreError, match="worker process died"):
        list(in_order(os._exit, [1], workers=1))


def test_closing_waits_for_no_work(tmp_path):
    results = in_order(touch_or_sleep, [str(tmp_path / "a"), *[None] * 6], workers=2)
    next(results)
    before = time.monotonic()
    results.close()
    assert time.monotonic() - before < 20


def test_processes_have_one_thread_and_ours_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"]
    assert list(in_order(os.getenv, names, workers=1)) == ["1"] * 4
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_only_the_parent_hears_of_ctrl_c():
    assert signal.SIGINT in next(in_order(blocked_signals, [0], workers=1))
    assert signal.SIGINT not in blocked_signals(0)


@pytest.fixture
def sleepers():

    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPERS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_group_ended(group: int) -> None:
    until = time.monotonic() + 30
    while group_is_alive(group):
        assert time.monotonic() < until, "processes outlived their parent"
        time.sleep(0.05)


def test_ctrl_c_ends_all_at_once_and_silently(sleepers):
    os.killpg(sleepers.pid, signal.SIGINT)
    _, errors = sleepers.communicate(timeout=30)
    assert sleepers.returncode == 130
    assert errors == ""
    wait_until_group_ended(sleepers.pid)


def test_no_process_outlives_a_killed_parent(sleepers):
    sleepers.kill()
    sleepers.wait()
    wait_until_group_ended(sleepers.pid)
