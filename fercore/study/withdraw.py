"""A participant withdraws: everything of theirs is deleted, and a receipt says how much.

Deleted are the participant's folder (record, sessions, snapshots) and every export and
report of the study that was made with their data, wherever it lies; exports and reports
can be made anew without them. Where the study's own files are damaged, what lies inside its
folder is still found by its marks. Nothing is deleted through a link: where one leads is said.
Copies made by hand and backups are out of reach.
"""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.runtime.files import write_text_whole
from fercore.runtime.versions import versions
from fercore.study.layout import require_study, runs_of, subject_folder
from fercore.study.made_folders import (
    INDEX,
    Made,
    delete_made,
    files_of,
    forget,
    is_there,
    made_folders,
    marked_folders,
)
from fercore.study.recover import sole_writer
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from pathlib import Path

RECEIPTS = "withdrawals"
FORMAT = 2


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was deleted; holds nothing that points to the person."""

    number: str  # drawn at random, to be noted on the consent form
    study: str  # title; empty where the study file cannot be read
    withdrawn_utc: str  # date
    deleted_files: int
    deleted_bytes: int
    deleted_exports: int  # exports and reports
    missing_exports: int  # made once, not found where they were made
    left: int  # what could not be deleted, or lies behind a link
    fercore: str  # version
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal that was carried out."""

    receipt: Receipt
    missing: tuple[Path, ...]  # exports made once, not found where they were made
    left: tuple[str, ...]  # sentences on what is still there and has to be deleted by hand
    remarks: tuple[str, ...]  # sentences on what could not be known


@dataclass
class _Deleted:
    """What was deleted so far, and what could not be."""

    files: int = 0
    size: int = 0
    left: list[str] = field(default_factory=list)


def withdraw(study: Path, subject: str) -> Withdrawal:
    """Delete a participant's data as far as that is possible.

    Raises:
        FercoreError: there is no such participant or their folder is a link, a run is being
            recorded, or the receipt cannot be written.
    """
    require_study(study)
    own = _own_folder(study, subject)
    affected, remarks = _affected(study, own.name.removeprefix("sub-"))
    present = [made for made in affected if is_there(made)]
    title = _title(study)
    with ExitStack() as held:
        for place in runs_of(study):
            if own in place.folder.parents:
                held.enter_context(sole_writer(place))
        done = _Deleted()
        deleted = sum(_delete_export(study, made, done) for made in present)
        missing = [made for made in affected if made not in present]
        for made in missing:
            _forget(study, made, done)
        _delete_tree(own, done)
    receipt = _write_receipt(study, title, done, deleted, len(missing))
    folders = tuple(made.folder for made in missing)
    return Withdrawal(receipt, folders, tuple(done.left), tuple(remarks))


def _own_folder(study: Path, subject: str) -> Path:
    own = subject_folder(study, subject)
    if own.is_symlink():
        raise FercoreError(
            f"{own} is a link to {own.resolve()}; delete by hand what is there, put an empty "
            "folder in the link's place and withdraw again."
        )
    if not own.is_dir():
        raise FercoreError(f"{own} does not exist; name a participant of {study}.")
    return own


def _affected(study: Path, label: str) -> tuple[list[Made], list[str]]:
    """Return exports and reports that hold, or may hold, a participant's data; and remarks."""
    remarks: list[str] = []
    try:
        known = made_folders(study)
        if not (study / INDEX).exists():
            remarks.append(
                f"{study / INDEX} is not there: whether exports or reports were ever made "
                "outside the study's folder is not known."
            )
    except FercoreError:
        known = []
        remarks.append(
            f"{study / INDEX} is damaged: exports and reports outside the study's folder were "
            "not found; delete them by hand, then that file."
        )
    listed = {made.folder for made in known}
    found = [made for made in marked_folders(study) if made.folder not in listed]
    # Whose data an unlisted folder holds without saying so, it may be theirs.
    unlisted = [made for made in found if label in made.subjects or not made.subjects]
    return [made for made in known if label in made.subjects] + unlisted, remarks


def _delete_export(study: Path, made: Made, done: _Deleted) -> bool:
    """Delete an export as far as possible; return whether it is gone."""
    before = len(done.left)
    try:
        files = files_of(made)
        done.left.extend(_behind_links([*files, *_folder_links(made)]))
        size = sum(path.lstat().st_size for path in files)
        delete_made(made.folder)
    except FercoreError as error:
        done.left.append(str(error))
    except OSError as error:
        done.left.append(_undeletable(error, made.folder))
    else:
        done.files, done.size = done.files + len(files), done.size + size
        if made.unfinished.is_dir():
            _remove_tree(made.unfinished, done)
    if len(done.left) > before and is_there(made):
        return False  # stays listed, so that a second withdrawal goes on
    _forget(study, made, done)
    return True


def _delete_tree(folder: Path, done: _Deleted) -> None:
    """Delete a folder, counting what it held."""
    files = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    done.left.extend(_behind_links(files))
    sizes = {path: path.lstat().st_size for path in files}
    _remove_tree(folder, done)
    gone = [path for path in files if not path.is_symlink() and not path.exists()]
    done.files += len(gone)
    done.size += sum(sizes[path] for path in gone)


def _remove_tree(folder: Path, done: _Deleted) -> None:
    """Remove a folder; what cannot be removed is noted and the rest is removed all the same."""
    for path in sorted(folder.rglob("*"), reverse=True):
        _remove(path, done)
    _remove(folder, done)


def _remove(path: Path, done: _Deleted) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        done.left.append(_undeletable(error, path))


def _folder_links(made: Made) -> list[Path]:
    folders = (path for path in made.folder.rglob("*") if path.is_dir())
    return [path for path in folders if path.is_symlink()]


def _behind_links(paths: list[Path]) -> list[str]:
    return [
        f"{path} was a link to {path.resolve()}, which was not deleted; delete it by hand."
        for path in paths
        if path.is_symlink() and path.exists()
    ]


def _forget(study: Path, made: Made, done: _Deleted) -> None:
    if not (study / INDEX).exists():
        return
    try:
        forget(study, made)
    except (OSError, FercoreError):
        sentence = f"{study / INDEX} could not be corrected; delete it by hand."
        done.left.extend([sentence] if sentence not in done.left else [])


def _undeletable(error: OSError, path: Path) -> str:
    reason = error.strerror or error
    return f"{error.filename or path} cannot be deleted ({reason}); delete it by hand."


def _title(study: Path) -> str:
    try:
        return load_study(study).title
    except FercoreError:
        return ""


def _write_receipt(study: Path, title: str, done: _Deleted, exports: int, missing: int) -> Receipt:
    receipt = Receipt(
        number=secrets.token_hex(6),
        study=title,
        withdrawn_utc=datetime.now(UTC).strftime("%Y-%m-%d"),
        deleted_files=done.files,
        deleted_bytes=done.size,
        deleted_exports=exports,
        missing_exports=missing,
        left=len(done.left),
        fercore=versions().get("fercore", "unknown"),
    )
    path = study / RECEIPTS / f"receipt-{receipt.number}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        write_text_whole(path, json.dumps(asdict(receipt), indent=2) + "\n")
    except OSError as error:
        raise FercoreError(
            f"the data are deleted, but {path} cannot be written ({error.strerror}); "
            f"note by hand: {done.files} files of {done.size} bytes deleted. " + " ".join(done.left)
        ) from error
    return receipt
