"""Where in a recording one is: a bar to be dragged, with position and length; it only says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QSlider, QStyle, QStyleOptionSlider, QToolBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QMouseEvent


class SeekBar(QToolBar):
    """Hidden where there is nothing to seek in."""

    sought = Signal(int)  # a frame's number, from 0

    def __init__(self) -> None:
        super().__init__("Position")
        self.setObjectName("position")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._length_s = 0.0
        self._time_of: Callable[[int], float] = float
        self.slider = _Slider()
        self.slider.setAccessibleName("Position")
        self.slider.setToolTip("Drag or click to go elsewhere; , and . go by one frame")
        self._text = QLabel()
        self._text.setAccessibleName("Position and length")
        self.addWidget(self.slider)
        self.addWidget(self._text)
        self.slider.sliderMoved.connect(self._seek)
        self.slider.pressed_at.connect(self._seek)
        self.set_span(0, 0.0, self._time_of)

    def set_span(self, frames: int, length_s: float, time_of: Callable[[int], float]) -> None:
        """Cover so many frames; `time_of` returns the seconds at which one is, by its number.

        One alone, or none, hides the bar.
        """
        self._length_s, self._time_of = length_s, time_of
        self.slider.setRange(0, max(0, frames - 1))
        self.setVisible(frames > 1)
        self._write(0)

    def show_place(self, place: int) -> None:
        """Show the present frame, unless the bar is being dragged."""
        if not self.slider.isSliderDown():
            self.slider.setValue(place)
            self._write(place)

    def text(self) -> str:
        """Return position and length as they are shown."""
        return self._text.text()

    def _seek(self, place: int) -> None:
        self._write(place)
        self.sought.emit(place)

    def _write(self, place: int) -> None:
        self._text.setText(f"  {_clock(self._time_of(place))} / {_clock(self._length_s)} ")


class _Slider(QSlider):
    """A slider that goes where it is clicked, and is dragged on from there."""

    pressed_at = Signal(int)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the arrows turn the face in space

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the place of the click, and hold the handle there."""
        if event.button() is Qt.MouseButton.LeftButton:
            place = self._at(event.position().x())
            self.setValue(place)
            self.pressed_at.emit(place)
        super().mousePressEvent(event)

    def _at(self, x: float) -> int:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        return QStyle.sliderValueFromPosition(
            self.minimum(), self.maximum(), round(x - handle / 2), self.width() - handle
        )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60:04.1f}"
