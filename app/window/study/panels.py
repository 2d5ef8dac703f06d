"""Panels of study mode: the checklist, the guided neutral face, switches for the outside.

Under each stands one line of text: what went well, or what is wrong and what to do.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.study.remote import DEFAULT_PORT, LOOPBACK
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.study.desk import Desk
    from fercore.study.run_files import Check

_PROBLEM = "background: #B3261E; color: white; border-radius: 4px; padding: 4px 8px;"
_MARKS = {True: "✓", False: "✗"}
_COLOURS = {True: "#0A7D55", False: "#B3261E"}
_TICK_MS = 100
_TOKEN_BYTES = 12


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


class ChecklistPanel(QWidget):
    """Shows checks as they stand and remembers reasons for starting without them."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, _Row] = {}
        self._checks: tuple[Check, ...] = ()
        self._grid = QGridLayout()
        self._grid.setColumnStretch(2, 1)
        self.message = Sentence()
        column = QVBoxLayout(self)
        column.addWidget(
            paragraph("All must be green, or give the reason for starting nevertheless.")
        )
        column.addLayout(self._grid)
        column.addWidget(self.message)
        column.addStretch(1)

    def show_checks(self, checks: Sequence[Check]) -> None:
        """Show how everything stands now."""
        for check in checks:
            if check.item not in self._rows:
                self._rows[check.item] = _Row(check.item, self._grid, 2 * len(self._rows))
            self._rows[check.item].show_check(check)
        self._checks = tuple(checks)
        left = [check.item for check in self.checks() if not _settled(check)]
        self.message.note("" if left or not checks else "Ready to start.")

    def checks(self) -> tuple[Check, ...]:
        """Return the checks last shown, with the reasons given for the red ones."""
        return tuple(
            check
            if check.passed
            else replace(check, overridden_because=self._rows[check.item].reason_given())
            for check in self._checks
        )

    @property
    def settled(self) -> bool:
        """Whether every item is green or overridden."""
        return bool(self._checks) and all(_settled(check) for check in self.checks())

    def reason(self, item: str) -> QLineEdit:
        """Return the field for an item's reason."""
        return self._rows[item].reason

    def forget_reasons(self) -> None:
        """Begin anew: reasons of the last session do not count for the next."""
        for row in self._rows.values():
            row.reason.clear()


class _Row:
    """An item's mark, name and finding, and below it the reason."""

    def __init__(self, item: str, grid: QGridLayout, place: int) -> None:
        self._mark, self._finding = QLabel(), paragraph("")
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("start nevertheless, because…")
        self.reason.setAccessibleName(f"Reason for starting without {item}")
        self._finding.setAccessibleName(item)
        grid.addWidget(self._mark, place, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(QLabel(item), place, 1, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._finding, place, 2)
        grid.addWidget(self.reason, place + 1, 1, 1, 2)

    def show_check(self, check: Check) -> None:
        """Show how the item stands."""
        self._mark.setText(_MARKS[check.passed])
        self._mark.setStyleSheet(f"color: {_COLOURS[check.passed]}; font-weight: bold;")
        self._finding.setText(check.finding)
        # Never taken away from under somebody's hands.
        self.reason.setVisible(not check.passed or self.reason.hasFocus())

    def reason_given(self) -> str:
        """Return the reason on one line."""
        return " ".join(self.reason.text().split())


def _settled(check: Check) -> bool:
    return check.passed or bool(check.overridden_because)


class BaselinePanel(QWidget):
    """Counts the seconds; what is made of them is up to whoever hears `ended`."""

    begun = Signal()
    ended = Signal()

    def __init__(self, duration_s: float) -> None:
        super().__init__()
        self._duration_s = duration_s
        self._began_s = 0.0
        self.start = QPushButton(f"Record {duration_s:g} s of neutral face")
        self.start.clicked.connect(lambda: self._begin())
        self._bar = QProgressBar()
        self._bar.setRange(0, round(1000 * duration_s))
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress of the baseline")
        self.message = Sentence()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        column = QVBoxLayout(self)
        column.addWidget(
            paragraph(
                "Ask the participant to look at the camera with a relaxed face, mouth closed, "
                "and to keep still. Then press the button."
            )
        )
        for widget in (self.start, self._bar, self.message):
            column.addWidget(widget)
        column.addStretch(1)

    @property
    def running(self) -> bool:
        """Whether the seconds are being counted."""
        return self._timer.isActive()

    def stop(self) -> None:
        """Stop counting without a result."""
        self._timer.stop()
        self._bar.setValue(0)
        self.start.setEnabled(True)

    def _begin(self) -> None:
        self.message.note("")
        self.start.setEnabled(False)
        self._began_s = time.monotonic()
        self._timer.start()
        self.begun.emit()

    def _tick(self) -> None:
        elapsed_s = time.monotonic() - self._began_s
        self._bar.setValue(round(1000 * min(elapsed_s, self._duration_s)))
        if elapsed_s >= self._duration_s:
            self.stop()
            self.ended.emit()


class LinksPanel(QWidget):
    """Opens and closes what connects the desk with other software."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.lsl = QCheckBox("Lab Streaming Layer")
        self.streams = QLineEdit()
        self.streams.setPlaceholderText("names, separated by commas")
        self.remote = QCheckBox("Remote control")
        self.interface = QLineEdit(LOOPBACK)
        self.port = QSpinBox()
        self.port.setRange(0, 65535)
        self.port.setValue(DEFAULT_PORT)
        self.token = paragraph("")
        self.token.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.token.setAccessibleName("Token")
        self.message = Sentence()
        self._arrange()
        self.lsl.clicked.connect(self._switch_lsl)
        self.remote.clicked.connect(self._switch_remote)

    def _arrange(self) -> None:
        form = QFormLayout(self)
        form.addRow(paragraph("LSL announces its streams to the local network."))
        form.addRow(self.lsl)
        form.addRow("Marker streams", self.streams)
        form.addRow(paragraph("The remote control is not encrypted; it asks for the token."))
        form.addRow(self.remote)
        form.addRow("Address", self.interface)
        form.addRow("Port", self.port)
        form.addRow("Token", self.token)
        form.addRow(self.message)

    def _switch_lsl(self, on: bool) -> None:
        names = [name.strip() for name in self.streams.text().split(",") if name.strip()]
        self.message.note("")
        try:
            self._desk.switch_lsl(on, names)
        except FercoreError as error:
            self.message.problem(str(error))
        self.lsl.setChecked(self._desk.lsl_on)
        self.streams.setEnabled(not self._desk.lsl_on)

    def _switch_remote(self, on: bool) -> None:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.message.note("")
        try:
            interface = self.interface.text().strip()
            address = self._desk.switch_remote(on, token, interface, self.port.value())
            if address is not None:
                self.message.note(f"The remote control listens on {address[0]} port {address[1]}.")
        except FercoreError as error:
            self.message.problem(str(error))
        is_on = self._desk.remote_on
        self.remote.setChecked(is_on)
        self.token.setText(token if is_on else "")
        for editor in (self.interface, self.port):
            editor.setEnabled(not is_on)
