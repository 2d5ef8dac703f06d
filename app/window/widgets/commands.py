"""Every command of the window: what its entry says, and the one key that gives it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


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
    PREVIOUS_SCAN = "Previous scan", "PgUp"
    NEXT_SCAN = "Next scan", "PgDown"
    PREVIOUS_SUBJECT = "Previous subject", "Ctrl+PgUp"
    NEXT_SUBJECT = "Next subject", "Ctrl+PgDown"
    FIRST_SCAN = "First scan", "Home"
    SLOWER = "Slower", "-"
    FASTER = "Faster", "+"
    SWITCH_THEME = "&Switch dark and light", "Ctrl+D"
    JUDGE_ANOTHER = "&Judge another face", "Ctrl+J"
    RESTING_FACE = "This is my &resting face", "Ctrl+F"
    FULL_SCREEN = "&Full screen", "F11"
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
