"""A BIDS-like data set: tables and sidecars under BIDS's names, checked before it is given out.

Frames go to `beh/…_beh.tsv`, markers to `beh/…_events.tsv`. Videos are not part of it.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError
from fercore.runtime.provenance import versions
from fercore.study import events, predictions
from fercore.study.bids_check import check_bids
from fercore.study.sidecars import (
    BIDS_VERSION,
    describe_columns,
    describe_fields,
    describe_run,
    published_event,
)
from fercore.study.tables import Column, header_line, line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.study.run_tables import RecordedRun, Selection

SCAN_COLUMNS = (
    Column("filename", "Path of the table, relative to the session's folder.", text=True),
    Column("condition", "Condition of the study.", text=True),
    Column("privacy", "How much of the person was recorded.", text=True),
    Column("state", "How the recording ended.", text=True),
)


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
