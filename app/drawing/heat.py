"""The overlay of where the networks look: a heat map over the face's box, and its legend.

The scale is inferno, perceptually uniform and safe for colour-blind eyes: what says nothing is
clear, what says most is bright yellow. The maps of one verdict share their scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter

from app.drawing.overlay import TEXT_COLOUR, draw_plate, text_font, unit_of

if TYPE_CHECKING:
    from fercore.structures import FaceBox, FloatArray, UInt8Array

_SIDE = 96  # pixels, side of a map that is ready to be drawn
_FIRST, _LAST = 70, 245  # part of inferno that is told from a dark picture and from white
_OPACITY = 0.8  # of the largest value
_BAR_UNITS = 54.0


@dataclass(frozen=True, slots=True)
class HeatLayer:
    """What is drawn over one picture."""

    image: QImage | None  # over the face's box; None: nothing to be drawn
    legend: str


def heat_image(heat: FloatArray, peak: float) -> QImage | None:
    """Return a grid (h, w) of values from 0 to at most `peak` as a picture, None where all are 0.

    It is square, as the box it belongs to, and clear where nothing is.
    """
    if not heat.any():
        return None
    smooth = cv2.resize(heat / peak, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)
    colours = np.ascontiguousarray(_table()[np.rint(255 * smooth).astype(np.uint8)])
    form = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(colours.data, _SIDE, _SIDE, 4 * _SIDE, form).copy()


def draw_heat(painter: QPainter, image: QImage, box: FaceBox) -> None:
    """Draw a map over a face, in the coordinates of its picture."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(QRectF(box.x0, box.y0, box.width, box.height), image)
    painter.restore()


def draw_legend(painter: QPainter, text: str, width: int, height: int, raised: bool) -> None:
    """Write what a map of a picture shows into its lower left corner, beside the colours.

    `raised` leaves room for a note below.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    unit = unit_of(painter, height)
    painter.setFont(text_font(unit))
    bar, pad = _BAR_UNITS * unit, 8 * unit
    size = QFontMetricsF(painter.font()).size(0, text)
    plate = QRectF(0, 0, min(size.width() + bar + 3 * pad, width - 2 * pad), size.height() + pad)
    plate.moveBottomLeft(QRectF(pad, 0, 0, height - pad - 36 * unit * raised).bottomLeft())
    draw_plate(painter, plate, unit)
    middle = plate.center().y()
    painter.drawImage(QRectF(plate.left() + pad, middle - 5 * unit, bar, 10 * unit), _scale())
    painter.setPen(TEXT_COLOUR)
    area = plate.adjusted(bar + 2 * pad, 0, -pad, 0)
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    painter.restore()


@cache
def _table() -> UInt8Array:
    """Return the colours (256, 4) of levels, B, G, R and opacity, premultiplied."""
    levels = np.linspace(0, 1, 256)
    places = np.rint(_FIRST + levels * (_LAST - _FIRST)).astype(np.uint8)
    bgr = cv2.applyColorMap(places[None], cv2.COLORMAP_INFERNO)[0]
    opacity = _OPACITY * levels[:, None]
    table: UInt8Array = np.rint(np.hstack([bgr * opacity, 255 * opacity])).astype(np.uint8)
    return table


@cache
def _scale() -> QImage:
    """Return the colours side by side, from nothing to most."""
    form = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(np.ascontiguousarray(_table()).data, 256, 1, 4 * 256, form).copy()
