"""The runs to be exported: their names, records and rows, and what every column means.

The meanings are BIDS sidecars; one place serves all formats.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError
from fercore.runtime.tables import UNKNOWN, Column
from fercore.study.events import NOTE, PROBLEM, read_offsets
from fercore.study.layout import STUDY_FILE, RunName, require_run, runs_of, study_of
from fercore.study.participants import participants_of
from fercore.study.run_files import RunState, read_run_record
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.study.events import Event
    from fercore.study.layout import RunPlace
    from fercore.study.participants import Participant
    from fercore.study.run_files import RunRecord
    from fercore.study.study_file import Field, Study

_COUNTS = (
    *("frames", "events", "colour_pictures", "depth_maps"),
    *("dropped_rows", "dropped_colour", "dropped_depth", "dropped_events"),
)
KEY_COLUMNS = (
    Column("subject", "Label of the participant.", text=True),
    Column("session", "Label of the session.", text=True),
    Column("task", "Label of the task.", text=True),
    Column("run", "Number of the run of that task in the session, from 1."),
    Column("condition", "Condition of the study.", text=True),
)
RUN_COLUMNS = (
    *KEY_COLUMNS,
    Column("privacy", "Privacy level.", text=True),
    Column("state", "How the run ended.", text=True),
    Column("problem", "Why it was stopped, or what recovery found.", text=True),
    Column("started_utc", "When it began, UTC.", text=True),
    Column("duration_s", "Length of the run.", "s"),
    *(Column(name, name.replace("_", " ").capitalize() + ".") for name in _COUNTS),
    Column("synthetic", "1 where no person was recorded."),
)
BIDS_VERSION = "1.10.0"
# What could point to a person, a place or a time stays in the run's own folder.
_NOT_PUBLISHED = ("started_utc", "subject", "session", "checklist", "problem", "remarks")
_NOT_PUBLISHED_OF_CAMERA = ("name", "serial")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run and what is known of it."""

    place: RunPlace
    name: RunName
    record: RunRecord

    def key_cells(self) -> tuple[str, ...]:
        """Return the cells of KEY_COLUMNS."""
        name = self.name
        return (name.subject, name.session, name.task, str(name.run), self.record.condition)

    def cells(self) -> tuple[str, ...]:
        """Return the cells of RUN_COLUMNS."""
        record = self.record
        return (
            *self.key_cells(),
            *(record.privacy.value, record.state.value, record.problem or UNKNOWN),
            *(record.started_utc, f"{record.duration_s:.3f}"),
            *(str(getattr(record.counts, name)) for name in _COUNTS),
            str(int(record.synthetic)),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported or reported: a whole study, or one run of it."""

    folder: Path  # of the study
    study: Study
    participants: tuple[Participant, ...]  # those of the runs
    runs: tuple[RecordedRun, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Labels of all whose data it holds."""
        labels = {run.name.subject for run in self.runs}
        return tuple(sorted(labels | {each.label for each in self.participants}))

    @property
    def synthetic(self) -> bool:
        """Whether no person was recorded in any run."""
        return all(run.record.synthetic for run in self.runs)


def select(path: Path) -> Selection:
    """Return the runs of a study's folder, or the one run whose folder is given.

    Raises:
        FercoreError: it is neither, a run was not closed, or a record is damaged.
    """
    if (path / STUDY_FILE).is_file():
        folder, places = path, runs_of(path)
    else:
        place = require_run(path)
        folder, places = study_of(place), [place]
    study = load_study(folder)
    runs = tuple(_run(place) for place in places)
    if not runs:
        raise FercoreError(f"{folder} holds no run yet; record one first.")
    everybody = participants_of(folder)
    subjects = {run.name.subject for run in runs}
    chosen = [each for each in everybody if path == folder or each.label in subjects]
    return Selection(folder, study, tuple(chosen), runs)


def _run(place: RunPlace) -> RecordedRun:
    name = RunName.parse(place.folder.name)
    assert name is not None
    record = read_run_record(place.session)
    if record.state is RunState.RECORDING:
        raise FercoreError(
            f"{place.folder} was not closed; stop the recording, or run "
            f"`fercore recover {place.folder}`."
        )
    return RecordedRun(place, name, record)


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
