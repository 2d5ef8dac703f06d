"""The line at the bottom: what happens, what went wrong, how fast it is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QStatusBar


class StatusLine(QStatusBar):
    """State and newest message on the left, figures on the right."""

    def __init__(self) -> None:
        super().__init__()
        self._state = self._add("State", 0)
        self._message = self._add("Message", 1)
        self._figures = QLabel()
        self._figures.setAccessibleName("Figures")
        self.addPermanentWidget(self._figures)
        self.setSizeGripEnabled(False)
        self.setContentsMargins(8, 0, 8, 2)

    def show_state(self, text: str) -> None:
        """Show what the session is doing."""
        self._state.setText(text)

    def show_message(self, text: str) -> None:
        """Show a message until the next one replaces it; empty clears it."""
        self._message.setText(text)
        self._message.setToolTip(text)

    def show_figures(self, frames_per_second: float, latency_s: float, dropped: int) -> None:
        """Show how the live path is doing."""
        self._figures.setText(
            f"{frames_per_second:.0f} frames/s   "
            f"latency {1000 * latency_s:.0f} ms   {dropped} dropped"
        )

    def text(self) -> str:
        """Return everything it shows, for tests."""
        return " | ".join(part.text() for part in (self._state, self._message, self._figures))

    def _add(self, name: str, stretch: int) -> QLabel:
        label = QLabel()
        label.setAccessibleName(name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        # A long message must not force the window wider than the screen.
        label.setSizePolicy(
            QSizePolicy.Policy.Ignored if stretch else QSizePolicy.Policy.Preferred,
            QSizePolicy.Policy.Preferred,
        )
        self.addWidget(label, stretch)
        return label
