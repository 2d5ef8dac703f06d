"""Presentation: the stage, full screen and without chrome, in place of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import QWidget

from app.drawing.point_cloud import face_cloud, rendered
from app.drawing.qimage import to_qimage
from app.drawing.stage import Framing, StageScene, draw_stage, stage_verdict, swaying_deg
from app.window.widgets.menus import Command

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QImage, QPaintEvent

    from fercore.structures import Analysis

_CLOUD_EVERY_S = 0.06  # of the frames' time
_CLOUD_PX = 480  # side of what is rendered; scaled up on larger screens


class StageWindow(QWidget):
    """Shows frames to an audience; Escape leaves it, as does the key that brought it."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("rgbd-fer – presentation")
        self.setAccessibleName("Presentation")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(320, 180)
        for key in (QKeySequence(Qt.Key.Key_Escape), QKeySequence(Command.PRESENTATION.key)):
            QShortcut(key, self, self.close)
        self._framing = Framing()
        self._scene: StageScene | None = None
        self._cloud: QImage | None = None
        self._cloud_s: float | None = None

    def enter(self, beside: QWidget) -> None:
        """Fill the screen that another window is on."""
        self.clear()
        self.setScreen(beside.screen())
        self.setGeometry(beside.screen().geometry())
        self.setCursor(Qt.CursorShape.BlankCursor)
        self.showFullScreen()
        self.activateWindow()

    def show_analysis(self, analysis: Analysis, is_live: bool) -> None:
        """Show a frame; `is_live` mirrors it, for whoever looks at the stage sees oneself."""
        frame, pair = analysis.frame, analysis.pair
        box = pair.box if pair is not None else None
        rows, columns = frame.rgb.shape[:2]
        crop = self._framing.follow(box, (rows, columns), frame.timestamp_s)
        self._follow_cloud(analysis, is_live)
        self._scene = StageScene(analysis, crop, is_live, self._cloud)
        self.setAccessibleDescription(stage_verdict(analysis)[0])
        self.update()

    def clear(self) -> None:
        """Show nothing, such as before the first frame of another source."""
        self._scene = self._cloud = self._cloud_s = None
        self._framing.forget()
        self.setAccessibleDescription("")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the scene."""
        painter = QPainter(self)
        draw_stage(painter, self.width(), self.height(), self._scene)
        painter.end()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Say that it was left."""
        super().closeEvent(event)
        self.left.emit()

    def _follow_cloud(self, analysis: Analysis, mirrored: bool) -> None:
        now_s = analysis.frame.timestamp_s
        if analysis.frame.depth_m is None:
            self._cloud = None
            return
        if self._cloud_s is not None and 0 <= now_s - self._cloud_s < _CLOUD_EVERY_S:
            return
        self._cloud_s = now_s
        if analysis.pair is None:
            return  # the last one stays: a face that is lost for a moment comes back
        cloud = face_cloud(analysis.frame, analysis.pair.box)
        if cloud is not None:
            image = to_qimage(rendered(cloud, _CLOUD_PX, *swaying_deg(now_s)))
            self._cloud = image.flipped(Qt.Orientation.Horizontal) if mirrored else image
