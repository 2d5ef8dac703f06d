"""Who takes part, in which session, and which blocks are still to be recorded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.study.layout import RunName, RunPlace, require_label, require_new, session_folder
from fercore.study.participants import Block, enrol, read_participant, run_sheet
from fercore.study.run_files import RunState, read_run_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fercore.study.participants import Participant
    from fercore.study.run_files import RunRecord
    from fercore.study.study_file import Study


class Admission(StrEnum):
    """How a session begins; the value is what the form says."""

    NEW = "New participant"
    ANOTHER = "Another session of a participant"
    RESUME = "Go on with a session"


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """A participant's session and its blocks in their counterbalanced order."""

    folder: Path  # of the study
    subject: str
    session: str
    blocks: tuple[Block, ...]

    def done(self) -> frozenset[int]:
        """Return the numbers of the blocks that have been recorded to their end."""
        waiting = [(each.task, each.condition) for each in self._records() if _is_whole(each)]
        done = set()
        for block in self.blocks:
            if (block.task, block.condition) in waiting:
                waiting.remove((block.task, block.condition))
                done.add(block.number)
        return frozenset(done)

    def broken_off(self) -> list[str]:
        """Return the names of runs that nobody closed; none may be under way."""
        return [
            RunName(each.subject, each.session, each.task, each.run).stem
            for each in self._records()
            if each.state is RunState.RECORDING
        ]

    def _records(self) -> list[RunRecord]:
        folder = session_folder(self.folder, self.subject, self.session)
        places = (RunPlace(path) for path in sorted(folder.glob("sub-*")))
        return [read_run_record(place.session) for place in places if place.session.exists()]


def admit(
    folder: Path,
    study: Study,
    how: Admission,
    subject: str,
    session: str,
    answers: Mapping[str, str],
) -> SessionPlan:
    """Begin a session; nothing that exists is overwritten.

    `answers` counts for a new participant only.

    Raises:
        FercoreError: a label is unusable, taken, or unknown, or an answer does not fit.
    """
    require_label(subject.removeprefix("sub-"), "participant")
    require_label(session, "session")
    if how is Admission.NEW:
        participant = enrol(folder, study, subject, answers)
    else:
        participant = read_participant(folder, subject)
        _require_fit(folder, how, participant, session)
    blocks = run_sheet(study, participant.position)
    return SessionPlan(folder, participant.label, session, blocks)


def _require_fit(folder: Path, how: Admission, participant: Participant, session: str) -> None:
    own = session_folder(folder, participant.label, session)
    if how is Admission.RESUME and not own.is_dir():
        raise FercoreError(f"{own} does not exist; choose {Admission.ANOTHER.value!r} instead.")
    if how is Admission.ANOTHER:
        if own.exists():
            raise FercoreError(f"{own} exists already; take another session label.")
        require_new(own, "session")


def _is_whole(record: RunRecord) -> bool:
    return record.state is RunState.COMPLETE
