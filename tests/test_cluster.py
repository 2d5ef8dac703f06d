"""`evaluate --engine ray` on a cluster of two nodes on this machine, one of which is lost."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_up_faces import make_cache
from test_evaluate import PARAMETERS, evaluate, tables

cluster_utils = pytest.importorskip("ray.cluster_utils")
pytestmark = [
    pytest.mark.timeout(240),
    # Ray leaves sockets and processes to the garbage collector and warns of its own plans.
    pytest.mark.filterwarnings("ignore"),
]

OPTIONS = ("--protocol", "holdout90", "--experiments", "6", "--epochs", "3")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    head = {"num_cpus": 1, "object_store_memory": 10**8, "include_dashboard": False}
    nodes = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    nodes.add_node(num_cpus=1, object_store_memory=10**8)
    yield nodes
    nodes.shutdown()


def lose_a_node(cluster: Any, run: Path, lost: list[bool]) -> None:
    """Kill the second node as soon as the first chunk is finished."""
    deadline = time.monotonic() + 180
    while not list(run.glob("chunks/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    (worker,) = cluster.worker_nodes
    cluster.remove_node(worker, allow_graceful=False)
    lost.append(len(list(run.glob("chunks/*.json"))) < 6)


def test_a_cluster_that_loses_a_node_gives_the_tables_of_one_machine(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = make_cache(tmp_path / "cache", 12, 0, PARAMETERS)
    on_ray, local, lost = tmp_path / "on-ray", tmp_path / "local", list[bool]()
    monkeypatch.setattr(os, "cpu_count", lambda: 777)
    thief = threading.Thread(target=lose_a_node, args=(cluster, on_ray, lost))
    thief.start()
    ray = ("--engine", "ray", "--address", cluster.address)
    assert evaluate(cache, on_ray, *OPTIONS, *ray, pipelines="depth") == 0
    thief.join()
    record = json.loads((on_ray / "run.json").read_text())
    assert "777 CPU cores" not in record["hardware"]  # of the machine that gives the command
    assert record["hardware"].endswith("one thread a fold")
    assert lost == [True]
    assert evaluate(cache, local, *OPTIONS, pipelines="depth") == 0
    assert tables(on_ray) == tables(local)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "head", "127.0.0.1:port"])
def test_a_cluster_out_of_reach_is_named(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = make_cache(tmp_path / "cache", 12, 0, PARAMETERS)
    ray = ("--engine", "ray", "--address", address)
    assert evaluate(cache, tmp_path / "run", *OPTIONS, *ray, pipelines="depth") == 2
    assert f"no Ray cluster at {address}" in capsys.readouterr().err
