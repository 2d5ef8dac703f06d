"""The same pipeline without a window: every frame of a source gets a row.

Writes `predictions.tsv`, `overlay.mp4` and `window.png` (the real window, drawn
off screen) into a folder and prints a table of the verdicts per scan. What an
earlier run left there is kept in the folder `previous`.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from tqdm import tqdm

from app.drawing.overlay import draw_overlay
from app.drawing.qimage import to_array, to_qimage
from app.headless.recorder import VideoWriter
from app.headless.summary import Summary
from app.live.session import Session
from app.sources.base import Arrival, Replay
from app.start.logs import Troubles
from app.start.settings import Settings
from app.window.main_window import MainWindow
from app.window.widgets.theme import apply_theme
from app.window.widgets.timeline import SPAN_S
from fercore.errors import FercoreError
from fercore.results import PredictionWriter

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from app.live.inference import Analyser
    from app.sources.base import FrameSource
    from fercore.expressions import Expression
    from fercore.structures import Analysis, Prediction, UInt8Array

PREDICTIONS, VIDEO, PICTURE = "predictions.tsv", "overlay.mp4", "window.png"
PREVIOUS = "previous"
_READ_TIMEOUT_S = 10.0
_FALLBACK_RATE_HZ = 30.0


class Showcase:
    """Keeps what a picture of the window needs: the surest frame, and the curves up to it."""

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

    def fill(self, window: MainWindow) -> None:
        """Show that frame in a window."""
        if self._best is None:
            return
        start_s = self._best.frame.timestamp_s - SPAN_S
        for time_s, fusion, truth in self._curves[: self._best_length - 1]:
            if time_s >= start_s:
                window.timeline.add(time_s, fusion, truth)
        window.present(self._best)
        window.transport.set_clip(self._best_clip)
        window.timeline.redraw()


def run_headless(
    application: QApplication,
    source: FrameSource,
    analyser: Analyser,
    output: Path,
    max_frames: int | None = None,
) -> Summary:
    """Judge every frame of a source, or its first `max_frames`, and write the files.

    Ctrl-C ends the run early; all files then hold what was done until then.

    Raises:
        FercoreError: the source or the folder cannot be used, or the disk is full.
    """
    source.open()
    try:
        _keep_previous(output)
        summary, showcase = Summary(), Showcase()
        started_s = time.monotonic()
        _judge_all(source, analyser, output, max_frames, summary, showcase)
        rate = summary.frames / (time.monotonic() - started_s)
        _save_picture(application, source, showcase, summary, rate, output / PICTURE)
    finally:
        source.close()
    _report(summary, rate, output)
    return summary


def _expected_frames(source: FrameSource, max_frames: int | None) -> int | None:
    """Return how many frames there will be, None where nobody knows."""
    if not isinstance(source, Replay):
        return max_frames
    return source.frame_count if max_frames is None else min(source.frame_count, max_frames)


def _judge_all(
    source: FrameSource,
    analyser: Analyser,
    output: Path,
    max_frames: int | None,
    summary: Summary,
    showcase: Showcase,
) -> None:
    rate_hz = source.frame_rate_hz if isinstance(source, Replay) else _FALLBACK_RATE_HZ
    with (
        PredictionWriter(output / PREDICTIONS) as predictions,
        VideoWriter(output / VIDEO, rate_hz) as video,
        # disable=None: a progress bar only where standard error is a terminal.
        tqdm(total=_expected_frames(source, max_frames), unit="frame", disable=None) as bar,
        closing(_arrivals(source)) as arrivals,
    ):
        try:
            for arrival in islice(arrivals, max_frames):
                analysis = analyser.analyse(arrival.frame)
                predictions.write(analysis)
                summary.add(analysis)
                showcase.add(analysis, arrival.clip)
                video.write(_overlaid(analysis))
                bar.update()
        except KeyboardInterrupt:
            bar.write("Interrupted; the files hold the frames until here.", file=sys.stderr)


def _arrivals(source: FrameSource) -> Generator[Arrival]:
    """Yield every frame; the next one is rendered while the present one is judged."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        coming = reader.submit(_read, source)
        while (arrival := coming.result()) is not None:
            coming = reader.submit(_read, source)
            yield arrival


def _read(source: FrameSource) -> Arrival | None:
    """Return the next frame with the clip it belongs to, which the one after it may not."""
    frame = source.read(_READ_TIMEOUT_S)
    if frame is None:
        return None
    clip = source.position if isinstance(source, Replay) else 0
    return Arrival(frame, source, clip, time.monotonic())


def _overlaid(analysis: Analysis) -> UInt8Array:
    image = to_qimage(analysis.frame.rgb)
    painter = QPainter(image)
    draw_overlay(painter, analysis)
    painter.end()
    return to_array(image)


def _keep_previous(output: Path) -> None:
    """Move an earlier run's files out of the way; what was moved before is replaced."""
    try:
        for name in (PREDICTIONS, VIDEO, PICTURE):
            if (output / name).exists():
                (output / PREVIOUS).mkdir(exist_ok=True)
                (output / name).replace(output / PREVIOUS / name)
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FercoreError(
            f"{output} cannot be written ({error.strerror}); choose another folder."
        ) from error


def _sureness(analysis: Analysis) -> float:
    """Return how fit a frame is for the picture: sure of itself, and with a known truth."""
    best = analysis.verdicts.best() if analysis.verdicts else None
    if best is None:
        return -1.0
    return best.confidence + (analysis.frame.truth is not None)


def _save_picture(
    application: QApplication,
    source: FrameSource,
    showcase: Showcase,
    summary: Summary,
    rate: float,
    path: Path,
) -> None:
    apply_theme(application, "light")
    window = MainWindow(Session(_no_analyser), Settings(), Troubles())
    window.show_source(source)
    showcase.fill(window)
    window.status.show_state("headless run")
    window.status.show_figures(rate, summary.mean_latency_s, 0)
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    window.show()
    application.processEvents()
    saved = window.grab().save(str(path), "PNG")
    window.hide()
    window.deleteLater()
    if not saved:
        raise FercoreError(f"{path} cannot be written; free some space or choose another folder.")


def _no_analyser() -> Analyser:
    raise FercoreError("a window that is only drawn judges nothing.")


def _report(summary: Summary, rate: float, output: Path) -> None:
    table = summary.table()
    if table:
        print(f"{table}\n")
    print(f"{summary.sentences()} {rate:.1f} frames/s.")
    print(f"Written to {output}: {PREDICTIONS}, {VIDEO}, {PICTURE}.")
