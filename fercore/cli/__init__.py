"""The `fercore` command and what its sub-commands share.

Each module of this package declares one sub-command or a few in `SUB_COMMANDS`, and imports
nothing heavy before one runs, so that `fercore --help` answers at once.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.runtime.versions import add_version_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODULES = (
    *("inspect", "prepare", "predict", "synthesize", "train", "train_backbone", "evaluate"),
    *("stress", "benchmark_weights", "studies", "notice", "bench", "doctor"),
)

# Entry point group through which packages that build on fercore add sub-commands (the application
# adds `analyse`): modules with NAME, HELP, `add_arguments` and `run`.
FURTHER_COMMANDS = "fercore.commands"


@dataclass(frozen=True, slots=True)
class SubCommand:
    """One of the words that may follow `fercore`."""

    name: str
    summary: str  # a line among all sub-commands
    description: str | None  # what its own help says first
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]  # returns the exit status


def sub_commands() -> Iterator[SubCommand]:
    """Yield all sub-commands, in the order of the help."""
    for name in MODULES:
        yield from import_module(f"fercore.cli.{name}").SUB_COMMANDS
    for entry_point in entry_points(group=FURTHER_COMMANDS):
        own = entry_point.load()
        yield SubCommand(own.NAME, own.HELP, own.__doc__, own.add_arguments, own.run)


def main(arguments: list[str] | None = None) -> int:
    """Run a sub-command and return its exit status.

    A `FercoreError` becomes one line on standard error and status 2, Ctrl-C
    status 130; neither shows a traceback.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    parsed = build_parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except FercoreError as error:
        print(f"fercore: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "fercore: interrupted; long commands go on where they stopped when given again.",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough.
        sys.stderr.close()
        return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all sub-commands."""
    parser = argparse.ArgumentParser(
        prog="fercore",
        description="Facial expression recognition from colour and depth.",
    )
    add_version_option(parser)
    sub_parsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in sub_commands():
        sub_parser = sub_parsers.add_parser(
            command.name, help=command.summary, description=command.description
        )
        command.add_arguments(sub_parser)
        sub_parser.set_defaults(run=command.run)
    return parser


def levels(text: str) -> tuple[int, ...]:
    """Read the option `--levels` of several commands, such as `3,4`.

    Raises:
        ArgumentTypeError: anything but levels from 1 to 4.
    """
    parts = text.split(",")
    if not set(parts) <= {"1", "2", "3", "4"}:
        raise argparse.ArgumentTypeError(f"{text!r}: give levels from 1 to 4, such as 3,4")
    return tuple(sorted({int(part) for part in parts}))
