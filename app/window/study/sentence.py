"""One line of text under a panel: what went well, or what is wrong and what to do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

_PROBLEM = "background: #B3261E; color: white; border-radius: 4px; padding: 4px 8px;"


class Sentence(QLabel):
    """Hidden while it has nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName("Message")
        self.hide()

    def problem(self, text: str) -> None:
        """Show what is wrong."""
        self._show(text, _PROBLEM)

    def note(self, text: str) -> None:
        """Show what went well; empty hides it."""
        self._show(text, "")

    def _show(self, text: str, style: str) -> None:
        self.setText(text)
        self.setStyleSheet(style)
        self.setVisible(bool(text))


def paragraph(text: str) -> QLabel:
    """Return a label that wraps and takes its text as it is."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
