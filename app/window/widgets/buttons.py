"""Symbols of the transport's buttons, and the button that starts and stops a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF
from PySide6.QtWidgets import QPushButton, QSizePolicy

if TYPE_CHECKING:
    from collections.abc import Callable

Symbol = Literal["play", "pause", "step", "previous", "next"]
_SIZE = 64
IDLE = "● Record"
_RED = (
    "QPushButton { background: #B3261E; color: white; font-weight: bold; border: none;"
    " border-radius: 4px; padding: 3px 10px; }"
)


def icon(symbol: Symbol, colour: QColor, faded: QColor) -> QIcon:
    """Return a symbol; `faded` is its colour on a disabled button."""
    result = QIcon()
    result.addPixmap(_pixmap(symbol, colour), QIcon.Mode.Normal)
    result.addPixmap(_pixmap(symbol, faded), QIcon.Mode.Disabled)
    return result


def _pixmap(symbol: Symbol, colour: QColor) -> QPixmap:
    pixmap = QPixmap(_SIZE, _SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    _DRAWERS[symbol](painter)
    painter.end()
    return pixmap


def _triangle(painter: QPainter, base: float, tip: float) -> None:
    corners = [QPointF(base, 12), QPointF(tip, 32), QPointF(base, 52)]
    painter.drawPolygon(QPolygonF(corners))


def _bar(painter: QPainter, left: float, width: float) -> None:
    painter.drawRect(QRectF(left, 12, width, 40))


def _play(painter: QPainter) -> None:
    _triangle(painter, 16, 52)


def _pause(painter: QPainter) -> None:
    _bar(painter, 15, 12)
    _bar(painter, 37, 12)


def _step(painter: QPainter) -> None:
    _bar(painter, 14, 9)
    _triangle(painter, 28, 56)


def _previous(painter: QPainter) -> None:
    _bar(painter, 9, 7)
    _triangle(painter, 34, 16)
    _triangle(painter, 54, 34)


def _next(painter: QPainter) -> None:
    _triangle(painter, 10, 30)
    _triangle(painter, 30, 48)
    _bar(painter, 48, 7)


_DRAWERS: dict[Symbol, Callable[[QPainter], None]] = {
    "play": _play,
    "pause": _pause,
    "step": _step,
    "previous": _previous,
    "next": _next,
}


class RecordButton(QPushButton):
    """Red with time, size and room left while something is recorded."""

    def __init__(self) -> None:
        super().__init__(IDLE)
        self.setAccessibleName("Quick recording")
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        # Space plays and pauses; it must not also start a recording.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumHeight(self.sizeHint().height())  # so that it stays the same in red
        self._recording = False

    def show_idle(self) -> None:
        """Show that nothing is recorded."""
        self._dress(False)
        self.setText(IDLE)

    def show_recording(
        self, elapsed_s: float, bytes_written: int, bytes_free: int, remark: str = ""
    ) -> None:
        """Show how a recording stands, and what needs attention."""
        self._dress(True)
        parts = [
            f"■ Stop   {_clock(elapsed_s)}",
            _size(bytes_written),
            f"{_size(bytes_free)} left",
            *([f"⚠ {remark}"] if remark else []),
        ]
        self.setText("   ".join(parts))

    def _dress(self, recording: bool) -> None:
        if recording is not self._recording:
            self._recording = recording
            self.setStyleSheet(_RED if recording else "")


def _clock(seconds: float) -> str:
    """Return a time such as `0:07` or `1:02:07`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
