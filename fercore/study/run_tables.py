"""The runs to be exported: their names, records and rows, one place for all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.study.layout import STUDY_FILE, RunName, require_run, runs_of, study_of
from fercore.study.participants import participants_of
from fercore.study.run_files import RunState, read_run_record
from fercore.study.study_file import load_study
from fercore.study.tables import UNKNOWN, Column

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.study.layout import RunPlace
    from fercore.study.participants import Participant
    from fercore.study.run_files import RunRecord
    from fercore.study.study_file import Study

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
