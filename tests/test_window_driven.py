"""The application on a real X server, driven by keys and mouse as by a hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from operated_window import environment, screen
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPLICATION = Path(__file__).with_name("driven_application.py")
PATIENCE_S = 300.0


class Driven:
    """A running application: what it shows, and a hand on its keys and mouse."""

    def __init__(self, process: subprocess.Popen[str], display: str) -> None:
        self._process, self._display = process, display

    def until(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until what is seen is as wanted."""
        assert self._process.stdout is not None
        seen: dict[str, Any] = {}
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            line = self._process.stdout.readline()
            assert line, f"the application has ended: {self._process.wait()}"
            seen = json.loads(line)
            if wanted(seen):
                return seen
        raise AssertionError(f"never seen: {seen}")

    def hand(self, *arguments: object) -> None:
        """Have xdotool do something."""
        command = ["xdotool", *(str(argument) for argument in arguments)]
        subprocess.run(command, env=environment(Path(), self._display), check=True, timeout=60)


@contextmanager
def driven(folder: Path, *arguments: str, dragged: str = "-") -> Iterator[Driven]:
    """Run the application on a screen of its own until the block is left.

    `dragged` is a file that can be dragged from the upper left corner.
    """
    if shutil.which("xdotool") is None:
        pytest.fail("xdotool is missing: install what packaging/system-packages.txt lists.")
    with screen() as display, (folder / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(APPLICATION), dragged, *arguments],
            env=environment(folder, display),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Driven(process, display)
        finally:
            process.kill()
            process.communicate()


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        picture = np.full((120, 160, 3), number, np.uint8)
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    return folder


def test_the_stage_is_left_by_escape_and_entered_by_its_key(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 20)
    with driven(tmp_path, "--present", "--source", str(pictures)) as window:
        seen = window.until(lambda seen: seen["stage"] and seen["verdict"] == "Happiness")
        assert not seen["window"] and seen["stage_size"] == [1600, 1000]
        window.hand("key", "Escape")
        window.until(lambda seen: seen["window"] and not seen["stage"])
        window.hand("key", "ctrl+p")
        window.until(lambda seen: seen["stage"] and not seen["window"])


def test_the_bar_is_clicked_and_dragged_and_keys_step(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 100)
    with driven(tmp_path, "--source", str(pictures)) as window:
        seen = window.until(lambda seen: seen["status"].startswith("ended"))
        left, top, width, height = seen["slider"]
        middle = left + width // 2, top + height // 2
        window.hand("mousemove", *middle, "click", 1)
        place = window.until(lambda seen: 45 <= seen["place"] <= 55)["place"]
        window.hand("key", "comma")
        window.until(lambda seen: seen["place"] == place - 1)
        window.hand("mousemove", *middle, "mousedown", 1)
        window.hand("mousemove", left + width // 4, middle[1], "mouseup", 1)
        window.until(lambda seen: 20 <= seen["place"] <= 30)


def test_a_folder_is_dragged_onto_the_window(tmp_path: Path) -> None:
    first = write_pictures(tmp_path / "first", 5)
    second = write_pictures(tmp_path / "second", 5)
    with driven(tmp_path, "--source", str(first), dragged=str(second)) as window:
        seen = window.until(lambda seen: seen["handle"] and seen["status"].startswith("ended"))
        left, top, width, height = seen["colour"]
        window.hand("mousemove", 20, 20, "mousedown", 1)
        for share in (3, 2, 2):  # a drag begins with a movement
            window.hand("mousemove", left + width // share, top + height // share, "sleep", 0.3)
        window.hand("mouseup", 1)
        window.until(lambda seen: seen["title"].startswith(str(second)))
