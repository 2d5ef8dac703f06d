"""A participant withdraws: everything of theirs is deleted, and a receipt says how much.

Deleted are the participant's folder (record, sessions, snapshots) and every export and
report of the study that was made with their data, wherever it lies; exports and reports
can be made anew without them. Copies made by hand and backups are out of reach.
"""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.runtime.files import write_text_whole
from fercore.runtime.provenance import versions
from fercore.study.layout import require_study, runs_of, subject_folder
from fercore.study.made_folders import delete_made, files_of, forget, is_there, made_folders
from fercore.study.recover import sole_writer
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.study.made_folders import Made

RECEIPTS = "withdrawals"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was deleted; holds nothing that points to the person."""

    number: str  # drawn at random, to be noted on the consent form
    study: str  # title
    withdrawn_utc: str  # date
    deleted_files: int
    deleted_bytes: int
    deleted_exports: int  # exports and reports
    missing_exports: int  # made once, not found where they were made
    fercore: str  # version
    format: int = FORMAT


def withdraw(study: Path, subject: str) -> tuple[Receipt, list[Path]]:
    """Delete a participant's data; return the receipt and the exports that were not found.

    Raises:
        FercoreError: there is no such participant, a run is being recorded, or something
            cannot be deleted; calling it again goes on.
    """
    require_study(study)
    own = subject_folder(study, subject)
    if not own.is_dir() or own.is_symlink():
        raise FercoreError(f"{own} does not exist; name a participant of {study}.")
    label = own.name.removeprefix("sub-")
    affected = [made for made in made_folders(study) if label in made.subjects]
    present = [made for made in affected if is_there(made)]
    with ExitStack() as held:
        for place in runs_of(study):
            if own in place.folder.parents:
                held.enter_context(sole_writer(place))
        files, size = _delete_all(study, affected, own)
    receipt = _receipt(study, files, size, len(present), len(affected) - len(present))
    return receipt, [made.folder for made in affected if made not in present]


def _delete_all(study: Path, affected: list[Made], own: Path) -> tuple[int, int]:
    """Delete exports and the participant's folder; return number of files and bytes."""
    doomed = [path for made in affected for path in files_of(made)]
    doomed += [path for path in own.rglob("*") if path.is_symlink() or not path.is_dir()]
    size = sum(path.lstat().st_size for path in doomed)
    try:
        for made in affected:
            delete_made(made.folder)
            shutil.rmtree(made.unfinished, ignore_errors=True)
            forget(study, made)
        shutil.rmtree(own)
    except OSError as error:
        raise FercoreError(
            f"{error.filename or own} cannot be deleted ({error.strerror}); "
            "check the permissions and run `fercore withdraw` again."
        ) from error
    return len(doomed), size


def _receipt(study: Path, files: int, size: int, exports: int, missing: int) -> Receipt:
    receipt = Receipt(
        number=secrets.token_hex(6),
        study=load_study(study).title,
        withdrawn_utc=datetime.now(UTC).strftime("%Y-%m-%d"),
        deleted_files=files,
        deleted_bytes=size,
        deleted_exports=exports,
        missing_exports=missing,
        fercore=versions().get("fercore", "unknown"),
    )
    path = study / RECEIPTS / f"receipt-{receipt.number}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        write_text_whole(path, json.dumps(asdict(receipt), indent=2) + "\n")
    except OSError as error:
        raise FercoreError(
            f"the data are deleted, but {path} cannot be written ({error.strerror}); "
            f"note by hand: {files} files of {size} bytes."
        ) from error
    return receipt
