"""One line in large letters: what is shown, what is true, what fusion says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocumentFragment
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.overlay import CORRECT, mark_of, percent
from fercore.expressions import NEUTRAL

if TYPE_CHECKING:
    from fercore.structures import Analysis

_RIGHT_COLOURS = {True: "#0A7D55", False: "#B84A00"}


class Banner(QWidget):
    """Truth on the left, verdict and whether it is correct on the right."""

    def __init__(self) -> None:
        super().__init__()
        self._truth = _label(Qt.AlignmentFlag.AlignLeft)
        self._verdict = _label(Qt.AlignmentFlag.AlignRight)
        self._mark = QLabel()
        self._mark.setVisible(False)
        self._shown_mark = ""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 0)
        layout.addWidget(self._truth, 1)
        layout.addWidget(self._verdict, 1)
        layout.addWidget(self._mark)
        self._truth.setAccessibleName("True expression")
        self._verdict.setAccessibleName("Verdict")
        self._mark.setAccessibleName("Correct or incorrect")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_analysis(self, analysis: Analysis, knows_truth: bool) -> None:
        """Show a frame's truth and best verdict.

        `knows_truth` tells a neutral face, which has no expression, from a source
        that does not know.
        """
        truth = analysis.frame.truth
        true_text = str(truth or NEUTRAL) if knows_truth or truth else "not known"
        self._truth.setText(f"True expression: <b>{true_text}</b>")
        self._verdict.setText(_verdict(analysis))
        best = analysis.verdicts.best() if analysis.verdicts else None
        self._show_mark(mark_of(best, truth))

    def clear(self) -> None:
        """Show nothing."""
        self._truth.clear()
        self._verdict.clear()
        self._show_mark("")

    def text(self) -> str:
        """Return what it shows, without mark-up."""
        parts = [_plain(self._truth.text()), _plain(self._verdict.text())]
        if not self._mark.isHidden():
            parts.append(self._mark.text())
        return " | ".join(parts)

    def _show_mark(self, mark: str) -> None:
        if mark == self._shown_mark:
            return
        self._shown_mark = mark
        self._mark.setVisible(bool(mark))
        correct = mark == CORRECT
        self._mark.setText(f"{mark} {'correct' if correct else 'incorrect'}")
        self._mark.setStyleSheet(
            f"background: {_RIGHT_COLOURS[correct]}; color: white; font-weight: bold;"
            "border-radius: 4px; padding: 2px 8px;"
        )


def _plain(rich: str) -> str:
    return QTextDocumentFragment.fromHtml(rich).toPlainText()


def _label(alignment: Qt.AlignmentFlag) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setAlignment(alignment | Qt.AlignmentFlag.AlignVCenter)
    font = label.font()
    font.setPointSizeF(1.25 * font.pointSizeF())
    label.setFont(font)
    label.setMinimumWidth(60)
    return label


def _verdict(analysis: Analysis) -> str:
    verdicts = analysis.verdicts
    best = verdicts.best() if verdicts else None
    if verdicts is None or best is None:
        return analysis.reason
    head = "Fusion" if best is verdicts.fusion else "RGB" if best is verdicts.rgb else "Depth"
    text = f"{head}: <b>{best.expression} {percent(best.confidence)}</b>"
    return f"{text} ({analysis.reason})" if analysis.reason else text
