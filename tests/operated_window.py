"""Starts the real application in a process of its own and operates it: `study_operator.py`."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
OPERATOR = HERE / "study_operator.py"
PATIENCE_S = 180.0
REHEARSAL = "this is a rehearsal"


class OperatedWindow:
    """One run of the application; every action waits until it is done."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def do(self, action: str, *arguments: Any) -> Any:
        """Have something done, return what comes of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([action, *arguments]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self._line())
        assert "failed" not in answer, answer.get("failed")
        return answer["done"]

    def look(self) -> dict[str, Any]:
        """Return what the window says."""
        seen: dict[str, Any] = self.do("look")
        return seen

    def until(self, wanted: Callable[[dict[str, Any]], object], period_s: float = 0.1) -> Any:
        """Look again and again until something is so; return what is seen then."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not wanted(seen := self.look()):
            assert time.monotonic() < deadline_s, seen
            time.sleep(period_s)
        return seen

    def close(self) -> None:
        """Close the window and wait for the end of its process."""
        self.do("close")
        assert self.process.wait(60) == 0

    def _line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if ready else ""
        assert line, f"the window is gone or does not answer ({self.process.poll()})"
        return line


@contextmanager
def operated(
    folder: Path,
    arguments: Sequence[str],
    *,
    display: str = "",
    watch: str = "-",
    who: str = "-",
    under: Sequence[str] = (),
) -> Iterator[OperatedWindow]:
    """Run the application, with settings of its own below `folder`, until the block is left.

    `display` names an X server, else it draws off screen; `under` is what the process runs under.
    """
    command = [*under, sys.executable, str(OPERATOR), watch, who, *arguments]
    with (folder / "stderr.txt").open("a") as errors:
        process = subprocess.Popen(
            command,
            env=environment(folder, display),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        yield OperatedWindow(process)
    finally:
        # The whole group: what a process runs under may die alone.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def environment(folder: Path, display: str) -> dict[str, str]:
    """Return the variables of a process that finds no settings but its own.

    What is in the cache may be used: compiling the networks anew takes longest of all.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    found = dict(os.environ, HOME=str(folder), XDG_CACHE_HOME=cache)
    found["PYTHONPATH"] = f"{HERE.parent}:{HERE}"
    found |= {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"} if display else {}
    found |= {} if display else {"QT_QPA_PLATFORM": "offscreen"}
    for kind in ("CONFIG", "STATE", "DATA"):
        found[f"XDG_{kind}_HOME"] = str(folder / kind.lower())
    return found


@contextmanager
def screen() -> Iterator[str]:
    """Start an X server without a screen; return its display."""
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        pytest.fail("Xvfb is missing: install what packaging/system-packages.txt lists.")
    reading, writing = os.pipe()
    command = [xvfb, "-displayfd", str(writing), "-screen", "0", "1600x1000x24"]
    server = subprocess.Popen(
        [*command, "-nolisten", "tcp"], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    try:
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def begin_session(window: OperatedWindow, subject: str, answers: dict[str, str]) -> None:
    """Enrol a participant and wait until every check is green or has its reason."""
    window.do("begin", "New participant", subject, answers)
    said = window.look()["said"]["form"]
    assert said == f"Participant {subject}, session 1.", said
    settle_checks(window)


def settle_checks(window: OperatedWindow) -> None:
    """Wait until frames are judged, then give a reason for whatever is red."""
    window.until(lambda seen: "light" not in seen["red"])
    window.do("give_reasons", REHEARSAL)


def start_block(window: OperatedWindow) -> None:
    """Start the chosen block; what has become red meanwhile gets its reason too."""
    for _ in range(20):
        window.do("press", "start")
        if window.look()["recording"]:
            return
        window.do("give_reasons", REHEARSAL)
    raise AssertionError(window.look())


def record_block(window: OperatedWindow, frames: int) -> None:
    """Record so many frames of the chosen block, and stop."""
    start_block(window)
    window.until(lambda seen: seen["frames"] >= frames)
    window.do("press", "stop")
    window.until(lambda seen: seen["said"]["runs"].startswith("Recorded: "))
