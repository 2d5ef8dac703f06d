"""How well the face is seen, in a row: a mark, a word and a figure for each property."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.window.widgets.theme import is_dark, muted
from fercore.faces.quality import UNKNOWN_QUALITY, Grade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.faces.quality import Indicator

_MARKS = {Grade.GOOD: "✓", Grade.POOR: "⚠", Grade.UNKNOWN: "–"}
_POOR_COLOURS = {True: "#FFB454", False: "#9A4B00"}  # by whether the ground is dark
_MOST = 6  # indicators there can be
_LEAST_WIDTH = 60


class QualityBar(QWidget):
    """A label for each indicator; the tool tip says what was measured and what would be good."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(14)
        self._labels = [QLabel() for _ in range(_MOST)]
        for label in self._labels:
            label.setMinimumWidth(_LEAST_WIDTH)
            row.addWidget(label)
        row.addStretch(1)
        self._shown: tuple[object, ...] = ()
        self.setAccessibleName("Quality of the picture")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clear()

    def show_indicators(self, indicators: Sequence[Indicator]) -> None:
        """Show these, in their order."""
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
