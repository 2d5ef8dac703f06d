"""What the window remembers between starts; it can never keep the window from starting.

A file of plain JSON values, never of objects of a toolkit: reading those back can run code.
Whatever is missing, of the wrong type or damaged counts as never set.
"""

from __future__ import annotations

import binascii
import contextlib
import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Literal, get_args

import platformdirs
from PySide6.QtCore import QByteArray

from fercore.runtime.files import write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.study.study_file import Privacy

Theme = Literal["system", "light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)
Smoothness = Literal["off", "light", "strong"]
SMOOTHNESSES: tuple[Smoothness, ...] = get_args(Smoothness)
_MAX_BYTES, _MAX_TEXT = 65_536, 4096


def settings_path() -> Path:
    """Return the user's settings file, whether or not it exists."""
    return Path(platformdirs.user_config_dir("fercore", appauthor=False)) / "rgbd-fer.json"


class Settings:
    """Typed access to a settings file, by default the user's."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or settings_path()
        self._values = _read_texts(self._path)

    @property
    def geometry(self) -> QByteArray | None:
        """Size and place of the window, as Qt packs them."""
        try:
            packed = b64decode(self._values.get("window/geometry", ""), validate=True)
        except (binascii.Error, ValueError):
            return None
        return QByteArray(packed) if packed else None

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._keep("window/geometry", b64encode(value.data()).decode())

    @property
    def source(self) -> str | None:
        """The last source: a word such as `sample` or `realsense:SERIAL`, or a path."""
        return self._values.get("source/last") or None

    @source.setter
    def source(self, value: str) -> None:
        self._keep("source/last", value)

    @property
    def theme(self) -> Theme:
        """Dark, light, or as the desktop has it."""
        value = self._values.get("window/theme")
        return next((theme for theme in THEMES if theme == value), "system")

    @theme.setter
    def theme(self, value: Theme) -> None:
        self._keep("window/theme", value)

    @property
    def smoothness(self) -> Smoothness:
        """How calm the shown verdicts are; what is recorded is never smoothed."""
        value = self._values.get("view/smoothing")
        return next((known for known in SMOOTHNESSES if known == value), "off")

    @smoothness.setter
    def smoothness(self, value: Smoothness) -> None:
        self._keep("view/smoothing", value)

    @property
    def recording_folder(self) -> Path | None:
        """Where quick recordings go, None while the user has not chosen."""
        value = self._values.get("recording/folder")
        return Path(value) if value else None

    @recording_folder.setter
    def recording_folder(self, value: Path) -> None:
        self._keep("recording/folder", str(value))

    @property
    def recording_level(self) -> Privacy:
        """How much of a person a quick recording keeps; numbers only until somebody asks."""
        value = self._values.get("recording/level")
        return next((level for level in Privacy if level == value), Privacy.DERIVED)

    @recording_level.setter
    def recording_level(self, value: Privacy) -> None:
        self._keep("recording/level", value.value)

    def _keep(self, key: str, value: str) -> None:
        """Write one value; what another window has written in between stays."""
        self._values = {**self._values, key: value}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({**_read_texts(self._path), key: value}, indent=2)
            write_text_whole(self._path, text + "\n")


def _read_texts(path: Path) -> dict[str, str]:
    """Return the entries whose values are texts of a length that makes sense."""
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return {}
        content = parsed_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {
        key: value
        for key, value in entries
        if isinstance(value, str) and len(value) <= _MAX_TEXT and "\0" not in value
    }
