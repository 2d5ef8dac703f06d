"""The picture for an audience: a large face, one verdict, three slim bars, the face in space.

All lengths are shares of the screen's height, so that it looks the same on every screen. It is
dark whatever the window's theme: it is seen in dimmed rooms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath

from app.drawing.colours import NEUTRAL_COLOUR, VERDICT_COLOURS
from app.drawing.overlay import by_head, percent, shown_text
from app.drawing.qimage import to_qimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QImage

    from fercore.structures import Analysis, FaceBox, Prediction, UInt8Array

DISCLAIMER = "Estimates what a face shows, not what a person feels."
VERDICT_SHARE = 0.11  # of the height: size of the verdict's letters
STAGE_HEADS = ("Fusion", "Colour", "Depth")

GROUND = QColor("#101216")
_TEXT, _MUTED, _TRACK = QColor("#F2F3F5"), QColor("#A9B0BC"), QColor("#2A2F38")
_LIFT = 0.35  # how far a colour is drawn towards white, to be read on the dark ground
_FACE_SHARE = 0.7  # of the picture's height that a face's box takes
_FOLLOW_S = 0.6  # after so long 63 % of a movement is followed
_LONGEST_STEP_S = 1.0  # after a longer pause the face is taken up where it is
_MARGIN, _FOOT, _BAR = 0.045, 0.21, 0.085  # of the height


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a colour picture, in its pixels; may reach over its edge."""

    x: float  # of its middle
    y: float
    height: float


class Framing:
    """Keeps a face in the middle of a picture, smoothly: nobody likes a nervous camera."""

    def __init__(self) -> None:
        self._crop: Crop | None = None
        self._last_s = 0.0

    def follow(self, box: FaceBox | None, size: tuple[int, int], time_s: float) -> Crop:
        """Return what to show of a frame of `size` (height, width); without a face all of it."""
        wanted = _around(box, size)
        step_s, self._last_s = time_s - self._last_s, time_s
        if self._crop is None or not 0 <= step_s <= _LONGEST_STEP_S:
            self._crop = wanted
        else:
            self._crop = _between(self._crop, wanted, 1 - math.exp(-step_s / _FOLLOW_S))
        return self._crop

    def forget(self) -> None:
        """Take the next face up where it is."""
        self._crop = None


@dataclass(frozen=True, slots=True)
class StageScene:
    """What is on the stage; the pictures may be missing."""

    analysis: Analysis
    crop: Crop
    mirrored: bool = False
    cloud: QImage | None = None  # the face in space, square; None: there is no depth


def draw_stage(painter: QPainter, width: int, height: int, scene: StageScene | None) -> None:
    """Draw a scene over an area of `width` and `height`, or that none has come yet."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.fillRect(QRectF(0, 0, width, height), GROUND)
    room = QRectF(0, 0, width, height).adjusted(*_margins(height))
    _draw_foot(painter, room, height, scene.analysis if scene else None)
    if scene is None:
        return
    upper = room.adjusted(0, 0, 0, -_FOOT * height)
    side = min(0.34 * room.width(), 0.75 * upper.height())
    gap = _MARGIN * height
    picture = upper.adjusted(0, 0, -side - gap, 0)
    column = QRectF(picture.right() + gap, upper.top(), side, upper.height())
    _draw_face(painter, picture, scene)
    _draw_column(painter, column, height, scene)


def _margins(height: float) -> tuple[float, float, float, float]:
    margin = _MARGIN * height
    return margin, margin, -margin, -margin


def _around(box: FaceBox | None, size: tuple[int, int]) -> Crop:
    rows, columns = size
    if box is None:
        return Crop(columns / 2, rows / 2, rows)
    height = min(rows, box.height / _FACE_SHARE)
    low, high = height / 2, rows - height / 2
    return Crop((box.x0 + box.x1) / 2, min(max((box.y0 + box.y1) / 2, low), high), height)


def _between(one: Crop, other: Crop, share: float) -> Crop:
    return Crop(
        one.x + share * (other.x - one.x),
        one.y + share * (other.y - one.y),
        one.height + share * (other.height - one.height),
    )


def cut_out(rgb: UInt8Array, crop: Crop, width: int, height: int, mirrored: bool) -> UInt8Array:
    """Return a crop of a picture (H, W, 3) at a size (height, width, 3), between pixels too.

    Where the crop is wider than the picture, its edge goes on.
    """
    scale = crop.height / height
    left, top = crop.x - scale * width / 2, crop.y - crop.height / 2
    if scale * width <= rgb.shape[1]:
        left = min(max(left, 0.0), rgb.shape[1] - scale * width)
    across = -scale if mirrored else scale
    start = left + scale * width if mirrored else left
    inverse = np.array(
        [[across, 0, start + across / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]], np.float64
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    cut: UInt8Array = cv2.warpAffine(rgb, inverse, (width, height), flags=flags, borderMode=border)
    return cut


def _draw_face(painter: QPainter, area: QRectF, scene: StageScene) -> None:
    ratio = painter.device().devicePixelRatioF()
    size = round(area.width() * ratio), round(area.height() * ratio)
    rgb = cut_out(scene.analysis.frame.rgb, scene.crop, *size, scene.mirrored)
    _draw_rounded(painter, area, to_qimage(rgb))


def _draw_rounded(painter: QPainter, area: QRectF, image: QImage) -> None:
    shape = QPainterPath()
    shape.addRoundedRect(area, 0.02 * area.height(), 0.02 * area.height())
    painter.save()
    painter.setClipPath(shape)
    painter.drawImage(area, image)
    painter.restore()


def _draw_column(painter: QPainter, area: QRectF, height: float, scene: StageScene) -> None:
    """Draw the face in space, and below it a slim bar for each head."""
    bars = QRectF(0, 0, area.width(), len(STAGE_HEADS) * _BAR * height)
    bars.moveCenter(area.center())
    if scene.cloud is not None:
        bars.moveBottom(area.bottom())
        side = min(area.width(), bars.top() - area.top())
        square = QRectF(area.center().x() - side / 2, area.top(), side, side)
        _draw_rounded(painter, square, scene.cloud)
    for place, prediction in enumerate(by_head(scene.analysis.verdicts)):
        top = bars.top() + place * _BAR * height
        strip = QRectF(bars.left(), top, bars.width(), _BAR * height)
        _draw_bar(painter, strip, height, STAGE_HEADS[place], prediction)


def _draw_bar(
    painter: QPainter, area: QRectF, height: float, head: str, prediction: Prediction | None
) -> None:
    painter.setFont(stage_font(0.024 * height))
    line = QRectF(area.left(), area.top(), area.width(), 0.62 * area.height())
    low = Qt.AlignmentFlag.AlignBottom
    painter.setPen(_MUTED)
    painter.drawText(line, int(low | Qt.AlignmentFlag.AlignLeft), head)
    painter.setPen(_TEXT)
    text = _fitting(painter, _bar_text(prediction), line.width() - _advance(painter, head + "  "))
    painter.drawText(line, int(low | Qt.AlignmentFlag.AlignRight), text)
    thin = 0.009 * height
    track = QRectF(area.left(), line.bottom() + 0.008 * height, area.width(), thin)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_TRACK)
    painter.drawRoundedRect(track, thin / 2, thin / 2)
    if prediction is not None:
        track.setWidth(max(thin, track.width() * prediction.confidence))
        painter.setBrush(_colour(prediction))
        painter.drawRoundedRect(track, thin / 2, thin / 2)


def _bar_text(prediction: Prediction | None) -> str:
    if prediction is None:
        return "–"
    if not prediction.is_sure:
        return shown_text(prediction)
    return f"{prediction.label} {percent(prediction.confidence)}"


def _draw_foot(painter: QPainter, room: QRectF, height: float, analysis: Analysis | None) -> None:
    """Write the verdict in large letters, and below it what it is and is not."""
    text, colour = stage_verdict(analysis)
    line = QRectF(room.left(), room.bottom() - (_FOOT - 0.02) * height, room.width(), 0.14 * height)
    painter.setFont(stage_font(VERDICT_SHARE * height, bold=True))
    painter.setPen(colour)
    middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
    painter.drawText(line, middle, _fitting(painter, text, line.width()))
    painter.setFont(stage_font(0.024 * height))
    painter.setPen(_MUTED)
    base = QPointF(room.left(), room.bottom() - 0.006 * height)
    painter.drawText(base, DISCLAIMER)


def stage_verdict(analysis: Analysis | None) -> tuple[str, QColor]:
    """Return the one verdict for the room, and its colour; why there is none, in grey."""
    if analysis is None:
        return "…", _MUTED
    best = analysis.verdicts.best() if analysis.verdicts else None
    if best is None:
        return (analysis.reason or "no verdict").capitalize(), _MUTED
    if not best.is_sure:
        return "Not sure", _MUTED
    return best.label.capitalize(), _colour(best)


def _colour(prediction: Prediction) -> QColor:
    """Return a verdict's colour, lighter than on white: it has to carry through a room."""
    if not prediction.is_sure:
        return QColor(NEUTRAL_COLOUR)
    pure = QColor(VERDICT_COLOURS[prediction.label])
    lifted = (round(c + _LIFT * (255 - c)) for c in (pure.red(), pure.green(), pure.blue()))
    return QColor(*lifted)


def stage_font(pixels: float, bold: bool = False) -> QFont:
    """Return a font of letters `pixels` high, from the ascender to the descender."""
    font = QFont()
    font.setPixelSize(max(6, round(pixels)))
    font.setBold(bold)
    return font


def _fitting(painter: QPainter, text: str, width: float) -> str:
    metrics = QFontMetricsF(painter.font())
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)


def _advance(painter: QPainter, text: str) -> float:
    return QFontMetricsF(painter.font()).horizontalAdvance(text)


def swaying_deg(time_s: float, angles_deg: Sequence[float] = (15.0, 6.0)) -> tuple[float, float]:
    """Return yaw and pitch of the face in space, which turns so that its depth is seen."""
    yaw, pitch = angles_deg
    return yaw * math.sin(2 * math.pi * time_s / 6.0), pitch * math.sin(2 * math.pi * time_s / 9.0)
