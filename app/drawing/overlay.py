"""What is drawn onto a colour picture: faces, three verdicts, truth, or why there is none.

One implementation for the window and for the video. It paints in the picture's
own coordinates; whoever scales the painter gets sharp text at any size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.drawing.colours import NEUTRAL_COLOUR, VERDICT_COLOURS
from fercore.expressions import CALM
from fercore.structures import MIN_CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis, FaceBox, Prediction, Verdicts

CORRECT, WRONG = "✓", "✗"
HEADS = ("Fusion", "RGB", "Depth")
NOT_SURE = "not sure"
_TEXT_PIXELS = 15  # height of text on a picture of 480 rows
_LEAST_PIXELS = 9.5  # and at least so much on the screen
_TEXT_AT = 78  # units from the plate's labels to its texts
_WIDEST = f"{NOT_SURE} (happiness 49 %)"
_PLATE = QColor(16, 18, 22, 190)
TEXT_COLOUR = QColor(245, 246, 248)
_MUTED = QColor(190, 194, 202)


def verdict_text(prediction: Prediction | None, truth: str | None = None) -> str:
    """Return a verdict in words, such as `anger 87 % ✓`; a dash where there is none."""
    if prediction is None:
        return "–"
    mark = mark_of(prediction, truth)
    return f"{prediction.label} {_confidence(prediction)} {mark}".rstrip()


def shown_text(prediction: Prediction | None, truth: str | None = None) -> str:
    """Return a verdict as it is shown live; one that is not sure says so, and is never right."""
    if prediction is None or prediction.is_sure:
        return verdict_text(prediction, truth)
    # Never rounded up to what would have been sure.
    share = min(prediction.confidence, MIN_CONFIDENCE - 0.01)
    return f"{NOT_SURE} ({prediction.label} {percent(share)})"


def colour_of(prediction: Prediction | None) -> QColor:
    """Return the colour of an expression or of calm, a neutral one where none is sure."""
    known = prediction is not None and prediction.is_sure
    return QColor(VERDICT_COLOURS[prediction.label] if prediction and known else NEUTRAL_COLOUR)


def age_text(age_s: float) -> str:
    """Return how long ago a picture was taken, such as `48 ms ago`, or `1.2 s ago`."""
    return f"{1000 * age_s:.0f} ms ago" if age_s < 1 else f"{age_s:.1f} s ago"


def mark_of(prediction: Prediction | None, truth: str | None) -> str:
    """Return whether a verdict is right, empty where nobody can know.

    `truth` is one of VERDICT_LABELS. Who does not know calm is not blamed for missing it.
    """
    if prediction is None or truth is None or (truth == CALM and prediction.calm is None):
        return ""
    return CORRECT if prediction.label == truth else WRONG


def percent(share: float) -> str:
    """Return a share 0..1 as text, such as `87 %`."""
    return f"{100 * share:.0f} %"


def _confidence(prediction: Prediction) -> str:
    """Return a verdict's probability, rounded so that it stays on its side of the limit.

    A verdict of 49.7 % is not sure, and would read as 50 %, which is.
    """
    if prediction.is_sure:
        return percent(prediction.confidence)
    return percent(min(prediction.confidence, MIN_CONFIDENCE - 0.01))


def by_head(verdicts: Verdicts | None) -> tuple[Prediction | None, ...]:
    """Return the three verdicts in the order of HEADS."""
    if verdicts is None:
        return (None, None, None)
    return (verdicts.fusion, verdicts.rgb, verdicts.depth)


def draw_overlay(
    painter: QPainter,
    analysis: Analysis,
    faces: Sequence[TrackedFace] = (),
    age_s: float | None = None,
) -> None:
    """Draw what is known about a frame in the coordinates of its colour picture.

    `faces` are all that were seen, `age_s` is the time since the frame was captured.
    """
    height, width = analysis.frame.rgb.shape[:2]
    unit = unit_of(painter, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(text_font(unit))
    for face in faces:
        if not face.followed:
            _draw_box(painter, face.box, colour_of(face.verdict), 1.2 * unit)
    if analysis.pair is not None:
        best = analysis.verdicts.best() if analysis.verdicts else None
        _draw_box(painter, analysis.pair.box, colour_of(best), 2.5 * unit)
    for face in faces if len(faces) > 1 else ():
        best = analysis.verdicts.best() if analysis.verdicts and face.followed else face.verdict
        _draw_card(painter, face, best, height, unit)
    if analysis.verdicts is not None:
        # Where texts are larger than the picture's own measure, all heads would cover the face.
        lines = _lines(analysis, age_s, briefly=unit > height / 480)
        _draw_plate_of(painter, lines, width, unit)
    if analysis.reason:
        _draw_note(painter, analysis.reason, QPointF(width / 2, height - 22 * unit), unit)
    painter.restore()


def unit_of(painter: QPainter, height: int) -> float:
    """Return the length that drawings on a picture of `height` rows are measured in.

    It is a pixel on 480 rows; more where the text would be too small on the screen.
    """
    return max(height / 480, _LEAST_PIXELS / (_TEXT_PIXELS * painter.transform().m11()))


def text_font(unit: float) -> QFont:
    """Return the font of texts on a picture."""
    font = QFont()
    font.setPixelSize(max(6, round(_TEXT_PIXELS * unit)))
    return font


def draw_plate(painter: QPainter, plate: QRectF, unit: float) -> None:
    """Draw a dark ground that texts can be read on."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(plate, 5 * unit, 5 * unit)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _draw_box(painter: QPainter, box: FaceBox, colour: QColor, width: float) -> None:
    frame = QRectF(box.x0, box.y0, box.width, box.height)
    # A dark line beneath keeps the box visible on skin of its own colour.
    for pen in (QPen(QColor(0, 0, 0, 130), 2 * width), QPen(colour, width)):
        painter.setPen(pen)
        painter.drawRoundedRect(frame, 2.4 * width, 2.4 * width)


def card_text(face: TrackedFace, prediction: Prediction | None) -> str:
    """Return what stands at a face among several: its number and what is said of it."""
    return f"{face.identity}  {shown_text(prediction)}"


def _draw_card(
    painter: QPainter, face: TrackedFace, prediction: Prediction | None, height: int, unit: float
) -> None:
    """Write a face's number and verdict below its box, or above it where there is no room."""
    text = card_text(face, prediction)
    plate = QRectF(0, 0, _advance(painter, text) + 26 * unit, 24 * unit)
    below = face.box.y1 + 4 * unit
    fits = below + plate.height() <= height
    plate.moveTopLeft(QPointF(face.box.x0, below if fits else face.box.y0 - 28 * unit))
    draw_plate(painter, plate, unit)
    swatch = QRectF(plate.left() + 6 * unit, plate.center().y() - 4 * unit, 8 * unit, 8 * unit)
    painter.fillRect(swatch, colour_of(prediction))
    painter.setPen(TEXT_COLOUR)
    middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
    painter.drawText(plate.adjusted(19 * unit, 0, 0, 0), middle, text)


def _advance(painter: QPainter, text: str) -> float:
    return QFontMetricsF(painter.font()).horizontalAdvance(text)


def _draw_plate_of(
    painter: QPainter, lines: Sequence[tuple[str, str, QColor | None]], width: int, unit: float
) -> None:
    row, pad = 23 * unit, 8 * unit
    # As wide as the widest verdict, so that it does not jump.
    widest = QFontMetricsF(painter.font()).horizontalAdvance(_WIDEST)
    room = min(_TEXT_AT * unit + widest + 2 * pad, width - 2 * pad)
    plate = QRectF(pad, pad, room, len(lines) * row + pad)
    draw_plate(painter, plate, unit)
    for index, (label, text, colour) in enumerate(lines):
        top = plate.top() + pad / 2 + index * row
        area = QRectF(plate.left() + pad, top, plate.width() - 2 * pad, row)
        _draw_row(painter, area, label, text, colour, unit)


def _lines(
    analysis: Analysis, age_s: float | None, briefly: bool
) -> list[tuple[str, str, QColor | None]]:
    """Return the plate's lines: label, text, and the colour of the swatch between them.

    `briefly` leaves out all but the leading verdict and the age.
    """
    truth = analysis.frame.truth
    lines: list[tuple[str, str, QColor | None]] = [
        (head, shown_text(prediction, truth), colour_of(prediction))
        for head, prediction in zip(HEADS, by_head(analysis.verdicts), strict=True)
        if prediction is not None or not briefly
    ]
    if briefly:
        del lines[1:]
    elif truth is not None:
        lines.append(("True", str(truth), QColor(VERDICT_COLOURS[truth])))
    if age_s is not None:
        lines.append(("Taken", age_text(age_s), None))
    return lines


def _draw_row(
    painter: QPainter, area: QRectF, label: str, text: str, colour: QColor | None, unit: float
) -> None:
    middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    painter.setPen(_MUTED)
    painter.drawText(area, middle, label)
    swatch = QRectF(area.left() + 60 * unit, area.center().y() - 5 * unit, 10 * unit, 10 * unit)
    if colour is not None:
        painter.fillRect(swatch, colour)
    painter.setPen(TEXT_COLOUR)
    room = area.adjusted(_TEXT_AT * unit, 0, 0, 0)
    metrics = QFontMetricsF(painter.font())  # what is cut would read as something else
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    painter.drawText(room, middle, shown)


def _draw_note(painter: QPainter, text: str, centre: QPointF, unit: float) -> None:
    size = QFontMetricsF(painter.font()).size(0, text)
    plate = QRectF(0, 0, size.width() + 24 * unit, size.height() + 10 * unit)
    plate.moveCenter(centre)
    draw_plate(painter, plate, unit)
    painter.setPen(TEXT_COLOUR)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
