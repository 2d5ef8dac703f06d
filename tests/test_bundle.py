"""The bundle that `make bundle` leaves in dist/, launched as its user would.

Nothing of this environment reaches it: neither variables nor the folder that it was built in.
FERCORE_BUNDLE names a bundle elsewhere.
"""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fercore.cli import sub_commands
from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

BUNDLE = Path(__file__).parent.parent / "dist" / "rgbd-fer"
PATIENCE_S = 240.0
FRAMES = 40

Snapshot = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def bundle() -> Path:
    """Return the folder of the bundle."""
    folder = Path(os.environ.get("FERCORE_BUNDLE", BUNDLE))
    if not (folder / "rgbd-fer").is_file():
        pytest.fail(f"There is no bundle in {folder}: run `make bundle` first.")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a user's empty home."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module", autouse=True)
def untouched(bundle: Path) -> Iterator[None]:
    """See to it that no program of the bundle writes beside itself."""
    before = snapshot(bundle)
    yield
    after = snapshot(bundle)
    assert sorted(before.items() ^ after.items()) == []


def snapshot(folder: Path) -> Snapshot:
    """Return size and time of change of every file."""
    files = ((path, path.lstat()) for path in folder.rglob("*"))
    return {str(path): (state.st_size, state.st_mtime_ns) for path, state in files}


def environment_of(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def launch(bundle: Path, home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what runs a program of the bundle to its end."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(bundle / program), *arguments],
            env=environment_of(home),
            cwd=home,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


def test_the_sample_is_judged_without_a_window(
    launch: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    options = ("--source", "sample", "--headless", "--max-frames", str(FRAMES))
    done = launch("rgbd-fer", *options, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"{FRAMES} frames, 0 of them without a verdict" in done.stdout
    assert "Traceback" not in done.stderr
    with (tmp_path / "predictions.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == FRAMES
    for head in ("fusion", "rgb", "depth"):
        sums = [sum(float(row[f"{head}_{e.value}"]) for e in EXPRESSIONS) for row in rows]
        assert sums == pytest.approx([1.0] * FRAMES, abs=1e-3)
    assert (tmp_path / "window.png").stat().st_size > 20_000
    assert (tmp_path / "overlay.mp4").stat().st_size > 10_000


def test_the_window_starts_its_networks_and_closes(bundle: Path, tmp_path: Path) -> None:
    """The log says when the networks are there; Ctrl-C closes the window."""
    environment = environment_of(tmp_path) | {"QT_QPA_PLATFORM": "offscreen"}
    command = [str(bundle / "rgbd-fer"), "--source", "sample"]
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as stderr:
        window = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=stderr)
        try:
            log = wait_for(tmp_path, "is converted and kept", window)
            time.sleep(3.0)  # of verdicts
            window.send_signal(signal.SIGINT)
            assert window.wait(60.0) == 0
        finally:
            window.kill()
            window.wait()
        stderr.seek(0)
        assert "Traceback" not in stderr.read()
    text = log.read_text(encoding="utf-8")
    assert not re.search(r" (WARNING|ERROR|CRITICAL) (app|fercore)", text), text


def wait_for(home: Path, words: str, process: subprocess.Popen[bytes]) -> Path:
    """Return the application's log once it holds these words."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and process.poll() is None:
        for log in home.glob(".local/state/fercore/log/rgbd-fer.log"):
            if words in log.read_text(encoding="utf-8"):
                return log
        time.sleep(0.2)
    pytest.fail(f"the window never logged {words!r} (exit status {process.poll()})")


def test_the_command_lists_all_it_can_do(
    launch: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = launch("fercore", "--help")
    assert done.returncode == 0, done.stderr
    names = [command.name for command in sub_commands()]
    assert all(re.search(rf"^    {name}\s", done.stdout, re.MULTILINE) for name in names)


def test_what_comes_through_entry_points_is_there(
    launch: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = launch("fercore", "bench", "live", "--help")
    assert done.returncode == 0, done.stderr
    assert "--soak" in done.stdout


def test_everything_works_that_needs_no_device(
    launch: Callable[..., subprocess.CompletedProcess[str]], bundle: Path
) -> None:
    done = launch("fercore", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"OpenVINO|NVIDIA|CUDA", done.stdout)
    assert str(bundle / "_internal" / "fercore" / "weights") in done.stdout.replace("\n", "")
    assert "RealSense SDK" in done.stdout and "Qt 6" in done.stdout


def test_worker_processes_start(
    launch: Callable[..., subprocess.CompletedProcess[str]], home: Path, tmp_path: Path
) -> None:
    (root,) = (home / ".cache" / "fercore").glob("samples-*")
    subject = min(path for path in root.iterdir() if path.is_dir())
    cache = tmp_path / "cache"
    done = launch(
        "fercore", "prepare", "bu3dfe", str(subject), "--output", str(cache), "--workers", "2"
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert any(cache.iterdir())


def test_notices_rules_and_entries_lie_in_the_bundle(bundle: Path) -> None:
    page = (bundle / "licences" / "NOTICES.md").read_text(encoding="utf-8")
    for name in ("PySide6_Essentials", "torch", "mediapipe", "openvino", "open3d", "av", "numpy"):
        assert f"| {name} |" in page
    assert "LGPL" in page and "x264" in page
    assert (bundle / "licences" / "LGPL-3.txt").is_file()
    assert (bundle / "licences" / "NOTICE.txt").is_file()
    assert (bundle / "packaging" / "udev" / "60-fercore-cameras.rules").is_file()
    assert (bundle / "packaging" / "desktop" / "rgbd-fer.desktop").is_file()
    assert (bundle / "packaging" / "desktop" / "rgbd-fer.svg").is_file()
    assert (bundle / "INSTALL.txt").is_file()


def test_nothing_of_unknown_origin_is_in_it(bundle: Path) -> None:
    page = (bundle / "licences" / "NOTICES.md").read_text(encoding="utf-8")
    assert "Of unknown origin" not in page
