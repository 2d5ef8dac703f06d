"""The application's window, which tells how long drawing took and when a frame was on it."""

from __future__ import annotations

import time
from array import array
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent

from app.start.logs import Troubles
from app.window.main_window import MainWindow
from fercore.runtime.stopwatch import Stopwatch

if TYPE_CHECKING:
    from app.bench.source import TimedSource
    from app.live.session import Session
    from app.start.settings import Settings
    from fercore.structures import Analysis

DRAW = "draw"


class MeasuredWindow(MainWindow):
    """The window as it is; what it shows is timed from the capture to the finished picture."""

    def __init__(self, session: Session, settings: Settings, source: TimedSource) -> None:
        self.stopwatch = Stopwatch()
        # Four bytes a frame: a long measurement must not grow by its own notes.
        self.latencies_ms: array[float] = array("f")
        self._prepared = source
        self._undrawn: int | None = None  # index of the frame that Qt has yet to paint
        self._present_s = 0.0
        super().__init__(session, settings, Troubles())

    def start_over(self) -> None:
        """Forget what was measured so far."""
        self.stopwatch.clear()
        del self.latencies_ms[:]

    def present(self, analysis: Analysis) -> None:
        """Show one analysed frame everywhere; it is painted when Qt comes to it."""
        started_s = time.perf_counter()
        super().present(analysis)
        self._present_s += time.perf_counter() - started_s
        self._undrawn = analysis.frame.index

    def event(self, event: QEvent) -> bool:
        """Handle an event; by one of them Qt asks the window to paint all that is due."""
        if event.type() is not QEvent.Type.UpdateRequest:
            return super().event(event)
        started_s = time.perf_counter()
        done = super().event(event)
        if self._undrawn is not None:
            self._note(self._undrawn, self._present_s + time.perf_counter() - started_s)
        return done

    def _note(self, index: int, took_s: float) -> None:
        self.stopwatch.add(DRAW, took_s)
        self.latencies_ms.append(1000 * (time.monotonic() - self._prepared.captured_s(index)))
        self._undrawn, self._present_s = None, 0.0
