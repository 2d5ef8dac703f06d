"""What the window remembers between starts; it can never keep the window from starting.

Whatever is missing, of the wrong type or damaged counts as never set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

from PySide6.QtCore import QByteArray, QSettings

from fercore.study.privacy import Privacy

Theme = Literal["system", "light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)
Smoothness = Literal["off", "light", "strong"]
SMOOTHNESSES: tuple[Smoothness, ...] = get_args(Smoothness)


class Settings:
    """Typed access to the user's settings file."""

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store or QSettings("fercore", "rgbd-fer")

    @property
    def geometry(self) -> QByteArray | None:
        """Size and place of the window, as Qt packs them."""
        value = self._read("window/geometry")
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("window/geometry", value)

    @property
    def source(self) -> str | None:
        """The last source: a word such as `sample` or `realsense:SERIAL`, or a path."""
        value = self._read("source/last")
        return value if isinstance(value, str) and value else None

    @source.setter
    def source(self, value: str) -> None:
        self._store.setValue("source/last", value)

    @property
    def theme(self) -> Theme:
        """Dark, light, or as the desktop has it."""
        value = self._read("window/theme")
        return next((theme for theme in THEMES if theme == value), "system")

    @theme.setter
    def theme(self, value: Theme) -> None:
        self._store.setValue("window/theme", value)

    @property
    def smoothness(self) -> Smoothness:
        """How calm the shown verdicts are; what is recorded is never smoothed."""
        value = self._read("view/smoothing")
        return next((known for known in SMOOTHNESSES if known == value), "off")

    @smoothness.setter
    def smoothness(self, value: Smoothness) -> None:
        self._store.setValue("view/smoothing", value)

    @property
    def recording_folder(self) -> Path | None:
        """Where quick recordings go, None while the user has not chosen."""
        value = self._read("recording/folder")
        return Path(value) if isinstance(value, str) and value else None

    @recording_folder.setter
    def recording_folder(self, value: Path) -> None:
        self._store.setValue("recording/folder", str(value))

    @property
    def recording_level(self) -> Privacy:
        """How much of a person a quick recording keeps; numbers only until somebody asks."""
        value = self._read("recording/level")
        return next((level for level in Privacy if level == value), Privacy.DERIVED)

    @recording_level.setter
    def recording_level(self, value: Privacy) -> None:
        self._store.setValue("recording/level", value.value)

    def _read(self, key: str) -> object:
        # A damaged file makes QSettings raise from within its own decoding.
        try:
            return cast("object", self._store.value(key))
        except (EOFError, RuntimeError, TypeError, ValueError):
            return None
