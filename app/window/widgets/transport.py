"""The tool bar that plays, pauses, steps and chooses; it only says what was pressed.

A camera has nothing to play: the bar hides, and its keys do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QPalette
from PySide6.QtWidgets import QComboBox, QLabel, QToolBar

from app.window.widgets.buttons import Symbol, icon
from app.window.widgets.menus import Command
from app.window.widgets.theme import muted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QKeyEvent

SPEEDS = (0.25, 0.5, 1.0, 2.0)
_JUMP_KEYS = (Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class Transport(QToolBar):
    """Buttons and choosers, each with a key of its own."""

    play_pressed = Signal()
    step_pressed = Signal()
    step_back_pressed = Signal()
    speed_chosen = Signal(float)
    clip_chosen = Signal(int)
    loop_toggled = Signal(bool)

    def __init__(self) -> None:
        super().__init__("Playback")
        self.setObjectName("playback")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._clips: list[tuple[str, str]] = []
        self._clip = 0
        self._symbols: dict[QAction, Symbol] = {}
        self._add_buttons()
        self._add_choosers()
        self._paint_icons()
        self.set_clips([])

    def set_clips(self, clips: Sequence[tuple[str, str]]) -> None:
        """Fill the choosers with (subject, label) of every clip."""
        self._clips = list(clips)
        self._clip = 0
        subjects = list(dict.fromkeys(subject for subject, _ in self._clips))
        _fill(self._subjects, subjects)
        self._fill_labels()
        self._subjects.setEnabled(bool(self._clips))
        self._labels.setEnabled(bool(self._clips))
        for action in self._jumps:
            action.setEnabled(bool(self._clips))
        for chooser in self._clip_choosers:
            chooser.setVisible(bool(self._clips))

    def set_live(self, live: bool) -> None:
        """Hide from a camera, come back for a replay; after `set_clips`."""
        self.setVisible(not live)
        for action in self.playback_actions():
            action.setEnabled(not live and (action not in self._jumps or bool(self._clips)))

    def set_clip(self, clip: int) -> None:
        """Show which clip is playing."""
        if clip == self._clip or not 0 <= clip < len(self._clips):
            return
        changed_subject = self._clips[clip][0] != self._clips[self._clip][0]
        self._clip = clip
        if changed_subject:
            self._fill_labels()
        self._show_clip()

    def chosen(self) -> tuple[str, str]:
        """Return subject and label as the choosers show them."""
        return self._subjects.currentText(), self._labels.currentText()

    def set_playing(self, playing: bool) -> None:
        """Show on the button what a press will do."""
        symbol: Symbol = "pause" if playing else "play"
        if self._symbols[self.play] != symbol:
            self._symbols[self.play] = symbol
            self.play.setText("Pause" if playing else "Play")
            self._paint_icons()

    def playback_actions(self) -> list[QAction]:
        """Return every action for a menu, in reading order."""
        return [
            self.play,
            self.step,
            self.step_back,
            *self._jumps,
            self.loop,
            self.slower,
            self.faster,
        ]

    def changeEvent(self, event: QEvent) -> None:
        """Follow a change of the theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_jumps"):
            self._paint_icons()

    def _add_buttons(self) -> None:
        previous = self._button(Command.PREVIOUS_SCAN, "previous", lambda: self._go(-1))
        self.play = self._button(Command.PLAY, "play", self.play_pressed.emit)
        self.step = self._button(Command.STEP, "step", self.step_pressed.emit)
        self.step_back = self._action(Command.STEP_BACK, self.step_back_pressed.emit)
        self.step_back.setEnabled(False)  # until there is a recording
        following = self._button(Command.NEXT_SCAN, "next", lambda: self._go(1))
        self.loop = self._action(Command.LOOP, lambda: None)
        self.loop.setCheckable(True)
        self.loop.toggled.connect(self.loop_toggled)
        self.slower = self._action(Command.SLOWER, lambda: self._change_speed(-1))
        self.faster = self._action(Command.FASTER, lambda: self._change_speed(1))
        first = self._action(Command.FIRST_SCAN, lambda: self._choose(0))
        back = self._action(Command.PREVIOUS_SUBJECT, lambda: self._go_subject(-1))
        onward = self._action(Command.NEXT_SUBJECT, lambda: self._go_subject(1))
        self._jumps = [previous, following, back, onward, first]

    def _button(self, command: Command, symbol: Symbol, then: Callable[[], None]) -> QAction:
        action = self._action(command, then)
        self._symbols[action] = symbol
        super().addAction(action)
        return action

    def _action(self, command: Command, then: Callable[[], None]) -> QAction:
        action = QAction(command.text, self)
        action.setShortcut(QKeySequence(command.key))
        action.setToolTip(f"{command.text} ({command.key})")
        action.triggered.connect(lambda _checked=False: then())
        return action

    def _add_choosers(self) -> None:
        before = len(self.actions())
        self._subjects = self._chooser("Subject", "Ctrl+PgUp, Ctrl+PgDown", 8)
        self._labels = self._chooser("Scan", "PgUp, PgDown", 20)
        self._clip_choosers = self.actions()[before:]
        self._speeds = self._chooser("Speed", "-, +", 6)
        _fill(self._speeds, [f"{speed:g}×" for speed in SPEEDS])
        self._speeds.setCurrentIndex(SPEEDS.index(1.0))
        self._subjects.activated.connect(self._choose_subject)
        self._labels.activated.connect(lambda row: self._choose(self._of_subject()[row]))
        self._speeds.currentIndexChanged.connect(lambda row: self.speed_chosen.emit(SPEEDS[row]))

    def _chooser(self, name: str, keys: str, width: int) -> QComboBox:
        label = QLabel(f"  {name} ")
        box = _Chooser()
        box.setAccessibleName(name)
        box.setToolTip(f"{name} ({keys})")
        box.setMinimumContentsLength(width)
        # Else the wheel and the arrow keys jump about while somebody scrolls.
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        label.setBuddy(box)
        self.addWidget(label)
        self.addWidget(box)
        return box

    def _paint_icons(self) -> None:
        colour = self.palette().color(QPalette.ColorRole.ButtonText)
        for action, symbol in self._symbols.items():
            action.setIcon(icon(symbol, colour, muted(self)))

    def _fill_labels(self) -> None:
        _fill(self._labels, [self._clips[clip][1] for clip in self._of_subject()])
        self._show_clip()

    def _show_clip(self) -> None:
        if self._clips:
            self._subjects.setCurrentText(self._clips[self._clip][0])
            self._labels.setCurrentIndex(self._of_subject().index(self._clip))

    def _of_subject(self) -> list[int]:
        if not self._clips:
            return []
        subject = self._clips[self._clip][0]
        return [i for i, (other, _) in enumerate(self._clips) if other == subject]

    def _choose(self, clip: int) -> None:
        self.set_clip(clip)
        self.clip_chosen.emit(clip)

    def _choose_subject(self, row: int) -> None:
        subject = self._subjects.itemText(row)
        self._choose([other for other, _ in self._clips].index(subject))

    def _go(self, by: int) -> None:
        self._choose((self._clip + by) % len(self._clips))

    def _go_subject(self, by: int) -> None:
        self._choose_subject((self._subjects.currentIndex() + by) % self._subjects.count())

    def _change_speed(self, by: int) -> None:
        row = self._speeds.currentIndex() + by
        self._speeds.setCurrentIndex(min(max(row, 0), len(SPEEDS) - 1))


class _Chooser(QComboBox):
    """Leaves the keys that jump among scans alone, even where there are none to jump among."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose by arrow and letter; else a forgotten focus changes the speed by Home."""
        if event.key() in _JUMP_KEYS:
            event.ignore()
        else:
            super().keyPressEvent(event)


def _fill(box: QComboBox, items: Sequence[str]) -> None:
    box.clear()
    box.addItems(list(items))
