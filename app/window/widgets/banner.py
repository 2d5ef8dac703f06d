"""One line in large letters: what is true, what fusion says, how the camera is doing.

A camera that is in doubt or lost gets a second line, which says why and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent, QTextDocumentFragment
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.drawing.overlay import CORRECT, mark_of, shown_text
from fercore.expressions import CALM, NEUTRAL

if TYPE_CHECKING:
    from fercore.structures import Analysis, Verdicts

Tone = Literal["good", "doubtful", "lost"]

_RIGHT_COLOURS = {True: "#0A7D55", False: "#B84A00"}
_TONE_COLOURS: dict[Tone, str] = {"good": "#0A7D55", "doubtful": "#8A5A00", "lost": "#B3261E"}
_TONE_MARKS: dict[Tone, str] = {"good": "●", "doubtful": "⚠", "lost": "⟳"}


class Banner(QWidget):
    """Truth on the left, verdict and whether it is correct on the right."""

    def __init__(self) -> None:
        super().__init__()
        self._truth = _label(Qt.AlignmentFlag.AlignLeft)
        self._verdict = _label(Qt.AlignmentFlag.AlignRight)
        self._mark = QLabel()
        self._mark.setVisible(False)
        self._shown_mark = ""
        self._camera, self._reason = QLabel(), QLabel()
        self._reason.setWordWrap(True)
        self._shown_camera: tuple[str, str] | None = None
        self._is_camera = False
        self._arrange()
        self.show_camera("good", "", "")
        self._truth.setAccessibleName("True expression")
        self._verdict.setAccessibleName("Verdict")
        self._mark.setAccessibleName("Correct or incorrect")
        self._camera.setAccessibleName("Camera")
        self._reason.setAccessibleName("What is wrong with the camera")
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)  # a verdict that does not fit is broken, never cut
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        """Return the height of its texts at the present width, not at the narrowest there is."""
        return self._as_high_as_needed(super().sizeHint())

    def minimumSizeHint(self) -> QSize:
        """Return the height of its texts at the present width, too."""
        return self._as_high_as_needed(super().minimumSizeHint())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for the height that the texts need now."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def show_analysis(
        self, analysis: Analysis, knows_truth: bool, stored: Verdicts | None = None
    ) -> None:
        """Show a frame's truth and best verdict.

        `knows_truth` tells a neutral face, which has no expression, from a source
        that does not know; `stored` is what was said of the frame when it was recorded.
        """
        truth = analysis.frame.truth
        true_text = str(truth or NEUTRAL) if knows_truth or truth else "not known"
        # Nobody expects a camera to know.
        then = stored.best() if stored else None
        is_pointless = self._is_camera and true_text == "not known" and then is None
        text = f"True expression: <b>{true_text}</b>"
        if then is not None and truth is None:
            text = f"Recorded: <b>{shown_text(then)}</b>"
        self._truth.setText("" if is_pointless else text)
        self._truth.setVisible(not is_pointless)  # its room is the verdict's
        self._verdict.setText(_verdict(analysis))
        best = analysis.verdicts.best() if analysis.verdicts else None
        right = truth or (CALM if knows_truth else None)
        # Who is not sure is neither right nor wrong.
        self._show_mark(mark_of(best, right) if best and best.is_sure else "")

    def show_camera(self, tone: Tone, word: str, reason: str) -> None:
        """Show how the camera is doing, and why; an empty word where there is none."""
        if (word, reason) == self._shown_camera:
            return
        self._shown_camera, self._is_camera = (word, reason), bool(word)
        self._camera.setVisible(bool(word))
        self._camera.setText(f"{_TONE_MARKS[tone]} {word}")
        self._camera.setStyleSheet(_pill(_TONE_COLOURS[tone]))
        self._reason.setVisible(bool(reason))
        self._reason.setText(reason)

    def clear(self) -> None:
        """Show nothing but how the camera is doing."""
        self._truth.clear()
        self._verdict.clear()
        self._show_mark("")

    def text(self) -> str:
        """Return what it shows, without mark-up."""
        parts = [_plain(self._truth.text()), _plain(self._verdict.text())]
        parts += [
            label.text()
            for label in (self._mark, self._camera, self._reason)
            if not label.isHidden()
        ]
        return " | ".join(parts)

    def _as_high_as_needed(self, hint: QSize) -> QSize:
        height = self.heightForWidth(self.width())  # -1 while there is no text
        return QSize(hint.width(), height if height > 0 else hint.height())

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self._camera)
        row.addWidget(self._truth, 1)
        row.addWidget(self._verdict, 1)
        row.addWidget(self._mark)
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 0, 2, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._reason)

    def _show_mark(self, mark: str) -> None:
        if mark == self._shown_mark:
            return
        self._shown_mark = mark
        self._mark.setVisible(bool(mark))
        correct = mark == CORRECT
        self._mark.setText(f"{mark} {'correct' if correct else 'incorrect'}")
        self._mark.setStyleSheet(_pill(_RIGHT_COLOURS[correct]))


def _pill(colour: str) -> str:
    return (
        f"background: {colour}; color: white; font-weight: bold;"
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
    label.setWordWrap(True)
    return label


def _verdict(analysis: Analysis) -> str:
    verdicts = analysis.verdicts
    best = verdicts.best() if verdicts else None
    if verdicts is None or best is None:
        return analysis.reason
    head = "Fusion" if best is verdicts.fusion else "RGB" if best is verdicts.rgb else "Depth"
    text = f"{head}: <b>{shown_text(best)}</b>"
    return f"{text} ({analysis.reason})" if analysis.reason else text
