"""The study's marker keys, while it is open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from fercore.study.study_file import Marker


class MarkerKeys(QObject):
    """Says which marker's key was pressed; a key held down counts once.

    Raises:
        FercoreError: a key is none, or is taken by the window.
    """

    pressed = Signal(str)

    def __init__(self, window: QWidget, markers: Sequence[Marker]) -> None:
        super().__init__(window)
        keys = [(marker, _key(marker)) for marker in markers if marker.key]
        for marker, key in keys:
            _require_free(window, marker, key)
        self._shortcuts = [self._listen(window, marker, key) for marker, key in keys]

    def close(self) -> None:
        """Give the keys back."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts.clear()

    def _listen(self, window: QWidget, marker: Marker, key: QKeySequence) -> QShortcut:
        shortcut = QShortcut(key, window)
        # A dock that was pulled out of the window is a window of its own.
        shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(partial(self.pressed.emit, marker.name))
        return shortcut


def _key(marker: Marker) -> QKeySequence:
    key = QKeySequence.fromString(marker.key)
    if key.count() != 1 or not key.toString():
        raise FercoreError(
            f"The marker {marker.name!r} has the key {marker.key!r}, which is none; "
            "write one such as F5 into the study file."
        )
    return key


def _require_free(window: QWidget, marker: Marker, key: QKeySequence) -> None:
    for action in window.actions():
        if key in action.shortcuts():
            name = action.text().replace("&", "").rstrip("…")
            raise FercoreError(
                f"The key {marker.key!r} of the marker {marker.name!r} is taken by {name!r}; "
                "write another into the study file."
            )
