"""The menu of sources: folders, files, the bundled sample, cameras."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.sources.choice import SAMPLE
from app.window.camera_panel import CAMERAS, FILE_KINDS
from app.window.widgets.menus import add_entry


class SourceMenu(QMenu):
    """Says which source the user wants."""

    chosen = Signal(str)  # as `--source` has it

    def __init__(self, window: QWidget) -> None:
        super().__init__("&Source", window)
        self._window = window
        add = partial(add_entry, window, self)
        add("&Open folder…", "Ctrl+O", self._choose_folder)
        add("Open &file…", "Ctrl+Shift+O", self._choose_file)
        add("&Bundled sample", "Ctrl+B", partial(self.chosen.emit, SAMPLE))
        self.addSeparator()
        for text, key, word in CAMERAS:
            add(text, key, partial(self.chosen.emit, word))
        self.addSeparator()

    def _choose_folder(self) -> None:
        title = "Open a folder of BU-3DFE or of pictures"
        path = QFileDialog.getExistingDirectory(self._window, title)
        if path:
            self.chosen.emit(path)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._window, "Open a file", filter=FILE_KINDS)
        if path:
            self.chosen.emit(path)
