"""Quick recording in the window: its menu, its button, and what may end it.

It records what is judged from the present source. It ends by the same button, with the source
and with the window. Beside a study there is none: a study's pictures are kept in its runs alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, QTimer
from PySide6.QtWidgets import QFileDialog

from app.study.quick_recording import QuickRecording
from app.window.widgets.buttons import RecordButton
from app.window.widgets.menus import Command, add_choice, add_entry
from fercore.errors import FercoreError
from fercore.study.study_file import Privacy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.live.inference import Judged
    from app.live.session import Session
    from app.sources.base import FrameSource
    from app.start.settings import Settings
    from app.study.run_state import Equipment, RecordingProgress
    from app.window.main_window import MainWindow
    from fercore.structures import FaceBox, UInt8Array
    from fercore.study.run_files import Counts, RunRecord

_TICK_MS = 250
_SILENT_TICKS = 8  # without a frame; a camera gives one every tick
KEPT = {
    Privacy.DERIVED: "numbers only",
    Privacy.DEPTH: "numbers and depth maps",
    Privacy.BLURRED: "numbers and colour with blurred faces",
    Privacy.FULL: "numbers, colour and depth",
}
"""What a recording of each level holds, in words."""


class RecordingMode(QObject):
    """Adds quick recording to a window; closing the window stops it."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        settings: Settings,
        equipment: Callable[[], Equipment],
        find_faces: Callable[[UInt8Array], Sequence[FaceBox]],
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._settings = window, session, settings
        self._arbiter = window.arbiter
        self._arbiter.quick = self
        self._recording = QuickRecording(equipment, find_faces)
        self._source: FrameSource | None = None
        self._frames, self._silent_ticks = 0, 0
        self._is_stopping, self._why = False, ""
        self.button = RecordButton()
        self.button.clicked.connect(lambda _checked=False: self.toggle())
        window.head_row.addWidget(self.button)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.refresh)
        self._build_menu()
        self._describe()
        window.closing.connect(self.close)

    @property
    def recording(self) -> bool:
        """Whether something is being recorded."""
        return self._recording.begun

    @property
    def folder(self) -> Path:
        """Where recordings go: as the user chose, else `fercore` among the documents."""
        return self._settings.recording_folder or documents_folder()

    def toggle(self) -> None:
        """Start, or stop what is recorded, and say what became of it."""
        if self.recording:
            self._stop()
            return
        try:
            self._arbiter.require_quick()
            self._arbiter.require_networks()
            self._source = self._session.source
            place = self._recording.start(self.folder, self._settings.recording_level)
        except FercoreError as error:
            self._say(str(error))
            return
        self._frames, self._silent_ticks = 0, 0
        self._session.set_listener(self._hear)
        self._timer.start()
        self._say(f"Recording {KEPT[self._settings.recording_level]} into {place}")
        self.refresh()

    def refresh(self) -> None:
        """Show how the recording stands; end it where it must not go on."""
        progress = self._recording.progress()
        if progress is None or self._recording.finishing:
            return
        if self._is_stopping:
            self._finish()
        elif progress.problem and not progress.active:
            self._stop()
        elif self._session.source is not self._source:
            self._stop("the source changed")
        else:
            remark = self._remark(progress)
            self.button.show_recording(
                progress.elapsed_s, progress.bytes_written, progress.bytes_free, remark
            )

    def close(self) -> None:
        """Stop what is recorded; safe to call twice."""
        if self.recording:
            self._stop("the window was closed")
            self._finish()

    def _hear(self, judged: Judged) -> None:
        """Record a result; called by the judging thread."""
        # The frame that was being judged while the source changed comes late.
        if judged.arrival.source is self._source:
            arrived_s = judged.arrival.arrived_s
            self._recording.add(judged.analysis, arrived_s, judged.angle, judged.faces)

    def _stop(self, why: str = "") -> None:
        """Take no more frames; what waits to be written must not keep the window waiting."""
        self._session.set_listener(None)
        if not self._is_stopping:
            self._is_stopping, self._why = True, why
            if not self._recording.stop_aside(why):
                self._say("Stopped; what was recorded is being written.")
        if not self._recording.finishing:
            self._finish()

    def _finish(self) -> None:
        """Say what became of the recording, once all is written."""
        if not self._is_stopping:
            return
        self._timer.stop()
        place, why = self._recording.folder, self._why
        record = self._recording.stop()
        self._source, self._is_stopping = None, False
        self.button.show_idle()
        if record is not None:
            reason = record.problem or (f"Stopped because {why}." if why else "")
            said = f"{reason} {_account(record)} in {place}"
            self._say(said.strip())

    def _remark(self, progress: RecordingProgress) -> str:
        """Return what should be known of the recording, empty if all is well."""
        frames = progress.counts.frames
        self._silent_ticks = 0 if frames != self._frames else self._silent_ticks + 1
        self._frames = frames
        if self._silent_ticks >= _SILENT_TICKS:
            return "no frames come in"
        lost = _lost(progress.counts)
        return f"{lost} lost" if lost else ""

    def _build_menu(self) -> None:
        menu = self._window.insert_menu("&Record")
        add_entry(self._window, menu, Command.RECORD, self.toggle)
        add_entry(self._window, menu, Command.MARK, self._mark)
        menu.addSeparator()
        levels, chosen = tuple(Privacy), self._settings.recording_level
        texts = {level: KEPT[level].capitalize() for level in levels}
        add_choice(menu.addMenu("&Keep"), levels, chosen, self._set_level, texts)
        menu.addAction("&Folder of the recordings…", self._choose_folder)

    def _set_level(self, level: Privacy) -> None:
        self._settings.recording_level = level
        self._describe()
        if self.recording:
            self._say(f"The next recording keeps {KEPT[level]}; this one goes on as it began.")

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self._window, "Folder of the recordings", str(self.folder)
        )
        if path:
            self._settings.recording_folder = Path(path)
            self._describe()

    def _mark(self) -> None:
        try:
            self._say(f"Marked at {self._recording.mark():.2f} s.")
        except FercoreError as error:
            self._say(str(error))

    def _describe(self) -> None:
        level = self._settings.recording_level
        self.button.setToolTip(
            f"Record {KEPT[level]} into {self.folder}, or stop ({Command.RECORD.key}). "
            f"{level.statement} The menu Record changes both."
        )

    def _say(self, text: str) -> None:
        self._window.status.show_message(text)


def documents_folder() -> Path:
    """Return the folder among the user's documents that recordings are written to."""
    documents = QStandardPaths.StandardLocation.DocumentsLocation
    return Path(QStandardPaths.writableLocation(documents)) / "fercore"


def _lost(counts: Counts) -> int:
    pictures = counts.dropped_colour + counts.dropped_depth
    return counts.dropped_rows + pictures + counts.dropped_events


def _account(record: RunRecord) -> str:
    counts, lost = record.counts, _lost(record.counts)
    parts = [f"Recorded {record.duration_s:.1f} s", f"{counts.frames} frames"]
    if counts.colour_pictures or counts.depth_maps:
        parts.append(f"{counts.colour_pictures} pictures, {counts.depth_maps} depth maps")
    return ", ".join([*parts, f"{counts.events} events", *([f"{lost} lost"] if lost else [])])
