"""Symbols of the transport buttons, drawn in the text colour so that both themes show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF

if TYPE_CHECKING:
    from collections.abc import Callable

Symbol = Literal["play", "pause", "step", "previous", "next"]
_SIZE = 64


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
