"""The menu of how things are shown, and which face is judged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QWidget

from app.start.settings import SMOOTHNESSES
from app.window.widgets.menus import add_choice, add_entry
from app.window.widgets.theme import ThemeMenu

if TYPE_CHECKING:
    from app.live.session import Session
    from app.start.settings import Settings
    from app.window.view_panel import ViewPanel


class ViewMenu(QMenu):
    """Changes the look of a window, and what of a session is looked at."""

    def __init__(
        self, window: QWidget, settings: Settings, panel: ViewPanel, session: Session
    ) -> None:
        super().__init__("&View", window)
        self._window, self._session = window, session
        themes = ThemeMenu(settings, window)
        add = partial(add_entry, window, self)
        add("&Switch dark and light", "Ctrl+D", themes.switch)
        self.addMenu(themes)
        smoothing = self.addMenu("S&moothing")
        add_choice(smoothing, SMOOTHNESSES, panel.smoothness, panel.set_smoothness)
        add("&Judge another face", "Ctrl+J", self._judge_another)
        add("This is my &resting face", "Ctrl+F", panel.toggle_resting)
        add("&Full screen", "F11", self._toggle_full_screen)

    def _judge_another(self) -> None:
        """Go through the faces in the order in which they were first seen."""
        judged = self._session.judged
        faces = sorted(judged.faces, key=lambda face: face.identity) if judged else []
        followed = next((n for n, face in enumerate(faces) if face.followed), -1)
        if len(faces) > 1:
            box = faces[(followed + 1) % len(faces)].box
            self._session.select_face((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)

    def _toggle_full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)
