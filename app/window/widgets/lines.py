"""Lines of text: elided where they do not fit, the status line, how well the face is seen.

A figure that is cut reads as another figure; one that is elided does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QStatusBar, QWidget

from app.window.widgets.theme import is_dark, muted
from fercore.faces.quality import UNKNOWN_QUALITY, Grade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.faces.quality import Indicator

_LEAST_CHARACTERS = 3
_MARKS = {Grade.GOOD: "✓", Grade.POOR: "⚠", Grade.UNKNOWN: "–"}
_POOR_COLOURS = {True: "#FFB454", False: "#9A4B00"}  # by whether the ground is dark
_MOST = 6  # indicators there can be


class ElidingLabel(QLabel):
    """Takes the room that its text needs, and gives all of it back but for a few letters."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)

    @property
    def shown(self) -> str:
        """What there is room for."""
        room = self.contentsRect().width()
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)

    def minimumSizeHint(self) -> QSize:
        """Return room for hardly anything."""
        least = self.fontMetrics().horizontalAdvance("m" * _LEAST_CHARACTERS)
        return QSize(min(least, self.sizeHint().width()), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the text, elided where it must be."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.contentsRect(), int(self.alignment()), self.shown)
        painter.end()


class StatusLine(QStatusBar):
    """State and newest message on the left, figures on the right."""

    def __init__(self) -> None:
        super().__init__()
        self._state = self._add("State", 0)
        self._message = self._add("Message", 1)
        self._figures = ElidingLabel()
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
        self._figures.setToolTip(self._figures.text())

    def text(self) -> str:
        """Return everything it shows, for tests."""
        return " | ".join(part.text() for part in (self._state, self._message, self._figures))

    def _add(self, name: str, stretch: int) -> QLabel:
        label = ElidingLabel()
        label.setAccessibleName(name)
        # A long message must not force the window wider than the screen.
        label.setSizePolicy(
            QSizePolicy.Policy.Ignored if stretch else QSizePolicy.Policy.Preferred,
            QSizePolicy.Policy.Preferred,
        )
        self.addWidget(label, stretch)
        return label


class QualityBar(QWidget):
    """A label for each indicator; the tool tip says what was measured and what would be good."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(14)
        self._labels = [ElidingLabel() for _ in range(_MOST)]
        for label in self._labels:
            row.addWidget(label)
        row.addStretch(1)
        self._shown: tuple[object, ...] = ()
        self.setAccessibleName("Quality of the picture")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clear()

    def show_indicators(self, indicators: Sequence[Indicator]) -> None:
        """Show these, in their order."""
        self._indicators = tuple(indicators)
        look = (*indicators, is_dark(self))
        if look == self._shown:
            return
        self._shown = look
        for index, label in enumerate(self._labels):
            label.setVisible(index < len(indicators))
            if index < len(indicators):
                self._fill(label, indicators[index])
        self.setAccessibleDescription("; ".join(map(_sentence, indicators)))

    def clear(self) -> None:
        """Show that nothing is known."""
        self.show_indicators(UNKNOWN_QUALITY.indicators())

    def changeEvent(self, event: QEvent) -> None:
        """Follow a change of the theme, also before a face has come."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_indicators"):
            self.show_indicators(self._indicators)

    def text(self) -> str:
        """Return what it shows."""
        return " | ".join(label.text() for label in self._labels if not label.isHidden())

    def _fill(self, label: QLabel, indicator: Indicator) -> None:
        label.setText(_short(indicator))
        label.setAccessibleName(indicator.name)
        label.setToolTip(_sentence(indicator))
        colour = muted(self).name()
        if indicator.grade is Grade.POOR:
            colour = f"{_POOR_COLOURS[is_dark(self)]}; font-weight: bold"
        label.setStyleSheet(f"color: {colour};")


def _short(indicator: Indicator) -> str:
    """Return such as `✓ Distance 0.52 m` or `⚠ Distance: too far, 1.42 m`."""
    mark, name = _MARKS[indicator.grade], indicator.name
    if indicator.grade is Grade.GOOD:
        return f"{mark} {name} {indicator.figure}"
    return f"{mark} {name}: {indicator.word}" + (indicator.figure and f", {indicator.figure}")


def _sentence(indicator: Indicator) -> str:
    measured = f" ({indicator.figure})" if indicator.figure else ""
    return f"{indicator.name}: {indicator.word}{measured}; good is {indicator.wanted}"
