"""The application on a real X server without a screen: what it shows, in pixels and words."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from app_doubles import write_tree
from PIL import Image

from fercore.expressions import VERDICT_LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator

Seen = tuple[dict[str, Any], np.ndarray, list[str]]

DRIVER = Path(__file__).with_name("xvfb_driver.py")


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """Start an X server on a free display number."""
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        pytest.fail("Xvfb is missing: install what packaging/system-packages.txt lists.")
    reading, writing = os.pipe()
    command = [xvfb, "-displayfd", str(writing), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    assert number, "Xvfb did not start"
    yield f":{number}"
    server.terminate()
    server.wait(10)


def observe(display: str, folder: Path, networks: str, source: str) -> Seen:
    """Run the application and return what it said, what the screen showed, and its threads."""
    environment = dict(os.environ, DISPLAY=display, QT_QPA_PLATFORM="xcb", HOME=str(folder))
    for kind in ("CONFIG", "CACHE", "STATE", "DATA"):
        environment[f"XDG_{kind}_HOME"] = str(folder / kind.lower())
    command = [sys.executable, str(DRIVER), str(folder), networks, source]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads((folder / "shown.json").read_text(encoding="utf-8"))
    threads = json.loads((folder / "threads.json").read_text(encoding="utf-8"))
    screen = np.asarray(Image.open(folder / "screen.png").convert("RGB"))
    return shown, screen, threads


@pytest.fixture(scope="module")
def seen(display: str, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Run the application with stand-ins for the networks."""
    folder = tmp_path_factory.mktemp("seen")
    root = write_tree(folder / "tree", "F9001_NE00WH", "F9001_HA04WH")
    return observe(display, folder, "stand-ins", str(root))


def part(seen: Seen, name: str) -> np.ndarray:
    """Return the pixels of one part of the window on the screen."""
    shown, screen, _ = seen
    x, y, width, height = shown["places"][name]
    return screen[y : y + height, x : x + width]


def assert_not_blank(pixels: np.ndarray) -> None:
    assert pixels.size > 30_000
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
    assert pixels.std() > 5


def test_runs_on_a_real_x_server(seen: Seen) -> None:
    assert seen[0]["platform"] == "xcb"
    assert seen[0]["size"] == [1280, 800]


def test_all_three_verdicts_and_the_truth_are_shown(seen: Seen) -> None:
    shown = seen[0]
    assert "Fusion: happiness 75 % ✓" in shown["colour"]
    assert "RGB: fear 60 % ✗" in shown["colour"]
    assert "Depth: sadness 50 % ✗" in shown["colour"]
    assert shown["charts"] == ["happiness 75 % ✓", "fear 60 % ✗", "sadness 50 % ✗"]
    assert shown["banner"] == "True expression: happiness | Fusion: happiness 75 % | ✓ correct"


def test_depth_has_its_scale_and_the_status_line_its_figures(seen: Seen) -> None:
    shown = seen[0]
    assert shown["depth"].startswith("Depth from ") and shown["depth"].endswith("millimetres")
    assert all(word in shown["status"] for word in ("frames/s", "latency", "dropped"))


@pytest.mark.parametrize("name", ["colour", "depth", "timeline"])
def test_views_are_not_blank(seen: Seen, name: str) -> None:
    assert_not_blank(part(seen, name))


def test_the_depth_view_is_in_colour(seen: Seen) -> None:
    pixels = part(seen, "depth").astype(int)
    saturated = np.ptp(pixels, axis=-1) > 60
    assert saturated.mean() > 0.02


def test_closing_the_window_ends_every_thread(seen: Seen) -> None:
    assert seen[2] == []


def test_the_sample_with_the_shipped_networks(display: str, tmp_path: Path) -> None:
    seen = observe(display, tmp_path, "shipped", "sample")
    shown, _, threads = seen
    verdict = rf"({'|'.join(VERDICT_LABELS)}) \d+ %"
    # Between expressions the face is at rest, of which only the banner says what is right.
    mark = "" if "True expression: neutral" in shown["banner"] else " [✓✗]"
    shown_verdict = rf"({verdict}{mark}|not sure \({verdict}\))"
    for head in ("Fusion", "RGB", "Depth"):
        assert re.search(rf"{head}: {shown_verdict}", shown["colour"])
    assert len(shown["charts"]) == 3
    assert all(re.fullmatch(shown_verdict, chart) for chart in shown["charts"])
    marked_or_unsure = rf"({verdict} \| [✓✗]|not sure \({verdict}\)$)"
    assert re.search(rf"^True expression: \w+ \| Fusion: {marked_or_unsure}", shown["banner"])
    for name in ("colour", "depth", "timeline"):
        assert_not_blank(part(seen, name))
    assert threads == []
