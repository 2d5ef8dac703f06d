"""The run sheet: the session's blocks in order, and the buttons that lead through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QPushButton, QVBoxLayout, QWidget

from app.window.study.panels import Sentence, paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.study.participants import Block
    from fercore.study.study_file import Marker


class RunSheetPanel(QWidget):
    """Shows which blocks are done and which is next; Start, Stop, Next and Keep on."""

    start_pressed = Signal()
    stop_pressed = Signal()
    keep_on_pressed = Signal()

    def __init__(self, markers: Sequence[Marker]) -> None:
        super().__init__()
        self._blocks: tuple[Block, ...] = ()
        self._done: frozenset[int] = frozenset()
        self._recording = False
        self.list = QListWidget()
        self.list.setAccessibleName("Blocks")
        self.start, self.stop = QPushButton("Start"), QPushButton("Stop")
        self.next = QPushButton("Next")
        self.keep_on = QPushButton("Keep on")
        self.keep_on.setToolTip("Do not end by itself when the planned length is over")
        self._instruction = paragraph("")
        self._instruction.setAccessibleName("Instruction")
        self.message = Sentence()
        # Keys belong to the markers: no widget here may swallow one.
        for widget in (self.list, self.start, self.stop, self.next, self.keep_on):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._arrange(markers)
        self.start.clicked.connect(lambda: self.start_pressed.emit())
        self.stop.clicked.connect(lambda: self.stop_pressed.emit())
        self.keep_on.clicked.connect(lambda: self.keep_on_pressed.emit())
        self.next.clicked.connect(lambda: self.go_to_next())
        self.list.currentRowChanged.connect(self._follow_choice)

    @property
    def block(self) -> Block | None:
        """The chosen block, None before a session and after its last block."""
        row = self.list.currentRow()
        return self._blocks[row] if 0 <= row < len(self._blocks) else None

    def is_done(self, block: Block) -> bool:
        """Whether a block has been recorded to its end."""
        return block.number in self._done

    def show_blocks(self, blocks: tuple[Block, ...], done: frozenset[int]) -> None:
        """Show a session's blocks and choose the first that is to be recorded."""
        self._blocks, self._done = blocks, done
        self.list.clear()
        self.list.addItems([self._line(block) for block in blocks])
        row = next((i for i, block in enumerate(blocks) if block.number not in done), -1)
        self.list.setCurrentRow(row)
        self._follow_choice()

    def show_done(self, done: frozenset[int]) -> None:
        """Mark the blocks that have been recorded."""
        self._done = done
        for row, block in enumerate(self._blocks):
            self.list.item(row).setText(self._line(block))

    def show_recording(self, recording: bool, ends_by_itself: bool = False) -> None:
        """Let only those buttons be pressed that make sense."""
        self._recording = recording
        self.start.setEnabled(not recording and self.block is not None)
        self.stop.setEnabled(recording)
        self.keep_on.setEnabled(recording and ends_by_itself)
        self.next.setEnabled(not recording and bool(self._blocks))
        self.list.setEnabled(not recording)

    def go_to_next(self) -> None:
        """Choose the next block that has not been recorded; from the end, the first such."""
        row = self.list.currentRow()
        count = len(self._blocks)
        rows = [*range(row + 1, count), *range(row + 1)]
        left = [i for i in rows if i >= 0 and self._blocks[i].number not in self._done]
        self.list.setCurrentRow(left[0] if left else -1)

    def _line(self, block: Block) -> str:
        mark = "✓" if block.number in self._done else "○"
        length = f", {block.duration_s:g} s" if block.duration_s else ""
        length += ", ends by itself" if block.ends_by_itself else ""
        return f"{mark} {block.number}  {block.condition}, {block.task}{length}"

    def _follow_choice(self) -> None:
        block = self.block
        if block is not None:
            self._instruction.setText(block.instruction)
        else:
            self._instruction.setText("All blocks are recorded." if self._blocks else "")
        self.show_recording(self._recording)

    def _arrange(self, markers: Sequence[Marker]) -> None:
        row = QHBoxLayout()
        for button in (self.start, self.stop, self.next, self.keep_on):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.list, 1)
        column.addWidget(self._instruction)
        column.addLayout(row)
        keys = "\n".join(_described(marker) for marker in markers)
        column.addWidget(paragraph(f"Markers while recording:\n{keys}" if keys else "No markers."))
        column.addWidget(self.message)


def _described(marker: Marker) -> str:
    how = marker.key or "remote or LSL"
    return f"{how}  {marker.name}" + (f": {marker.description}" if marker.description else "")
