"""The `fercore` command: one module of this package for each sub-command.

A sub-command's module has NAME, HELP, `add_arguments(parser)` and
`run(arguments) -> exit status`, and imports nothing heavy before it runs, so
that `fercore --help` answers at once.
"""

from __future__ import annotations

import argparse
import logging
import sys
from importlib import import_module
from importlib.metadata import entry_points

from fercore.errors import FercoreError
from fercore.runtime.version_option import add_version_option

COMMANDS = (
    "inspect",
    "prepare",
    "predict",
    "synthesize",
    "train",
    "train-backbone",
    "evaluate",
    "report",
    "stress",
    "benchmark-weights",
    "recover",
    "replay",
    "export",
    "study-report",
    "withdraw",
    "notice",
    "bench",
    "doctor",
)

# Entry point group through which packages that build on fercore add sub-commands (the application
# adds `analyse`): modules of the same form.
FURTHER_COMMANDS = "fercore.commands"


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
    own = (import_module(f"fercore.cli.{name.replace('-', '_')}") for name in COMMANDS)
    further = (entry_point.load() for entry_point in entry_points(group=FURTHER_COMMANDS))
    for command in (*own, *further):
        sub_parser = sub_parsers.add_parser(
            command.NAME, help=command.HELP, description=command.__doc__
        )
        command.add_arguments(sub_parser)
        sub_parser.set_defaults(run=command.run)
    return parser
