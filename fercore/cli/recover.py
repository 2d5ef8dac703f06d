"""Close a run whose recording broke off, after a crash, power failure or full disk.

Cuts off half a last line, gives videos their length and index, and notes in
`session.json` and `events.tsv` that the end was lost. A run that ended well is left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "recover"
HELP = "close a study's run whose recording broke off"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")


def run(arguments: argparse.Namespace) -> int:
    """Close the run and say what was found.

    Raises:
        FercoreError: it is no run, is being recorded, or cannot be read or written.
    """
    from fercore.study.layout import require_run
    from fercore.study.recover import recover

    print(recover(require_run(arguments.folder)).sentence)
    return 0
