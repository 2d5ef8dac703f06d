"""Entries of menus: commands with their keys, choices of one word, and the list of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from PySide6.QtWidgets import QMenu

Word = TypeVar("Word", bound=str)


def add_entry(
    window: QWidget, menu: QMenu, text: str, key: str, then: Callable[[], object]
) -> None:
    """Add a command to a menu; its key works in the whole window."""
    action = QAction(text, window)
    action.setShortcut(QKeySequence(key))
    action.triggered.connect(lambda _checked=False: then())
    menu.addAction(action)
    window.addAction(action)


def add_switch(
    window: QWidget, menu: QMenu, text: str, key: str, then: Callable[[bool], object]
) -> QAction:
    """Add something that is on or off, at first off; its key works in the whole window."""
    action = QAction(text, window)
    action.setCheckable(True)
    action.setShortcut(QKeySequence(key))
    action.toggled.connect(then)
    menu.addAction(action)
    window.addAction(action)
    return action


def add_choice(
    menu: QMenu,
    words: Sequence[Word],
    chosen: Word,
    then: Callable[[Word], None],
    texts: Mapping[Word, str] | None = None,
) -> QActionGroup:
    """Fill a menu with words of which one is chosen; `texts` says more than the word itself."""
    group = QActionGroup(menu)
    for word in words:
        action = group.addAction(texts[word] if texts else word.capitalize())
        action.setCheckable(True)
        action.setData(word)
        action.setChecked(word == chosen)
        menu.addAction(action)
    known = {str(word): word for word in words}  # Qt makes a plain text of each
    group.triggered.connect(lambda action: then(known[action.data()]))
    return group


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
