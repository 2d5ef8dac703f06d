"""Which software made a result; stored with every checkpoint, cache and run, told by --version."""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("fercore", "torch", "torchvision", "openvino", "numpy", "mediapipe", "open3d"),
    *("SimpleITK", "scipy"),
)


def versions(*more: str) -> dict[str, str]:
    """Return the versions of Python and of the packages that shape results, where installed.

    `more` are packages that shape this result alone.
    """
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, *more):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def own_version() -> str:
    """Return the version of this software, as its options `--version` say it."""
    try:
        return version("fercore")
    except PackageNotFoundError:
        return "not installed"


def command_line() -> str:
    """Return the command that is running, absolute paths shortened to their last part.

    Where a file lay says nothing elsewhere, and may tell what is nobody's business.
    """
    return shlex.join(["fercore", *map(_without_folder, sys.argv[1:])])


def _without_folder(argument: str) -> str:
    return Path(argument).name if Path(argument).is_absolute() else argument


def add_version_option(parser: argparse.ArgumentParser) -> None:
    """Let a parser tell the installed version."""
    parser.add_argument("--version", action=_TellVersion, nargs=0, help="tell the version and exit")


class _TellVersion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:

        print(f"{parser.prog} {own_version()}")
        parser.exit()
