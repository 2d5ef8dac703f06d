"""The picture of a headless run: what the window shows of its surest frame, drawn off screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.sources.base import Replay
from app.window.centre import Centre
from app.window.widgets.theme import apply_theme
from app.window.widgets.timeline import SPAN_S
from fercore.errors import FercoreError, cure
from fercore.faces.quality import measure

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from app.sources.base import FrameSource
    from fercore.expressions import Expression
    from fercore.structures import Analysis, Prediction

_SIZE = (1280, 720)


class Showcase:
    """Keeps what the picture needs: the surest frame, and the curves up to it."""

    def __init__(self) -> None:
        self._curves: list[tuple[float, Prediction | None, Expression | None]] = []
        self._best: Analysis | None = None
        self._best_clip = 0
        self._best_length = 0

    def add(self, analysis: Analysis, clip: int) -> None:
        """Consider one frame of a replay's clip."""
        fusion = analysis.verdicts.fusion if analysis.verdicts else None
        frame = analysis.frame
        self._curves.append((frame.timestamp_s, fusion, frame.truth))
        if self._best is None or _sureness(analysis) > _sureness(self._best):
            self._best, self._best_clip = analysis, clip
            self._best_length = len(self._curves)

    def picture(self, source: FrameSource) -> QWidget:
        """Return a widget that shows that frame, under the name of its source."""
        whole, centre = QWidget(), Centre()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 6, 0, 0)
        caption = QLabel(self._caption(source))
        caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(caption)
        column.addWidget(centre, 1)
        self._fill(centre, source.facts.knows_truth)
        whole.resize(*_SIZE)
        return whole

    def _fill(self, centre: Centre, knows_truth: bool) -> None:
        best = self._best
        if best is None:
            return
        start_s = best.frame.timestamp_s - SPAN_S
        for time_s, fusion, truth in self._curves[: self._best_length - 1]:
            if time_s >= start_s:
                centre.timeline.add(time_s, fusion, truth)
        centre.show_analysis(best, knows_truth)
        centre.catch_up()  # it is hidden still
        centre.bar.show_indicators(measure(best.pair).indicators())
        centre.timeline.redraw()

    def _caption(self, source: FrameSource) -> str:
        if self._best is None or not isinstance(source, Replay) or not source.clips:
            return source.name
        clip = source.clips[self._best_clip]
        return f"{source.name} – {clip.subject}, {clip.label}"


def save_picture(
    application: QApplication, showcase: Showcase, source: FrameSource, path: Path
) -> None:
    """Write the picture.

    Raises:
        FercoreError: it cannot be written.
    """
    apply_theme(application, "light")
    picture = showcase.picture(source)
    picture.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    picture.show()
    application.processEvents()
    buffer = QBuffer()  # Qt would not tell why a file cannot be written
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    picture.grab().save(buffer, "PNG")
    picture.hide()
    picture.deleteLater()
    try:
        path.write_bytes(buffer.data().data())
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); {cure(error)}."
        ) from error


def _sureness(analysis: Analysis) -> float:
    """Return how fit a frame is for the picture: sure of itself, and with a known truth."""
    best = analysis.verdicts.best() if analysis.verdicts else None
    if best is None:
        return -1.0
    return best.confidence + (analysis.frame.truth is not None)
