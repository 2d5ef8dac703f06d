"""The form that a session begins with: who takes part, and what the study asks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.window.study.admission import Admission
from app.window.study.sentence import Sentence, paragraph

if TYPE_CHECKING:
    from fercore.study.study_file import Field, Study


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
