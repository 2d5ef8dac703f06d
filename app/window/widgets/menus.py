"""What menus need: commands with their keys, entries, choices, the list of keys, questions."""

from __future__ import annotations

import importlib.metadata
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QMessageBox,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from PySide6.QtWidgets import QMenu

Word = TypeVar("Word", bound=str)
_AROUND_ROWS = 80  # pixels: margins and the button
_FRAME_ROOM = QSize(16, 48)  # what a window manager adds around a window


class _Command(NamedTuple):
    text: str  # of the menu's entry; & marks the letter that chooses it there
    key: str


class Command(_Command, Enum):
    """What can be asked for, in the order of the menus. No key stands twice."""

    OPEN_FOLDER = "&Open folder…", "Ctrl+O"
    OPEN_FILE = "Open &file…", "Ctrl+Shift+O"
    SAMPLE = "&Bundled sample", "Ctrl+B"
    REALSENSE = "&RealSense camera", "Ctrl+R"
    WEBCAM = "&Webcam", "Ctrl+W"
    SYNTHETIC = "S&ynthetic face", "Ctrl+Y"
    SNAPSHOT = "Take a sna&pshot", "Ctrl+S"
    QUIT = "&Quit", "Ctrl+Q"
    PLAY = "Play", "Space"
    STEP = "Step one frame", "."
    STEP_BACK = "Step one frame back", ","
    PREVIOUS_SCAN = "Previous scan", "PgUp"
    NEXT_SCAN = "Next scan", "PgDown"
    PREVIOUS_SUBJECT = "Previous subject", "Ctrl+PgUp"
    NEXT_SUBJECT = "Next subject", "Ctrl+PgDown"
    FIRST_SCAN = "First scan", "Home"
    LOOP = "&Loop", "Ctrl+Shift+L"
    SLOWER = "Slower", "-"
    FASTER = "Faster", "+"
    SWITCH_THEME = "&Switch dark and light", "Ctrl+D"
    WHOLE_TIMELINE = "Whole &timeline", "Ctrl+T"
    EXPORT_TIMELINE = "&Export the timeline…", "Ctrl+E"
    JUDGE_ANOTHER = "&Judge another face", "Ctrl+J"
    RESTING_FACE = "This is my &resting face", "Ctrl+F"
    FULL_SCREEN = "&Full screen", "F11"
    PRESENTATION = "&Presentation", "Ctrl+P"
    FACE_IN_SPACE = "Face in space", "Ctrl+3"
    WHERE_NETWORKS_LOOK = "&Where the networks look", "Ctrl+L"
    OPEN_STUDY = "&Open study…", "Ctrl+U"
    CLOSE_STUDY = "&Close study", "Ctrl+Shift+U"
    START_BLOCK = "&Start the block", "Ctrl+Return"
    STOP_BLOCK = "S&top the block", "Ctrl+Backspace"
    KEEP_ON = "&Keep on recording", "Ctrl+Shift+Return"
    RECORD = "&Record, or stop recording", "Ctrl+Shift+R"
    MARK = "&Mark this moment", "Ctrl+Shift+M"
    KEYS = "&Keys", "F1"
    ABOUT = "&About", "Shift+F1"


def is_confirmed(parent: QWidget, question: str) -> bool:
    """Ask, and wait for the answer; whoever just presses Return or Escape says no."""
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(
        parent, "Please confirm", question, buttons.Yes | buttons.No, buttons.No
    )
    return answer == buttons.Yes


def about_text(judges: str) -> str:
    """Return what the application is, which networks judge, and whose it is, as rich text."""
    version = importlib.metadata.version("fercore")
    return (
        f"<b>rgbd-fer {version}</b><p>Estimates the six basic expressions that a face shows from "
        "colour and depth. It does not know what a person feels.</p>"
        f"<p>Networks: {judges or 'none from a checkpoint'}</p>"
        "<p>After Oyedotun et al., <i>Facial Expression Recognition via Joint Deep Learning of "
        "RGB-Depth Map Latent Representations</i>, ICCV Workshops 2017. MIT licence.</p>"
    )


def add_entry(window: QWidget, menu: QMenu, command: Command, then: Callable[[], object]) -> None:
    """Add a command to a menu; its key works in the whole window."""
    action = QAction(command.text, window)
    action.setShortcut(QKeySequence(command.key))
    action.triggered.connect(lambda _checked=False: then())
    menu.addAction(action)
    window.addAction(action)


def add_switch(
    window: QWidget, menu: QMenu, command: Command, then: Callable[[bool], object]
) -> QAction:
    """Add something that is on or off, at first off; its key works in the whole window."""
    action = QAction(command.text, window)
    action.setCheckable(True)
    action.setShortcut(QKeySequence(command.key))
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
