"""What a run puts into the window: the line that is always in view, and its marker keys."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QLabel, QSizePolicy

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from app.study.run_state import RecordingProgress
    from app.window.study.checks import Observed
    from fercore.study.run_files import Counts
    from fercore.study.study_file import Marker

IDLE = "○ not recording"
_STYLE = "font-weight: bold; border-radius: 4px; padding: 4px 8px; color: white; background: {};"
_RED, _GREY = "#B3261E", "#5F6671"


def remarks(progress: RecordingProgress | None, observed: Observed) -> list[str]:
    """Return what needs attention, one short sentence each; nothing without a run."""
    if progress is None or not progress.active:
        return []
    found = []
    if observed.frames_per_second == 0:
        found.append("NO FRAMES COME IN")
    if QApplication.activeWindow() is None:
        found.append("marker keys work only while this window is in front")
    if 0 < progress.planned_s <= progress.elapsed_s:
        found.append(f"the planned {progress.planned_s:g} s are over")
    return found


class RecordingLine(QLabel):
    """Red while a run is recorded, grey otherwise."""

    def __init__(self) -> None:
        super().__init__(IDLE)
        self.setAccessibleName("Recording")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._recording: bool | None = None
        self.show_progress(None)

    def show_progress(
        self, progress: RecordingProgress | None, remarks: Sequence[str] = ()
    ) -> None:
        """Show how a run stands, None without one, and what needs attention meanwhile."""
        recording = progress is not None and progress.active
        self.setText(_words(progress, remarks) if progress is not None and recording else IDLE)
        if recording is not self._recording:
            self._recording = recording
            self.setStyleSheet(_STYLE.format(_RED if recording else _GREY))


def dropped(counts: Counts) -> str:
    """Return what was lost, in words."""
    parts = (
        (counts.dropped_rows, "rows"),
        (counts.dropped_colour, "colour pictures"),
        (counts.dropped_depth, "depth maps"),
        (counts.dropped_events, "events"),
    )
    lost = ", ".join(f"{number} {what}" for number, what in parts if number)
    return f"dropped: {lost}" if lost else "0 dropped"


def _words(progress: RecordingProgress, remarks: Sequence[str]) -> str:
    counts = progress.counts
    parts = [
        f"● RECORDING {_clock(int(progress.elapsed_s))}",
        *_countdown(progress),
        f"{progress.bytes_written / 1e6:.1f} MB",
        f"{progress.bytes_free / 1e9:.1f} GB left",
        f"{counts.frames} frames",
        f"{counts.events} events",
        dropped(counts),
    ]
    return "   ".join([*parts, *(f"⚠ {remark}" for remark in remarks)])


def _countdown(progress: RecordingProgress) -> list[str]:
    if progress.left_s == 0 and not progress.ends_by_itself:
        return []
    left = _clock(math.ceil(progress.left_s))
    return [f"ends in {left}" if progress.ends_by_itself else f"{left} to go"]


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"


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
