"""A check of a BIDS-like data set: names, required files and fields, sidecars, numbers.

It knows what `fercore export` writes, not all of BIDS; the official validator knows the rest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fercore.runtime.parsing import parsed_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_TOP = {"dataset_description.json", "README", "participants.tsv", "participants.json", "CHANGES"}
_ENTITIES = r"sub-(?P<sub>[A-Za-z0-9]+)_ses-(?P<ses>[A-Za-z0-9]+)"
_FOLDERS = r"sub-[A-Za-z0-9]+/ses-[A-Za-z0-9]+/"
_RUN_FILE = re.compile(
    _FOLDERS + "beh/" + _ENTITIES + r"_task-[A-Za-z0-9]+_run-[0-9]+_(beh|events)\.(tsv|json)"
)
_SCANS = re.compile(_FOLDERS + _ENTITIES + r"_scans\.(tsv|json)")
_REQUIRED_EVENTS = ["onset", "duration"]


def check_bids(folder: Path, required_fields: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a data set, one sentence each; empty when nothing is.

    `required_fields` are columns of participants.tsv that must be filled.
    """
    return [
        *_names(folder),
        *_description(folder),
        *_participants(folder, required_fields),
        *_tables(folder),
    ]


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in _TOP or path.name.startswith("."):
            continue
        match = _RUN_FILE.fullmatch(name) or _SCANS.fullmatch(name)
        if match is None:
            yield f"{name} is no name that BIDS knows."
        elif not name.startswith(f"sub-{match['sub']}/ses-{match['ses']}/"):
            yield f"{name} lies in another participant's or session's folder."


def _description(folder: Path) -> Iterator[str]:
    values = _json(folder / "dataset_description.json")
    for key in ("Name", "BIDSVersion"):
        if values is None or not isinstance(values.get(key), str) or not values[key]:
            yield f"dataset_description.json lacks {key}."
    if not (folder / "README").is_file():
        yield "README is missing."


def _participants(folder: Path, required: Sequence[str]) -> Iterator[str]:
    header, rows = _table(folder / "participants.tsv")
    if not header or header[0] != "participant_id":
        yield "participants.tsv does not begin with participant_id."
        return
    listed = [row[0] for row in rows]
    present = {path.name for path in folder.glob("sub-*")}
    for name in sorted(present - set(listed)):
        yield f"participants.tsv lacks {name}."
    if len(set(listed)) < len(listed):
        yield "participants.tsv names a participant twice."
    for field in required:
        if field not in header:
            yield f"participants.tsv lacks the required column {field}."
            continue
        place = header.index(field)
        for row in rows:
            if row[place] in ("", "n/a"):
                yield f"participants.tsv: {row[0]} has no {field}."


def _tables(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.tsv")):
        name = path.relative_to(folder).as_posix()
        header, rows = _table(path)
        sidecar = _json(path.with_suffix(".json"))
        if sidecar is None:
            yield f"{name} has no readable sidecar."
        else:
            yield from (f"{name}: {c} is not in the sidecar." for c in header if c not in sidecar)
        if len(set(header)) < len(header) or not all(header):
            yield f"{name} has a column without a name or two of one name."
        if any(len(row) != len(header) for row in rows):
            yield f"{name} has a line with too few or too many cells."
        elif path.name.endswith("_events.tsv"):
            yield from _event_table(name, header, rows)


def _event_table(name: str, header: list[str], rows: list[list[str]]) -> Iterator[str]:
    if header[:2] != _REQUIRED_EVENTS:
        yield f"{name} does not begin with onset and duration."
        return
    for place, row in enumerate(rows, start=2):
        if not all(_is_number(cell) for cell in row[:2]):
            yield f"{name}: line {place} has no number as onset or duration."
            return


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return [], []
    rows = [text.split("\t") for text in lines if text]
    return (rows[0], rows[1:]) if rows else ([], [])


def _json(path: Path) -> dict[str, Any] | None:
    try:
        values = parsed_json(path.read_bytes())
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "n/a"
    return True
