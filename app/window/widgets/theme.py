"""The window's two looks, and the choice between them; `system` follows the desktop."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QMenu, QProxyStyle, QStyle, QStyleOption, QWidget

from app.start.settings import THEMES
from app.window.widgets.menus import add_choice

if TYPE_CHECKING:
    from app.start.settings import Settings, Theme

_Role = QPalette.ColorRole

_LIGHT = {
    _Role.Window: "#F3F4F6",
    _Role.WindowText: "#1C1F24",
    _Role.Base: "#FFFFFF",
    _Role.AlternateBase: "#E9EBEF",
    _Role.Text: "#1C1F24",
    _Role.Button: "#FBFBFC",
    _Role.ButtonText: "#1C1F24",
    _Role.Light: "#FFFFFF",
    _Role.Midlight: "#E4E7EC",
    _Role.Mid: "#C4C8D0",
    _Role.Dark: "#9AA0AB",
    _Role.PlaceholderText: "#5F6671",
    _Role.ToolTipBase: "#FFFFFF",
    _Role.ToolTipText: "#1C1F24",
    _Role.Highlight: "#0B62B8",
    _Role.HighlightedText: "#FFFFFF",
}
_DARK = {
    _Role.Window: "#1A1D22",
    _Role.WindowText: "#E8EAEE",
    _Role.Base: "#121418",
    _Role.AlternateBase: "#23272E",
    _Role.Text: "#E8EAEE",
    _Role.Button: "#272B33",
    _Role.ButtonText: "#E8EAEE",
    _Role.Light: "#343A44",
    _Role.Midlight: "#2C313A",
    _Role.Mid: "#3C424D",
    _Role.Dark: "#0C0E11",
    _Role.PlaceholderText: "#A0A7B4",
    _Role.ToolTipBase: "#272B33",
    _Role.ToolTipText: "#E8EAEE",
    _Role.Highlight: "#4C9BE8",
    _Role.HighlightedText: "#0C0E11",
}


_SCHEMES: dict[Theme, Qt.ColorScheme] = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}


class EvenFusion(QProxyStyle):
    """Qt's Fusion, with check boxes that are seen on dark ground too."""

    def __init__(self) -> None:
        super().__init__("Fusion")

    def drawPrimitive(
        self,
        element: QStyle.PrimitiveElement,
        option: QStyleOption,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        """Draw as Fusion does, whose borders are darker than any ground."""
        super().drawPrimitive(element, option, painter, widget)
        if element is QStyle.PrimitiveElement.PE_IndicatorCheckBox:
            painter.save()
            painter.setPen(option.palette.color(_Role.PlaceholderText))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
            painter.restore()


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Give the whole application a look, and the window's frame too where the desktop can."""
    application.styleHints().setColorScheme(_SCHEMES[theme])
    application.setPalette(_palette(_wants_dark(application, theme)))


def is_dark(widget: QWidget) -> bool:
    """Return whether a widget is drawn on a dark ground."""
    return widget.palette().color(_Role.Window).lightness() < 128


def muted(widget: QWidget) -> QColor:
    """Return the colour of a widget's less important text."""
    return widget.palette().color(_Role.PlaceholderText)


def _wants_dark(application: QApplication, theme: Theme) -> bool:
    if theme == "system":
        return application.styleHints().colorScheme() is Qt.ColorScheme.Dark
    return theme == "dark"


def _palette(dark: bool) -> QPalette:
    palette = QPalette()
    for role, colour in (_DARK if dark else _LIGHT).items():
        palette.setColor(role, QColor(colour))
    faded = palette.color(_Role.PlaceholderText)
    for role in (_Role.WindowText, _Role.Text, _Role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faded)
    return palette


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
