"""The face's points in space in a dock of their own, to be turned with the mouse or the arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QDockWidget, QWidget

from app.drawing.point_cloud import GROUND_RGB, face_cloud, rendered
from app.drawing.qimage import to_qimage
from app.window.widgets.menus import Command

if TYPE_CHECKING:
    from app.drawing.point_cloud import PointCloud
    from fercore.structures import Analysis

_EVERY_S = 0.1  # of the frames' time; more would take from the verdicts
_DEGREES_PER_PIXEL = 0.5
_KEY_STEP_DEG = 10.0
_MOST_YAW_DEG, _MOST_PITCH_DEG = 90.0, 60.0  # behind it there is nothing
_LARGEST_PX = 400  # side of what is rendered; larger ones are scaled up
_HINT = "No face in depth"
_TURNS = {
    Qt.Key.Key_Left: (-_KEY_STEP_DEG, 0.0),
    Qt.Key.Key_Right: (_KEY_STEP_DEG, 0.0),
    Qt.Key.Key_Up: (0.0, -_KEY_STEP_DEG),
    Qt.Key.Key_Down: (0.0, _KEY_STEP_DEG),
}


class CloudView(QWidget):
    """Draws the face's points; a double click or Home shows it from the front again."""

    def __init__(self) -> None:
        super().__init__()
        self._cloud: PointCloud | None = None
        self._unseen: Analysis | None = None  # came while it was hidden
        self._taken_s: float | None = None
        self._grip: QPointF | None = None
        self.yaw_deg = self.pitch_deg = 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setToolTip("Drag to turn, double-click for the front (arrow keys, Home)")
        self.setAccessibleName("The face in space")
        self.setMinimumSize(160, 160)
        self.clear()

    def sizeHint(self) -> QSize:
        """Return a size that leaves room for the pictures."""
        return QSize(300, 300)

    def show_analysis(self, analysis: Analysis) -> None:
        """Show a frame's face; while hidden, wait; too soon after the last one, do nothing."""
        now_s = analysis.frame.timestamp_s
        self._unseen = None if self.isVisible() else analysis
        if self._unseen or (self._taken_s is not None and 0 <= now_s - self._taken_s < _EVERY_S):
            return
        pair = analysis.pair
        self._set_cloud(face_cloud(analysis.frame, pair.box) if pair is not None else None)
        self._taken_s = now_s

    def clear(self) -> None:
        """Forget the face."""
        self._taken_s = self._unseen = None
        self._set_cloud(None)

    def showEvent(self, event: QShowEvent) -> None:
        """Show what came meanwhile: while paused nothing else would."""
        super().showEvent(event)
        if self._unseen is not None:
            self._taken_s = None
            self.show_analysis(self._unseen)

    def turn(self, yaw_deg: float, pitch_deg: float) -> None:
        """Turn it further by these angles, at most to its sides."""
        self.yaw_deg = _limited(self.yaw_deg + yaw_deg, _MOST_YAW_DEG)
        self.pitch_deg = _limited(self.pitch_deg + pitch_deg, _MOST_PITCH_DEG)
        self.update()

    def face_front(self) -> None:
        """Show it as the camera does."""
        self.turn(-self.yaw_deg, -self.pitch_deg)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of it."""
        self._grip = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Turn it along with the mouse."""
        if self._grip is not None:
            moved = event.position() - self._grip
            self._grip = event.position()
            self.turn(_DEGREES_PER_PIXEL * moved.x(), _DEGREES_PER_PIXEL * moved.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of it."""
        self._grip = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show it from the front."""
        self.face_front()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn it with the arrows."""
        key = Qt.Key(event.key())
        if key is Qt.Key.Key_Home:
            self.face_front()
        elif key in _TURNS:
            self.turn(*_TURNS[key])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the points, or why there are none."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(*GROUND_RGB))
        if self._cloud is None:
            painter.setPen(QColor("#A0A7B4"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _HINT)
        else:
            self._paint(painter, self._cloud)
        painter.end()

    def _paint(self, painter: QPainter, cloud: PointCloud) -> None:
        side = min(self.width(), self.height())
        picture = rendered(cloud, min(side, _LARGEST_PX), self.yaw_deg, self.pitch_deg)
        target = QRectF(0, 0, side, side)
        target.moveCenter(QRectF(self.rect()).center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, to_qimage(picture))

    def _set_cloud(self, cloud: PointCloud | None) -> None:
        self._cloud = cloud
        self.setAccessibleDescription(f"{len(cloud.points_m)} points" if cloud else _HINT)
        self.update()


class CloudDock(QDockWidget):
    """Holds the view; hidden until asked for."""

    def __init__(self) -> None:
        super().__init__("Face in space")
        self.setObjectName("cloud")
        self.view = CloudView()
        self.setWidget(self.view)
        self.toggleViewAction().setShortcut(QKeySequence(Command.FACE_IN_SPACE.key))
        self.hide()


def _limited(angle_deg: float, most_deg: float) -> float:
    return max(-most_deg, min(most_deg, angle_deg))
