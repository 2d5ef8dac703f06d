"""A BIDS-like data set: tables and sidecars under BIDS's names, checked before it is given out.

Frames go to `beh/…_beh.tsv`, markers to `beh/…_events.tsv`. Videos are not part of it. The check
knows what `fercore export` writes, not all of BIDS; the official validator knows the rest.
"""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError
from fercore.runtime.parsing import parsed_json
from fercore.runtime.tables import Column, header_line, line
from fercore.runtime.versions import versions
from fercore.study import events, predictions
from fercore.study.run_tables import (
    BIDS_VERSION,
    describe_columns,
    describe_fields,
    describe_run,
    published_event,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fercore.study.run_tables import RecordedRun, Selection

SCAN_COLUMNS = (
    Column("filename", "Path of the table, relative to the session's folder.", text=True),
    Column("condition", "Condition of the study.", text=True),
    Column("privacy", "How much of the person was recorded.", text=True),
    Column("state", "How the recording ended.", text=True),
)
_TOP = {"dataset_description.json", "README", "participants.tsv", "participants.json", "CHANGES"}
_ENTITIES = r"sub-(?P<sub>[A-Za-z0-9]+)_ses-(?P<ses>[A-Za-z0-9]+)"
_FOLDERS = r"sub-[A-Za-z0-9]+/ses-[A-Za-z0-9]+/"
_RUN_FILE = re.compile(
    _FOLDERS + "beh/" + _ENTITIES + r"_task-[A-Za-z0-9]+_run-[0-9]+_(beh|events)\.(tsv|json)"
)
_SCANS = re.compile(_FOLDERS + _ENTITIES + r"_scans\.(tsv|json)")
_REQUIRED_EVENTS = ["onset", "duration"]


def export_bids(selection: Selection, folder: Path) -> None:
    """Fill a folder with the data set.

    Raises:
        FercoreError: a run is damaged, or the result fails the check.
        OSError: it cannot be written.
    """
    _write_json(folder / "dataset_description.json", _description(selection))
    (folder / "README").write_text(_readme(selection), encoding="utf-8")
    _write_participants(selection, folder)
    for run in selection.runs:
        _write_run(run, folder)
    _write_scans(selection, folder)
    problems = check_bids(folder, [f.name for f in selection.study.fields if f.required])
    if problems:
        raise FercoreError(f"The data set is not sound: {problems[0]} Mend the run and try again.")


def _write_run(run: RecordedRun, folder: Path) -> None:
    name = run.name
    target = folder / f"sub-{name.subject}" / f"ses-{name.session}" / "beh"
    target.mkdir(parents=True, exist_ok=True)
    # Read once: what cannot be read must not be given out.
    predictions.read_predictions(run.place.predictions)
    shutil.copyfile(run.place.predictions, target / f"{name.stem}_beh.tsv")
    found = sorted(events.read_events(run.place.events), key=lambda event: event.onset_s)
    marks = [published_event(each).cells() for each in found]
    _write_table(target / f"{name.stem}_events.tsv", events.COLUMNS, marks)
    _write_json(target / f"{name.stem}_beh.json", describe_run(run, predictions.COLUMNS))
    sidecar = {"TaskName": name.task, **describe_columns(events.COLUMNS)}
    _write_json(target / f"{name.stem}_events.json", sidecar)


def _write_participants(selection: Selection, folder: Path) -> None:
    fields = selection.study.fields
    names = ("participant_id", "position", *(field.name for field in fields))
    rows = [
        (f"sub-{each.label}", each.position, *(each.answers.get(f.name, "") for f in fields))
        for each in selection.participants
    ]
    _write_table(folder / "participants.tsv", [Column(name, "") for name in names], rows)
    _write_json(folder / "participants.json", describe_fields(fields))


def _write_scans(selection: Selection, folder: Path) -> None:
    sessions: dict[str, list[RecordedRun]] = {}
    for run in selection.runs:
        sessions.setdefault(run.name.session_stem, []).append(run)
    for stem, runs in sessions.items():
        name = runs[0].name
        target = folder / f"sub-{name.subject}" / f"ses-{name.session}" / f"{stem}_scans.tsv"
        rows = [_scan_cells(run) for run in runs]
        _write_table(target, SCAN_COLUMNS, rows)
        _write_json(target.with_suffix(".json"), describe_columns(SCAN_COLUMNS))


def _scan_cells(run: RecordedRun) -> tuple[str, ...]:
    record = run.record
    table = f"beh/{run.name.stem}_beh.tsv"
    return (table, record.condition, record.privacy.value, record.state.value)


def _description(selection: Selection) -> dict[str, Any]:
    return {
        "Name": selection.study.title,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "fercore", "Version": versions().get("fercore", "unknown")}],
    }


def _readme(selection: Selection) -> str:
    synthetic = "All runs were recorded from a synthetic source.\n" if selection.synthetic else ""
    return (
        f"{selection.study.title}\n\n{synthetic}"
        "Facial expressions estimated from video: one row a frame in *_beh.tsv, markers in "
        "*_events.tsv, on one time axis that begins with each run. Probabilities are estimates "
        "of what a face shows, not of what a person feels.\n"
        f"Privacy level of the recordings: {selection.study.privacy.statement}\n"
    )


def _write_table(path: Path, columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    path.write_bytes(header_line(columns) + b"".join(line(row) for row in rows))


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def check_bids(folder: Path, required_fields: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a data set, one sentence each; empty when nothing is.

    `required_fields` are columns of participants.tsv that must be filled.
    """
    return [
        *_names(folder),
        *_description_faults(folder),
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


def _description_faults(folder: Path) -> Iterator[str]:
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
