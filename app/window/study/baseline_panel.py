"""The guided seconds of a neutral face."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.window.study.sentence import Sentence, paragraph

_TICK_MS = 100


class BaselinePanel(QWidget):
    """Counts the seconds; what is made of them is up to whoever hears `ended`."""

    begun = Signal()
    ended = Signal()

    def __init__(self, duration_s: float) -> None:
        super().__init__()
        self._duration_s = duration_s
        self._began_s = 0.0
        self.start = QPushButton(f"Record {duration_s:g} s of neutral face")
        self.start.clicked.connect(lambda: self._begin())
        self._bar = QProgressBar()
        self._bar.setRange(0, round(1000 * duration_s))
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress of the baseline")
        self.message = Sentence()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        column = QVBoxLayout(self)
        column.addWidget(
            paragraph(
                "Ask the participant to look at the camera with a relaxed face, mouth closed, "
                "and to keep still. Then press the button."
            )
        )
        for widget in (self.start, self._bar, self.message):
            column.addWidget(widget)
        column.addStretch(1)

    @property
    def running(self) -> bool:
        """Whether the seconds are being counted."""
        return self._timer.isActive()

    def stop(self) -> None:
        """Stop counting without a result."""
        self._timer.stop()
        self._bar.setValue(0)
        self.start.setEnabled(True)

    def _begin(self) -> None:
        self.message.note("")
        self.start.setEnabled(False)
        self._began_s = time.monotonic()
        self._timer.start()
        self.begun.emit()

    def _tick(self) -> None:
        elapsed_s = time.monotonic() - self._began_s
        self._bar.setValue(round(1000 * min(elapsed_s, self._duration_s)))
        if elapsed_s >= self._duration_s:
            self.stop()
            self.ended.emit()
