"""The chapter on user studies says what is there."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from app.study.remote import DEFAULT_PORT, MAX_LINE_BYTES
from app.window.study import checks
from fercore.cli import build_parser
from fercore.faces.quality import (
    MAX_BRIGHTNESS,
    MAX_DISTANCE_M,
    MIN_BRIGHTNESS,
    MIN_DISTANCE_M,
    MIN_VALID_FRACTION,
)
from fercore.study.predictions import COLUMNS, Flag
from fercore.study.study_file import Order, read_study_file

ROOT = Path(__file__).parent.parent
CHAPTER = (ROOT / "docs" / "user-studies.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs" / "examples" / "psychopy_markers.py"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", CHAPTER, re.S)
    assert found is not None
    return found[1]


def test_its_study_file_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(block("toml"), encoding="utf-8")
    study = read_study_file(path)
    assert study.conditions.order is Order.BALANCED
    assert study.baseline


@pytest.mark.parametrize("command", block("sh").splitlines())
def test_its_commands_are_understood(command: str) -> None:
    build_parser().parse_args(shlex.split(command)[1:])


def test_it_names_flags_columns_and_limits() -> None:
    assert all(f"`{flag.value}`" in CHAPTER for flag in Flag)
    plain = [c.name for c in COLUMNS if c.name.split("_")[0] not in ("fusion", "rgb", "box")]
    for name in plain:
        if not name.startswith("depth_") or name == "depth_kept":
            assert f"`{name}`" in CHAPTER, name
    assert f"port\n{DEFAULT_PORT}" in CHAPTER
    assert f"{MAX_LINE_BYTES} bytes" in CHAPTER


def test_it_names_the_limits_of_the_checklist() -> None:
    wanted = (
        f"{MIN_DISTANCE_M:g} to {MAX_DISTANCE_M:g} m",
        f"{MIN_BRIGHTNESS:.0f} to {MAX_BRIGHTNESS:.0f} of 255",
        f"{100 * MIN_VALID_FRACTION:.0f} % of the face",
        f"{checks.MIN_FRAMES_PER_SECOND:.0f} frames a second",
        f"{checks.MIN_FREE_BYTES[False] / 1e9:.0f} GB is free",
        f"{checks.MIN_FREE_BYTES[True] / 1e9:.0f} GB where videos are kept",
    )
    assert [text for text in wanted if text not in CHAPTER] == []


def test_the_example_uses_the_client_as_it_is() -> None:
    from fercore.study.remote_client import RemoteClient

    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "remote"
    }
    assert called == {"start", "marker", "stop"}
    assert all(hasattr(RemoteClient, name) for name in called)
    assert f'PORT = "127.0.0.1", {DEFAULT_PORT}' in EXAMPLE.read_text(encoding="utf-8")


def test_the_client_needs_the_standard_library_only() -> None:
    path = ROOT / "fercore" / "study" / "remote_client.py"
    imports = re.findall(r"^(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.M)
    assert set(imports) == {"__future__", "json", "socket", "time", "typing"}
