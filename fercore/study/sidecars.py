"""BIDS sidecars: what every column of a table means."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercore.study.clocks import read_offsets
from fercore.study.events import NOTE, PROBLEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.study.events import Event
    from fercore.study.run_files import RunRecord
    from fercore.study.run_tables import RecordedRun
    from fercore.study.study_file import Field
    from fercore.study.tables import Column

BIDS_VERSION = "1.10.0"
# What could point to a person, a place or a time stays in the run's own folder.
_NOT_PUBLISHED = ("started_utc", "subject", "session", "checklist", "problem")
_NOT_PUBLISHED_OF_CAMERA = ("name", "serial")


def describe_columns(columns: Sequence[Column]) -> dict[str, Any]:
    """Return the sidecar entries of a table's columns."""
    entries: dict[str, Any] = {}
    for column in columns:
        entry: dict[str, Any] = {"Description": column.description}
        if column.unit:
            entry["Units"] = column.unit
        if column.levels:
            # BIDS allows nothing but one of the levels in a cell of a column that has them.
            entry["Codes" if column.joined else "Levels"] = dict(column.levels)
        entries[column.name] = entry
    return entries


def describe_run(run: RecordedRun, columns: Sequence[Column]) -> dict[str, Any]:
    """Return the sidecar of a run's predictions: task, columns, recording, clocks."""
    return {
        "TaskName": run.name.task,
        "Condition": run.record.condition,
        **describe_columns(columns),
        "Recording": _published(run.record),
        "ClockOffsets": [
            asdict(offset)
            for offset in read_offsets(run.place.clocks)
            if offset.clock != "unix"  # it would tell the date
        ],
    }


def describe_fields(fields: Sequence[Field]) -> dict[str, Any]:
    """Return the sidecar of participants.tsv."""
    entries: dict[str, Any] = {
        "participant_id": {"Description": "Label of the participant."},
        "position": {"Description": "Place in the counterbalancing, from 0."},
    }
    for field in fields:
        entry: dict[str, Any] = {"Description": field.description or f"Answer to {field.name}."}
        if field.choices:
            entry["Levels"] = {choice: choice for choice in field.choices}
        entries[field.name] = entry
    return entries


def published_event(event: Event) -> Event:
    """Return an event without words that may point to a person, a place or a camera."""
    return replace(event, name="") if event.type in (NOTE, PROBLEM) else event


def _published(record: RunRecord) -> dict[str, Any]:
    values = asdict(record)
    values["source"] = _without_serial(record.source)
    camera = record.camera.items()
    values["camera"] = {k: v for k, v in camera if k not in _NOT_PUBLISHED_OF_CAMERA}
    values["privacy_statement"] = record.privacy.statement
    return {key: value for key, value in values.items() if key not in _NOT_PUBLISHED}


def _without_serial(source: str) -> str:
    """Return a camera's model of "model (serial number)", a file's name of its path."""
    return re.sub(r" \([^()]*\)$", "", Path(source).name)
