"""Delete all that a study holds of a participant, and write a receipt.

Deleted are the participant's folder with all sessions and snapshots, and every export and
report that was made with their data; those can be made again without them. The receipt
in the study's folder `withdrawals` has a random number and nothing personal. What could not
be deleted, or lies behind a link, is named. Copies made by hand and backups are out of reach.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "withdraw"
HELP = "delete a participant's data from a study"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("subject", metavar="SUB", help="label of the participant, such as 01")
    parser.add_argument(
        "--study", type=Path, default=Path(), help="folder of the study (default: this folder)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Ask, delete, name the receipt; status 1 where something is left to be deleted by hand.

    Raises:
        FercoreError: there is no such participant, or a run is being recorded.
    """
    from fercore.study.layout import subject_folder
    from fercore.study.withdraw import withdraw

    folder = subject_folder(arguments.study, arguments.subject)
    if folder.is_dir() and not arguments.yes and not _agreed(folder):
        print("Nothing was deleted.")
        return 1
    done = withdraw(arguments.study, arguments.subject)
    receipt = done.receipt
    print(
        f"Deleted {receipt.deleted_files} files ({receipt.deleted_bytes} bytes), among them "
        f"{receipt.deleted_exports} exports and reports. Receipt {receipt.number}."
    )
    for path in done.missing:
        print(f"{path} was made with these data and is not there any more: delete its copies.")
    for sentence in (*done.remarks, *done.left):
        print(sentence)
    return 1 if done.left else 0


def _agreed(folder: Path) -> bool:
    try:
        answer = input(f"Delete {folder} and all exports with these data, for good? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")
