"""The checklist on the screen: a line an item, with room for a reason where it is red."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.window.study.sentence import Sentence, paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.study.run_files import Check

_MARKS = {True: "✓", False: "✗"}
_COLOURS = {True: "#0A7D55", False: "#B3261E"}


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
