"""The window's commands: one key each, and none that is not declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence

from app.window.modes import add_modes
from app.window.widgets.menus import Command

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.start.settings import Settings
    from app.window.main_window import MainWindow


def test_no_key_stands_twice() -> None:
    keys = [QKeySequence(command.key).toString() for command in Command]
    assert all(keys) and len(set(keys)) == len(keys)


def test_the_window_gives_every_command_its_key_and_no_other(
    show_window: Callable[..., MainWindow], settings: Settings
) -> None:
    window = show_window()
    add_modes(window, window.session, settings, tuple, None)
    found = {(a.text(), a.shortcut()) for a in window.actions() if not a.shortcut().isEmpty()}
    declared = {(command.text, QKeySequence(command.key)) for command in Command}
    playing = {("Pause", QKeySequence(Command.PLAY.key))}  # the same button, while it plays
    play = {(Command.PLAY.text, QKeySequence(Command.PLAY.key))}
    assert found - playing - play == declared - play and found & (playing | play)
