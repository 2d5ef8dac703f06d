"""The README says what is there: its commands' words, its links, its notices."""

import re
import shlex
from pathlib import Path

import pytest

from app.start.options import build_parser as build_application_parser
from fercore.cli import build_parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(*programs: str) -> list[str]:
    """Return the code blocks' command lines, of all programs if none is given, once each."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    bare = [re.split(r"(?:^|\s)#", line)[0].strip() for line in lines]
    lines = [line for line in dict.fromkeys(bare) if line]
    return [line for line in lines if not programs or line.split()[0] in programs]


@pytest.mark.parametrize("command", commands("fercore"))
def test_fercore_understands_its_commands(command: str) -> None:
    build_parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("command", commands("rgbd-fer"))
def test_the_application_understands_its_commands(command: str) -> None:
    build_application_parser().parse_args(shlex.split(command)[1:])


def test_no_command_is_overlooked() -> None:
    blocks = re.findall(r"```(\w*)\n(.*?)```", README, re.S)
    others = "".join(block for language, block in blocks if language != "sh")
    assert not re.search(r"^\s*(fercore|rgbd-fer) [a-z-]", others, re.M), "say ```sh there"
    # What a shell would run beside these, a test would have to run too.
    strangers = {line.split()[0] for line in commands()} - {"fercore", "rgbd-fer", "make", "python"}
    assert not strangers, "no test runs these"


def test_the_makefile_has_the_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert commands("make") == ["make demo", "make test"]
    for target in ("demo", "test"):
        assert re.search(rf"^{target}:", makefile, re.M)


def test_every_linked_file_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_notice_holds_both_licences_in_full() -> None:
    notice = (ROOT / "weights" / "NOTICE.txt").read_text(encoding="utf-8")
    for holder in ("(c) 2020 USC Institute for Creative Technologies", "(c) 2016 Shaoqing Ren"):
        _, licence = notice.split(f"Copyright {holder}\n")
        for part in ("free of charge", "The above copyright notice", 'PROVIDED "AS IS"'):
            assert part in licence.split("\n\nCopyright")[0], holder
