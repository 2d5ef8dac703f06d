"""The list of keys, made from the actions themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtGui import QAction


class KeyHelp(QDialog):
    """A small window with one row for each action that has a key."""

    def __init__(self, actions: Iterable[QAction], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        for row, action in enumerate(a for a in actions if not a.shortcut().isEmpty()):
            key = QLabel(f"<b>{action.shortcut().toString()}</b>")
            grid.addWidget(key, row, 0)
            grid.addWidget(QLabel(action.text().replace("&", "").rstrip("…")), row, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(buttons)
