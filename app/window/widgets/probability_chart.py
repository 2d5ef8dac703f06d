"""One head's probabilities as bars, each with its label and its percentage."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.drawing.colours import VERDICT_COLOURS
from app.drawing.overlay import percent, shown_text
from app.window.widgets.theme import muted
from fercore.expressions import EXPRESSIONS, VERDICT_LABELS

if TYPE_CHECKING:
    from fercore.expressions import Expression
    from fercore.structures import Prediction

_PAD = 10
_LEAST_TRACK = 12.0
_ROWS = len(VERDICT_LABELS) + 1  # with the heading
_LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
_RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)


class ProbabilityChart(QWidget):
    """Bars in the order of `VERDICT_LABELS`; the true expression's track is outlined.

    A stroke across a bar is what was said when the frame was recorded.

    Calm has a bar as soon as a network has spoken that knows it.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._prediction: Prediction | None = None
        self._truth: Expression | None = None
        self._stored: Prediction | None = None
        self._labels = VERDICT_LABELS[: len(EXPRESSIONS)]
        self.setAccessibleName(f"{title} probabilities")
        self._bold = _bold(self.font())
        self.setMinimumSize(124, _ROWS * self.fontMetrics().height() + 2 * _PAD)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        """Return a size with air between the bars."""
        return QSize(320, _ROWS * self.fontMetrics().height() * 3 // 2 + 2 * _PAD)

    def show_prediction(
        self,
        prediction: Prediction | None,
        truth: Expression | None,
        stored: Prediction | None = None,
    ) -> None:
        """Show a verdict, or empty bars; `stored` is what was said of the frame before."""
        self._prediction, self._truth, self._stored = prediction, truth, stored
        if prediction is not None:
            self._labels = VERDICT_LABELS[: len(prediction.probabilities)]
        then = f"; recorded: {shown_text(stored)}" if stored else ""
        self.setAccessibleDescription(shown_text(prediction, truth) + then)
        self.update()

    def clear(self) -> None:
        """Show empty bars."""
        self.show_prediction(None, None)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the heading and a row for each verdict."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(self.rect(), 6, 6)
        inner = QRectF(self.rect()).adjusted(_PAD, _PAD / 2, -_PAD, -_PAD / 2)
        row_height = inner.height() / (len(self._labels) + 1)
        self._paint_heading(painter, QRectF(inner.left(), inner.top(), inner.width(), row_height))
        for place, label in enumerate(self._labels):
            top = inner.top() + (place + 1) * row_height
            area = QRectF(inner.left(), top, inner.width(), row_height)
            self._paint_row(painter, area, label)
        painter.end()

    def _paint_heading(self, painter: QPainter, area: QRectF) -> None:
        painter.setFont(self._bold)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(area, _LEFT, self._title)
        text = shown_text(self._prediction, self._truth) if self._prediction else "no verdict"
        if self._prediction is None:
            painter.setPen(muted(self))
        metrics = QFontMetrics(self._bold)
        room = area.width() - metrics.horizontalAdvance(self._title) - _PAD
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(area, _RIGHT, text)

    def _paint_row(self, painter: QPainter, area: QRectF, label: str) -> None:
        share = self._share(label)
        is_best = self._prediction is not None and self._prediction.label == label
        painter.setFont(self._bold if is_best else self.font())
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(area, _LEFT, label)
        painter.drawText(area, _RIGHT, "–" if share is None else percent(share))
        track = self._track(area)
        if track.width() >= _LEAST_TRACK:  # a mere stroke would cross the figure
            self._paint_bar(painter, track, share or 0.0, label)

    def _paint_bar(self, painter: QPainter, track: QRectF, share: float, label: str) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.AlternateBase))
        painter.drawRoundedRect(track, 3, 3)
        filled = QRectF(track)
        filled.setWidth(track.width() * share)
        painter.setBrush(QColor(VERDICT_COLOURS[label]))
        painter.drawRoundedRect(filled, 3, 3)
        if label == self._truth:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 1.4))
            painter.drawRoundedRect(track, 3, 3)
        place = VERDICT_LABELS.index(label)
        if self._stored is not None and place < len(self._stored.probabilities):
            x = track.left() + float(self._stored.probabilities[place]) * track.width()
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 2))
            painter.drawLine(QPointF(x, track.top() - 2), QPointF(x, track.bottom() + 2))

    def _track(self, area: QRectF) -> QRectF:
        label, figure = _text_widths(self._bold)
        height = min(14.0, 0.62 * area.height())
        return QRectF(
            area.left() + label + _PAD,
            area.center().y() - height / 2,
            max(0.0, area.width() - label - figure - 2 * _PAD),
            height,
        )

    def _share(self, label: str) -> float | None:
        if self._prediction is None:
            return None
        return float(self._prediction.probabilities[VERDICT_LABELS.index(label)])


def _bold(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setBold(True)
    return bold


@cache
def _text_widths(font: QFont) -> tuple[int, int]:
    """Return the widths of the longest label and of the longest percentage in pixels."""
    metrics = QFontMetrics(font)
    labels = max(metrics.horizontalAdvance(label) for label in VERDICT_LABELS)
    return labels, metrics.horizontalAdvance(percent(1))
