"""The whole application looks no name up and connects to nothing: telemetry included.

In a process of its own: window, synthetic face, shipped networks, verdicts, a study run.
Python's own use of the network is heard by an audit hook; that of native code by strace, or
by watching the process's sockets where strace cannot be had.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest
from network_watch import SocketWatch, calls_beyond, strace_command
from operated_window import begin_session, operated, record_block
from study_fixtures import write_study

from fercore.study.layout import runs_of
from fercore.study.run_files import RunState, read_run_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOPBACK_PROBE = 'sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")'
LOOPBACK_BIND = ("socket.bind (('::1', 0),)", "socket.bind (('127.0.0.1', 0),)")


def used(folder: Path, under: list[str]) -> tuple[list[str], set[str]]:
    """Record a study run; return what Python did with the network, and which sockets were seen.

    Without something to run `under`, the process's sockets are watched.
    """
    study, log = write_study(folder / "study", "full"), folder / "python.log"
    arguments = ["--source", "synthetic", "--study", str(study)]
    with operated(folder, arguments, watch=str(log), who="resting", under=under) as window:
        watch = SocketWatch(window.process.pid)
        if not under:
            watch.start()
        begin_session(window, "01", {"age": "30"})
        record_block(window, 20)
        sockets = watch.seen.copy()
        window.do("use_network")
        window.close()
    (place,) = runs_of(study)
    record = read_run_record(place.session)
    assert record.state is RunState.COMPLETE and record.weights[0].pipeline == "fusion-resnet50"
    return log.read_text(encoding="utf-8").splitlines(), sockets


def test_nothing_is_looked_up_or_connected_to(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    log = tmp_path / "strace.log"
    under = strace_command(log)
    record_property("native calls heard by", "strace" if under else "the process's sockets")
    python, sockets = used(tmp_path, under)
    # The last line is the probe's: the watch was awake.
    assert python[-1] == LOOPBACK_BIND[1]
    assert [line for line in python if line not in LOOPBACK_BIND] == []
    assert sockets == set()
    if under:
        assert LOOPBACK_PROBE in log.read_text(encoding="utf-8", errors="replace")
        assert calls_beyond(log) == []


def test_the_watch_over_sockets_is_awake() -> None:

    watch = SocketWatch(os.getpid())
    watch.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", 9))  # of UDP: nothing is sent
        deadline_s = time.monotonic() + 5
        while not watch.seen and time.monotonic() < deadline_s:
            time.sleep(0.01)
    assert any(line.startswith("udp 0100007F") for line in watch.stop())


@pytest.mark.parametrize(
    ("line", "reaches_out"),
    [
        (
            '1 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("9.9.9.9")}',
            True,
        ),
        ('1 sendto(3, "x", 1, 0, {sa_family=AF_INET6, sin6_port=htons(5353)', True),
        ('1 bind(3, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}', True),
        ('1 connect(3, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd', True),
        (
            '1 bind(3, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")}',
            False,
        ),
        ("1 socket(AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 7", False),
        ("1 socket(AF_PACKET, SOCK_RAW, 768) = 7", True),
        ('1 connect(3, {sa_family=AF_UNIX, sun_path="/tmp/.X11-unix/X0"}, 20) = 0', False),
    ],
)
def test_what_counts_as_reaching_out(line: str, reaches_out: bool, tmp_path: Path) -> None:
    log = tmp_path / "strace.log"
    log.write_text(line + "\n", encoding="utf-8")
    assert bool(calls_beyond(log)) is reaches_out
