"""The menus of sources and of how things are shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from app.sources.choice import SAMPLE
from app.start.settings import SMOOTHNESSES
from app.window.view_panel import CAMERAS, FILE_KINDS
from app.window.widgets.menus import Command, add_choice, add_entry
from app.window.widgets.theme import ThemeMenu

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.start.settings import Settings
    from app.window.view_panel import ViewPanel


class SourceMenu(QMenu):
    """Says which source the user wants."""

    chosen = Signal(str)  # as `--source` has it

    def __init__(self, window: QWidget) -> None:
        super().__init__("&Source", window)
        self._window = window
        add = partial(add_entry, window, self)
        add(Command.OPEN_FOLDER, self._choose_folder)
        add(Command.OPEN_FILE, self._choose_file)
        add(Command.SAMPLE, partial(self.chosen.emit, SAMPLE))
        self.addSeparator()
        for command, word in CAMERAS:
            add(command, partial(self.chosen.emit, word))
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


class ViewMenu(QMenu):
    """Changes the look of a window, and which face is judged.

    `select_face` takes a pixel of the face to judge from now on, `present` goes on the stage.
    """

    def __init__(
        self,
        window: QWidget,
        settings: Settings,
        panel: ViewPanel,
        select_face: Callable[[float, float], None],
        present: Callable[[], None],
    ) -> None:
        super().__init__("&View", window)
        self._window, self._panel, self._select_face = window, panel, select_face
        themes = ThemeMenu(settings, window)
        add = partial(add_entry, window, self)
        add(Command.SWITCH_THEME, themes.switch)
        self.addMenu(themes)
        smoothing = self.addMenu("S&moothing")
        add_choice(smoothing, SMOOTHNESSES, panel.smoothness, panel.set_smoothness)
        add(Command.JUDGE_ANOTHER, self._judge_another)
        add(Command.RESTING_FACE, panel.toggle_resting)
        add(Command.FULL_SCREEN, self._toggle_full_screen)
        add(Command.PRESENTATION, present)

    def _judge_another(self) -> None:
        """Go through the faces in the order in which they were first seen."""
        judged = self._panel.judged
        faces = sorted(judged.faces, key=lambda face: face.identity) if judged else []
        followed = next((n for n, face in enumerate(faces) if face.followed), -1)
        if len(faces) > 1:
            box = faces[(followed + 1) % len(faces)].box
            self._select_face((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)

    def _toggle_full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)
