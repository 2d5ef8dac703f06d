"""The two pictures: colour with its overlay, depth with its scale."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.drawing.colours import DepthScale, depth_colours, fitted_scale, viridis
from app.drawing.heat import draw_heat, draw_legend
from app.drawing.overlay import HEADS, TEXT_COLOUR, by_head, draw_overlay, draw_plate, shown_text
from app.drawing.qimage import to_qimage
from app.window.widgets.theme import muted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.drawing.heat import HeatLayer
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis

_GAP = 8
_BAR_WIDTH = 14
_TICK_MM = 25
_NO_DEPTH_YET = "No depth yet"


class PictureView(QWidget):
    """Shows an image as large as fits, its proportions kept."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self._hint = hint
        self._image: QImage | None = None
        self._analysis: Analysis | None = None
        self._heat: HeatLayer | None = None
        self._notice = ""
        self.setAccessibleName(name)
        self.setMinimumSize(150, 100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def clear(self) -> None:
        """Forget the picture, and what lies over it."""
        self._image = self._analysis = self._heat = None
        self.setAccessibleDescription("")
        self.update()

    @property
    def notice(self) -> str:
        """The sentence that is kept on the screen, empty: none."""
        return self._notice

    def show_notice(self, notice: str) -> None:
        """Keep a sentence on the screen, over whatever is shown, until another; empty: none."""
        if notice != self._notice:
            self._notice = notice
            self.setAccessibleDescription(notice)
            self.update()

    def show_heat(self, heat: HeatLayer | None) -> None:
        """Lay where the networks looked over the face, from now on; None takes it away."""
        if heat is not self._heat:
            self._heat = heat
            self.update()

    @property
    def legend(self) -> str:
        """What is written beside the heat map, empty without one."""
        return self._heat.legend if self._heat else ""

    def sizeHint(self) -> QSize:
        """Return the size of a camera's picture."""
        return QSize(560, 420)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the image, or the hint where there is none."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._image is None:
            self._paint_hint(painter)
        else:
            target = self._target(self._image)
            painter.drawImage(target, self._image)
            self._paint_heat(painter, target, self._image)
            painter.save()
            self._paint_over(painter, target)
            painter.restore()
        if self._notice:
            self._paint_notice(painter)
        painter.end()

    def _paint_notice(self, painter: QPainter) -> None:
        room = self._room().adjusted(_GAP, _GAP, -_GAP, -_GAP)
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        inner = room.adjusted(2 * _GAP, _GAP, -2 * _GAP, -_GAP)
        text = painter.boundingRect(inner, flags, self._notice)
        draw_plate(painter, text.adjusted(-2 * _GAP, -_GAP, 2 * _GAP, _GAP) & room, 1.0)
        painter.setPen(TEXT_COLOUR)
        painter.drawText(inner, flags, self._notice)

    def _room(self) -> QRectF:
        """Return the part of the widget that is the picture's."""
        return QRectF(self.rect())

    def _target(self, image: QImage) -> QRectF:
        room = self._room()
        size = QSizeF(image.size()).scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        return QRectF(
            QPointF(
                room.left() + (room.width() - size.width()) / 2,
                room.top() + (room.height() - size.height()) / 2,
            ),
            size,
        )

    def _paint_hint(self, painter: QPainter) -> None:
        room = self._room()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.AlternateBase))
        painter.drawRoundedRect(room, 6, 6)
        painter.setPen(muted(self))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(room, int(flags), self._hint)

    def _paint_heat(self, painter: QPainter, target: QRectF, image: QImage) -> None:
        heat, analysis = self._heat, self._analysis
        if heat is None or analysis is None:
            return
        painter.save()
        _use_pixels_of(image, painter, target)
        if heat.image is not None and analysis.pair is not None:
            draw_heat(painter, heat.image, analysis.pair.box)
        draw_legend(painter, heat.legend, image.width(), image.height(), bool(analysis.reason))
        painter.restore()

    def _paint_over(self, painter: QPainter, target: QRectF) -> None:
        """Paint on top of the image, which covers `target`."""


class ColourView(PictureView):
    """The colour picture with face boxes and verdicts; a click on it picks a face."""

    clicked = Signal(float, float)  # column and row of the picture

    def __init__(self) -> None:
        super().__init__("Colour picture", "No picture yet")
        self._faces: Sequence[TrackedFace] = ()
        self._arrived_s: float | None = None
        self._age_s: float | None = None

    def show_analysis(
        self,
        analysis: Analysis,
        faces: Sequence[TrackedFace] = (),
        arrived_s: float | None = None,
    ) -> None:
        """Show a frame, all its faces, and its age, should it be known when it was captured.

        `arrived_s` is by time.monotonic(). The age is taken when the frame is first painted.
        """
        self._analysis, self._faces = analysis, faces
        self._arrived_s, self._age_s = arrived_s, None
        self._image = to_qimage(analysis.frame.rgb)
        self.setAccessibleDescription(description(analysis))
        several = len(faces) > 1
        self.setToolTip("Click on a face to have it judged" if several else "")
        self.setCursor(Qt.CursorShape.PointingHandCursor if several else Qt.CursorShape.ArrowCursor)
        self.update()

    def grow_older(self) -> None:
        """Paint the age as it is now: a camera may have stopped to deliver."""
        self._age_s = None
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Say which pixel of the picture was clicked."""
        if self._image is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        target = self._target(self._image)
        place = event.position() - target.topLeft()
        x = place.x() * self._image.width() / target.width()
        y = place.y() * self._image.height() / target.height()
        self.clicked.emit(x, y)

    def _paint_over(self, painter: QPainter, target: QRectF) -> None:
        if self._analysis is None or self._image is None:
            return
        if self._age_s is None and self._arrived_s is not None:
            self._age_s = time.monotonic() - self._arrived_s
        _use_pixels_of(self._image, painter, target)
        draw_overlay(painter, self._analysis, self._faces, self._age_s)


class DepthView(PictureView):
    """The depth map in colours, with the scale in millimetres beside it."""

    def __init__(self) -> None:
        super().__init__("Depth picture", _NO_DEPTH_YET)
        self._scale: DepthScale | None = None

    def clear(self) -> None:
        """Forget the picture, and the scale that was fitted to it."""
        self._scale, self._hint = None, _NO_DEPTH_YET
        super().clear()

    def show_analysis(self, analysis: Analysis) -> None:
        """Show a frame's depth map, or say that it has none."""
        self._analysis, depth_m = analysis, analysis.frame.depth_m
        box = analysis.pair.box if analysis.pair else None
        if depth_m is not None:
            self._scale = fitted_scale(depth_m, box, self._scale)
        if depth_m is None or self._scale is None:
            self._image, self._hint = None, "This source gives no depth"
        else:
            self._image = to_qimage(depth_colours(depth_m, self._scale))
        self.setAccessibleDescription(self._describe())
        self.update()

    @property
    def scale_width(self) -> int:
        """Pixels that the scale takes beside the picture."""
        return _GAP + _BAR_WIDTH + 4 + self.fontMetrics().horizontalAdvance("0000 mm")

    def _describe(self) -> str:
        if self._image is None or self._scale is None:
            return self._hint
        return f"Depth from {self._scale.near_mm} to {self._scale.far_mm} millimetres"

    def _room(self) -> QRectF:
        return QRectF(self.rect()).adjusted(0, 0, -self.scale_width, 0)

    def _paint_over(self, painter: QPainter, target: QRectF) -> None:
        if self._scale is None:
            return
        bar = QRectF(target.right() + _GAP, target.top(), _BAR_WIDTH, target.height())
        painter.drawImage(bar, _gradient())
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        line_height = self.fontMetrics().height()
        span_mm = self._scale.far_mm - self._scale.near_mm
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        for distance_mm in range(self._scale.near_mm, self._scale.far_mm + 1, _TICK_MM):
            share = (distance_mm - self._scale.near_mm) / span_mm
            y = bar.top() + line_height / 2 + share * (bar.height() - line_height)
            area = QRectF(bar.right() + 4, y - line_height / 2, 100, line_height)
            painter.drawText(area, int(middle), f"{distance_mm} mm")


def description(analysis: Analysis) -> str:
    """Return a frame's verdicts, truth and trouble in one line, for a screen reader."""
    truth = analysis.frame.truth
    parts = [
        f"{head}: {shown_text(prediction, truth)}"
        for head, prediction in zip(HEADS, by_head(analysis.verdicts), strict=True)
    ]
    if truth is not None:
        parts.append(f"True expression: {truth}")
    if analysis.reason:
        parts.append(analysis.reason)
    return "; ".join(parts)


def _use_pixels_of(image: QImage, painter: QPainter, target: QRectF) -> None:
    """Have a painter measure in the pixels of an image that covers `target`."""
    painter.translate(target.topLeft())
    painter.scale(target.width() / image.width(), target.height() / image.height())


@cache
def _gradient() -> QImage:
    levels = np.linspace(255, 0, 256).astype(np.uint8)[:, None]
    return to_qimage(viridis(levels))
