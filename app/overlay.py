"""What is drawn onto a colour picture: face box, three verdicts, truth, or why there is none.

One implementation for the window and for the video. It paints in the picture's
own coordinates; whoever scales the painter gets sharp text at any size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.colours import EXPRESSION_COLOURS, NEUTRAL_COLOUR

if TYPE_CHECKING:
    from fercore.expressions import Expression
    from fercore.structures import Analysis, FaceBox, Prediction, Verdicts

CORRECT, WRONG = "✓", "✗"
HEADS = ("Fusion", "RGB", "Depth")
_TEXT_PIXELS = 15  # height of text on a picture of 480 rows
_LEAST_PIXELS = 9.5  # and at least so much on the screen
_PLATE = QColor(16, 18, 22, 190)
_WHITE = QColor(245, 246, 248)
_MUTED = QColor(190, 194, 202)


def verdict_text(prediction: Prediction | None, truth: Expression | None = None) -> str:
    """Return a verdict in words, such as `anger 87 % ✓`; a dash where there is none."""
    if prediction is None:
        return "–"
    mark = mark_of(prediction, truth)
    return f"{prediction.expression} {percent(prediction.confidence)} {mark}".rstrip()


def mark_of(prediction: Prediction | None, truth: Expression | None) -> str:
    """Return whether a verdict is right, empty where nobody can know."""
    if prediction is None or truth is None:
        return ""
    return CORRECT if prediction.expression is truth else WRONG


def percent(share: float) -> str:
    """Return a share 0..1 as text, such as `87 %`."""
    return f"{100 * share:.0f} %"


def by_head(verdicts: Verdicts | None) -> tuple[Prediction | None, ...]:
    """Return the three verdicts in the order of HEADS."""
    if verdicts is None:
        return (None, None, None)
    return (verdicts.fusion, verdicts.rgb, verdicts.depth)


def draw_overlay(painter: QPainter, analysis: Analysis) -> None:
    """Draw what is known about a frame in the coordinates of its colour picture."""
    height, width = analysis.frame.rgb.shape[:2]
    scale = painter.transform().m11()
    unit = max(height / 480, _LEAST_PIXELS / (_TEXT_PIXELS * scale))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(_font(_TEXT_PIXELS * unit))
    if analysis.pair is not None:
        _draw_box(painter, analysis.pair.box, analysis.verdicts, unit)
    if analysis.verdicts is not None:
        _draw_verdicts(painter, analysis, unit)
    if analysis.reason:
        _draw_note(painter, analysis.reason, QPointF(width / 2, height - 22 * unit), unit)
    painter.restore()


def _font(pixels: float) -> QFont:
    font = QFont()
    font.setPixelSize(max(6, round(pixels)))
    return font


def _draw_box(painter: QPainter, box: FaceBox, verdicts: Verdicts | None, unit: float) -> None:
    best = verdicts.best() if verdicts else None
    colour = QColor(EXPRESSION_COLOURS[best.expression] if best else NEUTRAL_COLOUR)
    frame = QRectF(box.x0, box.y0, box.width, box.height)
    # A dark line beneath keeps the box visible on skin of its own colour.
    for pen in (QPen(QColor(0, 0, 0, 130), 5 * unit), QPen(colour, 2.5 * unit)):
        painter.setPen(pen)
        painter.drawRoundedRect(frame, 6 * unit, 6 * unit)


def _draw_verdicts(painter: QPainter, analysis: Analysis, unit: float) -> None:
    row, pad = 23 * unit, 8 * unit
    truth = analysis.frame.truth
    lines = list(zip(HEADS, by_head(analysis.verdicts), strict=True))
    rows = len(lines) + (truth is not None)
    plate = QRectF(pad, pad, 236 * unit, rows * row + pad)
    _draw_plate(painter, plate, unit)
    top = plate.top() + pad / 2
    for index, (head, prediction) in enumerate(lines):
        area = QRectF(plate.left() + pad, top + index * row, plate.width() - 2 * pad, row)
        _draw_row(painter, area, head, verdict_text(prediction, truth), _colour(prediction), unit)
    if truth is not None:
        area = QRectF(plate.left() + pad, top + 3 * row, plate.width() - 2 * pad, row)
        _draw_row(painter, area, "True", str(truth), QColor(EXPRESSION_COLOURS[truth]), unit)


def _colour(prediction: Prediction | None) -> QColor:
    return QColor(EXPRESSION_COLOURS[prediction.expression] if prediction else NEUTRAL_COLOUR)


def _draw_row(
    painter: QPainter, area: QRectF, label: str, text: str, colour: QColor, unit: float
) -> None:
    middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    painter.setPen(_MUTED)
    painter.drawText(area, middle, label)
    swatch = QRectF(area.left() + 60 * unit, area.center().y() - 5 * unit, 10 * unit, 10 * unit)
    painter.fillRect(swatch, colour)
    painter.setPen(_WHITE)
    painter.drawText(area.adjusted(78 * unit, 0, 0, 0), middle, text)


def _draw_note(painter: QPainter, text: str, centre: QPointF, unit: float) -> None:
    size = QFontMetricsF(painter.font()).size(0, text)
    plate = QRectF(0, 0, size.width() + 24 * unit, size.height() + 10 * unit)
    plate.moveCenter(centre)
    _draw_plate(painter, plate, unit)
    painter.setPen(_WHITE)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)


def _draw_plate(painter: QPainter, plate: QRectF, unit: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(plate, 5 * unit, 5 * unit)
    painter.setBrush(Qt.BrushStyle.NoBrush)
