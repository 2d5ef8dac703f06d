"""The README's commands exist, and say what the programs understand."""

import re
import shlex
from pathlib import Path

import pytest

from app.application import build_parser as build_application_parser
from fercore.cli import build_parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(program: str) -> list[str]:
    lines = (
        line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.split("\n")
    )
    return [line.split("  #")[0].strip() for line in lines if line.startswith(program + " ")]


@pytest.mark.parametrize("command", commands("fercore"))
def test_fercore_understands_its_commands(command: str) -> None:
    build_parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("command", commands("rgbd-fer"))
def test_the_application_understands_its_commands(command: str) -> None:
    build_application_parser().parse_args(shlex.split(command)[1:])


def test_the_makefile_has_the_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert commands("make") == ["make demo", "make test"]
    for target in ("demo", "test"):
        assert re.search(rf"^{target}:", makefile, re.M)


def test_every_linked_file_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
