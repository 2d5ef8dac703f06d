"""Who takes part, in which session and with which blocks, and the form that asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.window.study.panels import Sentence, paragraph
from fercore.errors import FercoreError
from fercore.study.layout import RunName, RunPlace, require_label, require_new, session_folder
from fercore.study.participants import Block, enrol, read_participant, run_sheet
from fercore.study.run_files import RunState, read_run_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fercore.study.participants import Participant
    from fercore.study.run_files import RunRecord
    from fercore.study.study_file import Field, Study


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


class ParticipantForm(QWidget):
    """Asks for participant, session and the study's fields, and states the privacy level."""

    submitted = Signal()

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.how = QComboBox()
        self.how.addItems([each.value for each in Admission])
        self.subject = QLineEdit()
        self.subject.setPlaceholderText("letters and digits, such as 01")
        self.session = QLineEdit("1")
        self.fields = {field.name: _editor(field) for field in study.fields}
        self.begin = QPushButton("Begin the session")
        self.message = Sentence()
        self._arrange(study)
        self.how.currentTextChanged.connect(self._follow_choice)
        self.begin.clicked.connect(lambda: self.submitted.emit())

    @property
    def admission(self) -> Admission:
        """How the session begins."""
        return Admission(self.how.currentText())

    @property
    def answers(self) -> dict[str, str]:
        """What was filled in, by field name."""
        return {name: _text(editor) for name, editor in self.fields.items()}

    def clear_answers(self) -> None:
        """Forget the last participant: nothing of theirs stays on the screen."""
        self.subject.clear()
        for editor in self.fields.values():
            if isinstance(editor, QComboBox):
                editor.setCurrentIndex(0)
            else:
                editor.clear()

    def _arrange(self, study: Study) -> None:
        form = QFormLayout()
        form.addRow("Begin", self.how)
        form.addRow("Participant *", self.subject)
        form.addRow("Session *", self.session)
        for field in study.fields:
            form.addRow(field.name + (" *" if field.required else ""), self.fields[field.name])
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(paragraph("* required"))
        privacy = paragraph(f"Privacy level {study.privacy.value}: {study.privacy.statement}")
        privacy.setAccessibleName("Privacy level")
        column.addWidget(privacy)
        column.addWidget(self.message)
        column.addWidget(self.begin)
        column.addStretch(1)

    def _follow_choice(self) -> None:
        for editor in self.fields.values():
            editor.setEnabled(self.admission is Admission.NEW)


def _editor(field: Field) -> QLineEdit | QComboBox:
    editor: QLineEdit | QComboBox
    if field.kind == "choice":
        editor = QComboBox()
        editor.addItems(["", *field.choices])
    else:
        editor = QLineEdit()
        editor.setPlaceholderText(field.description)
    editor.setToolTip(field.description)
    editor.setAccessibleName(field.name)
    return editor


def _text(editor: QLineEdit | QComboBox) -> str:
    return editor.currentText() if isinstance(editor, QComboBox) else editor.text()
