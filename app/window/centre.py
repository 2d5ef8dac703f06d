"""The middle of the window: everything that shows one judged frame, and nothing else.

It knows neither session nor settings, so that a headless run draws its picture with it alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.drawing.overlay import HEADS, by_head
from app.window.widgets.banner import Banner
from app.window.widgets.lines import QualityBar
from app.window.widgets.picture_view import ColourView, DepthView
from app.window.widgets.probability_chart import ProbabilityChart
from app.window.widgets.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis


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
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 4)
        column.setSpacing(8)
        column.addWidget(self.banner)
        self.head_row = _row(self.bar)
        column.addLayout(self.head_row)
        column.addLayout(_row(self.colour_view, self.depth_view), 6)
        column.addLayout(_row(*self.charts), 2)
        column.addWidget(self.timeline, 2)

    def show_analysis(
        self,
        shown: Analysis,
        knows_truth: bool,
        faces: Sequence[TrackedFace] = (),
        arrived_s: float | None = None,
    ) -> None:
        """Show a frame everywhere.

        `knows_truth` tells a neutral face from a source that does not know; `faces` are all that
        were seen; `arrived_s` is when the frame came, by time.monotonic(), None: long ago.
        """
        self.colour_view.show_analysis(shown, faces, arrived_s)
        self.depth_view.show_analysis(shown)
        self.banner.show_analysis(shown, knows_truth)
        truth = shown.frame.truth
        for chart, prediction in zip(self.charts, by_head(shown.verdicts), strict=True):
            chart.show_prediction(prediction, truth)
        best = shown.verdicts.best() if shown.verdicts else None
        self.timeline.add(shown.frame.timestamp_s, best, truth)

    def clear(self) -> None:
        """Show no frame, and nothing that was said of one."""
        self.banner.clear()
        self.bar.clear()
        self.colour_view.clear()
        self.depth_view.clear()
        for chart in self.charts:
            chart.clear()
        self.timeline.clear()


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(10)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
