"""The list of keys, made from the actions themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtGui import QAction


_AROUND_ROWS = 80  # pixels: margins and the button
_FRAME_ROOM = QSize(16, 48)  # what a window manager adds around a window


class KeyHelp(QDialog):
    """A small window with one row for each action that has a key; no taller than the screen."""

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
        rows, area = QWidget(), QScrollArea()
        rows.setLayout(grid)
        area.setWidget(rows)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(rows.sizeHint().width() + area.verticalScrollBar().sizeHint().width())
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addWidget(buttons)
        wanted = self.sizeHint().expandedTo(QSize(0, rows.sizeHint().height() + _AROUND_ROWS))
        self.resize(wanted.boundedTo(parent.screen().availableSize() - _FRAME_ROOM))
