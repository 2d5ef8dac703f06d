"""A question that is answered with yes or no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMessageBox

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


def is_confirmed(parent: QWidget, question: str) -> bool:
    """Ask, and wait for the answer; whoever just presses Return or Escape says no."""
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(
        parent, "Please confirm", question, buttons.Yes | buttons.No, buttons.No
    )
    return answer == buttons.Yes
