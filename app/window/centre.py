"""The middle of the window: everything that shows one judged frame, and nothing else.

It knows neither session nor settings, so that a headless run draws its picture with it alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.drawing.overlay import HEADS, by_head
from app.window.widgets.banner import Banner
from app.window.widgets.lines import QualityBar
from app.window.widgets.picture_view import ColourView, DepthView
from app.window.widgets.probability_chart import ProbabilityChart
from app.window.widgets.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QResizeEvent, QShowEvent

    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis, Verdicts


class Centre(QWidget):
    """Banner, quality, both pictures, the heads' charts and the timeline."""

    def __init__(self) -> None:
        super().__init__()
        self.banner = Banner()
        self.bar = QualityBar()
        self.colour_view = ColourView()
        self.depth_view = DepthView()
        self.charts = [ProbabilityChart(head) for head in HEADS]
        self.timeline = Timeline()
        self._has_depth = False  # of the present source, as far as is known
        self._unseen: Callable[[], None] | None = None  # draws what came while it was hidden
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 4)
        column.setSpacing(6)
        column.addWidget(self.banner)
        self.head_row = _row(self.bar)
        column.addLayout(self.head_row)
        self._pictures = _row(self.colour_view, self.depth_view)
        column.addLayout(self._pictures, 6)
        column.addLayout(_row(*self.charts), 2)
        column.addWidget(self.timeline, 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give both pictures the same size: beside one of them stands its scale."""
        super().resizeEvent(event)
        self._share_room()

    def show_analysis(
        self,
        shown: Analysis,
        knows_truth: bool,
        faces: Sequence[TrackedFace] = (),
        arrived_s: float | None = None,
        time_s: float | None = None,
        stored: Verdicts | None = None,
    ) -> None:
        """Show a frame everywhere; while hidden, only the timeline takes note, and the rest waits.

        `knows_truth` tells a neutral face from a source that does not know; `faces` are all that
        were seen; `arrived_s` is when the frame came, by time.monotonic(), None: long ago; `time_s`
        is where it stands in a recording, None: its own time; `stored` is what was said of it then.
        """
        best = shown.verdicts.best() if shown.verdicts else None
        when_s = shown.frame.timestamp_s if time_s is None else time_s
        self.timeline.add(when_s, best, shown.frame.truth, _whose(shown.verdicts))
        self._unseen = partial(self._draw, shown, knows_truth, faces, arrived_s, stored)
        if self.isVisible():
            self.catch_up()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what came meanwhile: while paused nothing else would."""
        super().showEvent(event)
        self.catch_up()

    def catch_up(self) -> None:
        """Draw what came while it was hidden."""
        draw, self._unseen = self._unseen, None
        if draw is not None:
            draw()

    def _draw(
        self,
        shown: Analysis,
        knows_truth: bool,
        faces: Sequence[TrackedFace],
        arrived_s: float | None,
        stored: Verdicts | None,
    ) -> None:
        self.colour_view.show_analysis(shown, faces, arrived_s)
        self.depth_view.show_analysis(shown)
        if shown.frame.depth_m is None and not self._has_depth:
            self.depth_view.hide()  # the room is the colour picture's
        elif not self._has_depth:
            self._has_depth = True
            self.depth_view.show()
        self.banner.show_analysis(shown, knows_truth, stored)
        truth = shown.frame.truth
        heads = zip(self.charts, by_head(shown.verdicts), by_head(stored), strict=True)
        for chart, prediction, then in heads:
            chart.show_prediction(prediction, truth, then)

    def _share_room(self) -> None:
        width, scale = self.width(), self.depth_view.scale_width
        self._pictures.setStretch(0, max(1, (width - scale) // 2))
        self._pictures.setStretch(1, max(1, (width + scale) // 2))

    def clear(self) -> None:
        """Show no frame, and nothing that was said of one."""
        self.banner.clear()
        self.bar.clear()
        self.colour_view.clear()
        self.depth_view.clear()
        self._has_depth = False
        self._unseen = None
        for chart in self.charts:
            chart.clear()
        self.timeline.clear()


def _whose(verdicts: Verdicts | None) -> str:
    """Return the head whose verdict leads, empty where none speaks."""
    spoken = zip(HEADS, by_head(verdicts), strict=True)
    return next((head for head, prediction in spoken if prediction is not None), "")


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(10)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
