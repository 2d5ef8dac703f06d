"""Entries of menus: commands with their keys, and choices of one word out of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtGui import QAction, QActionGroup, QKeySequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtWidgets import QMenu, QWidget

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
