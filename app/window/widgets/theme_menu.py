"""The choice between light, dark and the desktop's own look, kept in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from app.start.settings import THEMES
from app.window.widgets.menus import add_choice
from app.window.widgets.theme import apply_theme, is_dark

if TYPE_CHECKING:
    from app.start.settings import Settings, Theme


class ThemeMenu(QMenu):
    """Gives the whole application the look that is chosen in it, and follows the desktop."""

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__("&Theme", parent)
        self._settings = settings
        self._group = add_choice(self, THEMES, settings.theme, self.choose)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._apply)

    def choose(self, theme: Theme) -> None:
        """Use a look from now on, and after the next start."""
        self._settings.theme = theme
        for action in self._group.actions():
            action.setChecked(action.data() == theme)
        self._apply()

    def switch(self) -> None:
        """Change between dark and light."""
        self.choose("light" if is_dark(self) else "dark")

    def _apply(self) -> None:
        apply_theme(cast("QApplication", QApplication.instance()), self._settings.theme)
