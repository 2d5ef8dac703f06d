"""The probabilities of the last seconds, with the truth above them."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.drawing.colours import VERDICT_COLOURS
from fercore.expressions import VERDICT_LABELS

if TYPE_CHECKING:
    from fercore.expressions import Expression
    from fercore.structures import FloatArray, Prediction

SPAN_S = 10.0
_REDRAW_MS = 200  # on ten seconds it is a fiftieth
_TRUTH_LEVEL = 1.28
_TICKS = [(0, "0 %"), (0.5, "50 %"), (1, "100 %"), (_TRUTH_LEVEL, "truth")]
_UNKNOWN = np.full(len(VERDICT_LABELS), np.nan, np.float32)


class Timeline(QWidget):
    """A curve for each verdict over the source's own time; a step back in time starts afresh."""

    def __init__(self) -> None:
        super().__init__()
        self._times_s: deque[float] = deque()
        self._probabilities: deque[FloatArray] = deque()
        self._truths: deque[FloatArray] = deque()
        self._plot = pg.PlotWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self._dress_plot()
        self._curves = [self._add_curve(VERDICT_COLOURS[label], 2) for label in VERDICT_LABELS]
        self._truth_curves = [
            self._add_curve(VERDICT_COLOURS[label], 6) for label in VERDICT_LABELS
        ]
        self._redraw_timer = QTimer(self)
        self._redraw_timer.setSingleShot(True)
        self._redraw_timer.setInterval(_REDRAW_MS)
        self._redraw_timer.timeout.connect(self.redraw)
        self._adopt_palette()
        self.setAccessibleName("Timeline of the probabilities")
        self.setMinimumHeight(90)

    def add(self, time_s: float, best: Prediction | None, truth: Expression | None) -> None:
        """Append a frame's best verdict; without one the curves have a gap."""
        if self._times_s and time_s < self._times_s[-1]:
            self.clear()
        self._times_s.append(time_s)
        self._probabilities.append(_levels(best))
        self._truths.append(_truth_levels(truth))
        while self._times_s[0] < time_s - SPAN_S:
            self._forget_oldest()
        if not self._redraw_timer.isActive():
            self._redraw_timer.start()

    @property
    def length_s(self) -> float:
        """Time from the oldest frame shown to the newest."""
        return self._times_s[-1] - self._times_s[0] if self._times_s else 0.0

    def clear(self) -> None:
        """Forget all frames."""
        for history in (self._times_s, self._probabilities, self._truths):
            history.clear()
        self.redraw()

    def changeEvent(self, event: QEvent) -> None:
        """Follow a change of the theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_curves"):
            self._adopt_palette()

    def _forget_oldest(self) -> None:
        for history in (self._times_s, self._probabilities, self._truths):
            history.popleft()

    def redraw(self) -> None:
        """Draw what was added so far; otherwise done a few times a second."""
        times_s = np.array(self._times_s, np.float64)
        shape = (len(times_s), len(VERDICT_LABELS))
        probabilities = np.array(self._probabilities, np.float64).reshape(shape)
        truths = np.array(self._truths, np.float64).reshape(shape)
        for index in range(len(VERDICT_LABELS)):
            self._curves[index].setData(times_s, probabilities[:, index], connect="finite")
            self._truth_curves[index].setData(times_s, truths[:, index], connect="finite")
        last_s = times_s[-1] if len(times_s) else SPAN_S
        first_s = max(0.0, last_s - SPAN_S)
        self._plot.setXRange(first_s, first_s + SPAN_S, padding=0)
        seconds = range(math.ceil(first_s), math.floor(first_s + SPAN_S) + 1)
        self._plot.getAxis("bottom").setTicks([[(second, f"{second} s") for second in seconds]])

    def _dress_plot(self) -> None:
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setYRange(0, _TRUTH_LEVEL + 0.06, padding=0.02)
        self._plot.getAxis("left").setTicks([_TICKS])
        self._plot.getAxis("left").setWidth(52)
        self._plot.showGrid(x=False, y=True, alpha=0.15)

    def _add_curve(self, colour: str, width: int) -> pg.PlotDataItem:
        return self._plot.plot(pen=pg.mkPen(colour, width=width))

    def _adopt_palette(self) -> None:
        self._plot.setBackground(self.palette().color(QPalette.ColorRole.Base))
        text = self.palette().color(QPalette.ColorRole.WindowText)
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setTextPen(text)
            self._plot.getAxis(side).setPen(self.palette().color(QPalette.ColorRole.Mid))


def _levels(best: Prediction | None) -> FloatArray:
    levels = _UNKNOWN.copy()
    if best is not None:
        levels[: len(best.probabilities)] = best.probabilities
    return levels


def _truth_levels(truth: Expression | None) -> FloatArray:
    levels = _UNKNOWN.copy()
    if truth is not None:
        levels[truth.position] = _TRUTH_LEVEL
    return levels
