"""A head's probabilities over time, with the truth above them and events between.

Of a camera the last minutes are kept, of a recording all that was played; a click goes there.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.drawing.colours import VERDICT_COLOURS, legible
from fercore.expressions import EXPRESSIONS, VERDICT_LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.expressions import Expression
    from fercore.structures import FloatArray, Prediction

SPAN_S = 10.0
KEPT_S = 1200.0  # of a camera
_REDRAW_MS = 200  # on ten seconds it is a fiftieth
_TRUTH_LEVEL = 1.28
_TICKS = [(0, "0 %"), (0.5, "50 %"), (1, "100 %"), (_TRUTH_LEVEL, "truth")]
_UNKNOWN = np.full(len(VERDICT_LABELS), np.nan, np.float32)
_MOST_POINTS = 1500  # of a curve that is drawn; more cannot be told apart
_MOST_TICKS = 12
_EVENT_HEIGHTS = (0.8, 0.5, 0.2)  # of texts in turn, so that neighbours do not cover each other


class _Moment(NamedTuple):
    time_s: float
    levels: FloatArray  # (7,), NaN where unknown
    truth: int | None  # its place among the labels


class Timeline(QWidget):
    """A curve for each verdict over the source's own time; a step back in time starts afresh.

    Once it has been told a length, time is the place in a recording, and nothing is forgotten.
    """

    sought = Signal(float)  # seconds, where it was clicked

    def __init__(self) -> None:
        super().__init__()
        self._moments: list[_Moment] = []  # in the order of their times
        self._now_s = 0.0
        self._length_s: float | None = None
        self._whole = False
        self._events: Sequence[tuple[float, str]] = ()
        self._event_lines: list[pg.InfiniteLine] = []
        self._labels = VERDICT_LABELS[: len(EXPRESSIONS)]
        self._whose = "Fusion"
        self._heading = QLabel()
        self._heading.setTextFormat(Qt.TextFormat.RichText)
        self._heading.setMinimumWidth(60)
        self._plot = pg.PlotWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._heading)
        layout.addWidget(self._plot, 1)
        self._dress_plot()
        self._curves = [self._plot.plot() for _ in VERDICT_LABELS]
        self._truth_curves = [self._plot.plot() for _ in VERDICT_LABELS]
        self._cursor = self._plot.addLine(x=0)
        self._cursor.hide()
        self._redraw_timer = QTimer(self)
        self._redraw_timer.setSingleShot(True)
        self._redraw_timer.setInterval(_REDRAW_MS)
        self._redraw_timer.timeout.connect(self.redraw)
        self._adopt_palette()
        self.setAccessibleName("Timeline of the probabilities")
        self.setMinimumHeight(72)

    def add(
        self, time_s: float, best: Prediction | None, truth: Expression | None, whose: str = ""
    ) -> None:
        """Take a frame's best verdict; without one the curves have a gap.

        `whose` names the head that gave it, empty: the last one's.
        """
        if self._length_s is None and self._moments and time_s < self._moments[-1].time_s:
            self.clear()
        self._now_s = time_s
        self._put(_Moment(time_s, _levels(best), truth.position if truth else None))
        if self._length_s is None:
            while self._moments[0].time_s < time_s - KEPT_S:
                self._moments.pop(0)
        self._name(best, whose)
        if self.isVisible() and not self._redraw_timer.isActive():
            self._redraw_timer.start()

    @property
    def length_s(self) -> float:
        """Time from the oldest frame kept to the newest."""
        return self._moments[-1].time_s - self._moments[0].time_s if self._moments else 0.0

    @property
    def heading(self) -> str:
        """Whose curves are shown, how, and what each colour means, without mark-up."""
        return f"{self._whose}: {', '.join(self._labels)}"

    def set_length(self, length_s: float | None) -> None:
        """Take times for places in a recording of this length; None: of a camera."""
        self._length_s = length_s
        self._cursor.setVisible(length_s is not None)
        self.clear()

    def set_events(self, events: Sequence[tuple[float, str]]) -> None:
        """Mark what happened when; times in seconds."""
        self._events = tuple(events)
        for line in self._event_lines:
            self._plot.removeItem(line)
        self._event_lines = [
            self._event_line(time_s, text, _EVENT_HEIGHTS[number % len(_EVENT_HEIGHTS)])
            for number, (time_s, text) in enumerate(self._events)
        ]

    def show_whole(self, whole: bool) -> None:
        """Show all that is kept, or the last seconds."""
        self._whole = whole
        self.redraw()

    def clear(self) -> None:
        """Forget all frames."""
        self._moments.clear()
        self._now_s = 0.0
        self.redraw()

    def redraw(self) -> None:
        """Draw what was added so far; otherwise done a few times a second."""
        first_s, last_s = self.shown_s
        low = bisect.bisect_left(self._moments, first_s, key=_time_of)
        high = bisect.bisect_right(self._moments, last_s, key=_time_of)
        shown = self._moments[max(0, low - 1) : high + 1]
        shown = shown[:: max(1, math.ceil(len(shown) / _MOST_POINTS))]
        times_s = np.array([moment.time_s for moment in shown], np.float64)
        levels = np.array([moment.levels for moment in shown], np.float64)
        levels = levels.reshape(len(shown), len(VERDICT_LABELS))
        truths = np.array([-1 if m.truth is None else m.truth for m in shown], np.int64)
        for index in range(len(VERDICT_LABELS)):
            self._curves[index].setData(times_s, levels[:, index], connect="finite")
            truth = np.where(truths == index, _TRUTH_LEVEL, np.nan)
            self._truth_curves[index].setData(times_s, truth, connect="finite")
        self._cursor.setValue(self._now_s)
        self._plot.setXRange(first_s, last_s, padding=0)
        self._plot.getAxis("bottom").setTicks([_time_ticks(first_s, last_s)])

    def save(self, path: Path) -> None:
        """Write what is shown as `.svg` or `.png`, or all that is kept as a table (any other).

        Raises:
            OSError: it cannot be written.
        """
        path.write_text(self.table(), encoding="utf-8")  # Qt does not say where it cannot write
        if path.suffix.lower() == ".svg":
            self._draw_svg(path)
        elif path.suffix.lower() == ".png":
            self.grab().save(str(path))

    def _draw_svg(self, path: Path) -> None:
        from PySide6.QtSvg import QSvgGenerator

        drawing = QSvgGenerator()
        drawing.setFileName(str(path))
        drawing.setSize(self.size())
        drawing.setViewBox(self.rect())
        self.render(drawing)

    def table(self) -> str:
        """Return all that is kept as tab-separated values; unknown is n/a."""
        lines = ["\t".join(("time_s", *VERDICT_LABELS, "truth"))]
        for moment in self._moments:
            shares = ("n/a" if np.isnan(share) else f"{share:.6g}" for share in moment.levels)
            truth = "n/a" if moment.truth is None else VERDICT_LABELS[moment.truth]
            lines.append("\t".join((f"{moment.time_s:.4f}", *shares, truth)))
        return "\n".join(lines) + "\n"

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what was added meanwhile."""
        super().showEvent(event)
        self.redraw()

    def changeEvent(self, event: QEvent) -> None:
        """Follow a change of the theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_redraw_timer"):
            self._adopt_palette()

    def _put(self, moment: _Moment) -> None:
        if not self._moments or moment.time_s > self._moments[-1].time_s:
            self._moments.append(moment)
            return
        place = bisect.bisect_left(self._moments, moment.time_s, key=_time_of)
        same = place < len(self._moments) and self._moments[place].time_s == moment.time_s
        self._moments[place : place + same] = [moment]

    @property
    def shown_s(self) -> tuple[float, float]:
        """The times between which it draws."""
        if self._whole and self._length_s is not None:
            return 0.0, max(self._length_s, 1.0)
        last_s = self._now_s if self._moments else SPAN_S
        if self._whole and self._moments:
            return self._moments[0].time_s, max(last_s, self._moments[0].time_s + 1.0)
        first_s = max(0.0, last_s - SPAN_S)
        return first_s, first_s + SPAN_S

    def _name(self, best: Prediction | None, whose: str) -> None:
        labels = VERDICT_LABELS[: len(best.probabilities)] if best is not None else self._labels
        if labels != self._labels or (whose and whose != self._whose):
            self._labels, self._whose = labels, whose or self._whose
            self._write_heading()

    def _write_heading(self) -> None:
        ground = self.palette().color(QPalette.ColorRole.Window).name().upper()
        names = "  ".join(
            f'<span style="color: {legible(VERDICT_COLOURS[label], ground)}">━</span> {label}'
            for label in self._labels
        )
        self._heading.setText(f"<b>{self._whose}</b>&nbsp;&nbsp; {names}")

    def _event_line(self, time_s: float, text: str, height: float) -> pg.InfiniteLine:
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        line = pg.InfiniteLine(time_s, label=text, labelOpts={"position": height})
        line.setPen(pg.mkPen(ink, style=Qt.PenStyle.DashLine))
        line.label.setColor(ink)
        self._plot.addItem(line)
        return line

    def _dress_plot(self) -> None:
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setYRange(0, _TRUTH_LEVEL + 0.06, padding=0.02)
        self._plot.getAxis("left").setTicks([_TICKS])
        self._plot.getAxis("left").setWidth(52)
        self._plot.showGrid(x=False, y=True, alpha=0.15)
        self._plot.scene().sigMouseClicked.connect(self._click)

    def _click(self, event: Any) -> None:
        if self._length_s is not None:
            place = self._plot.plotItem.vb.mapSceneToView(event.scenePos())
            self.sought.emit(min(max(place.x(), 0.0), self._length_s))

    def _adopt_palette(self) -> None:
        base = self.palette().color(QPalette.ColorRole.Base)
        self._plot.setBackground(base)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setTextPen(text)
            self._plot.getAxis(side).setPen(self.palette().color(QPalette.ColorRole.Mid))
        for label, curve, truth in zip(
            VERDICT_LABELS, self._curves, self._truth_curves, strict=True
        ):
            colour = legible(VERDICT_COLOURS[label], base.name().upper())
            curve.setPen(pg.mkPen(colour, width=2))
            truth.setPen(pg.mkPen(colour, width=6))
        self._cursor.setPen(pg.mkPen(text, width=1))
        self.set_events(self._events)
        self._write_heading()


def _time_of(moment: _Moment) -> float:
    return moment.time_s


def _levels(best: Prediction | None) -> FloatArray:
    levels = _UNKNOWN.copy()
    if best is not None:
        levels[: len(best.probabilities)] = best.probabilities
    return levels


def _time_ticks(first_s: float, last_s: float) -> list[tuple[float, str]]:
    """Return where time is written, on whole seconds, at most a dozen."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)
    step = next((s for s in steps if (last_s - first_s) / s <= _MOST_TICKS), 3600)
    seconds = range(math.ceil(first_s / step) * step, math.floor(last_s) + 1, step)
    return [(second, time_text(second)) for second in seconds]


def time_text(seconds: float) -> str:
    """Return a time such as `7 s`, or `2:07` from a minute on."""
    whole = int(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d}"
