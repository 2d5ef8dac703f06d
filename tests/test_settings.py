from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QByteArray, QSettings

from app.start.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def stored(path: Path) -> QSettings:
    return QSettings(str(path), QSettings.Format.IniFormat)


def test_nothing_is_set_at_first(tmp_path: Path) -> None:
    settings = Settings(stored(tmp_path / "new.ini"))
    assert settings.geometry is None
    assert settings.source is None
    assert settings.theme == "system"
    assert settings.smoothness == "off"


def test_values_survive_a_restart(tmp_path: Path) -> None:
    settings = Settings(stored(tmp_path / "kept.ini"))
    settings.geometry = QByteArray(b"\x01\x02")
    settings.source = "/data/BU_3DFE"
    settings.theme = "dark"
    settings.smoothness = "strong"
    del settings
    again = Settings(stored(tmp_path / "kept.ini"))
    assert again.geometry == QByteArray(b"\x01\x02")
    assert again.source == "/data/BU_3DFE"
    assert again.theme == "dark"
    assert again.smoothness == "strong"


@pytest.mark.parametrize(
    "text",
    [
        "[window]\ntheme=plaid\ngeometry=17\n[source]\nlast=\n[view]\nsmoothing=17\n",
        "[window]\ntheme=@Variant(broken\ngeometry=@ByteArray(\n",
        "[window]\ntheme=1, 2, 3\n[source]\nlast=a, b\n",
        "\x00\xff garbage ]]] [[",
    ],
)
def test_damaged_values_count_as_never_set(tmp_path: Path, text: str) -> None:
    path = tmp_path / "damaged.ini"
    path.write_text(text, encoding="latin-1")
    settings = Settings(stored(path))
    assert settings.geometry is None or not settings.geometry.isEmpty()
    assert settings.source is None
    assert settings.theme == "system"
    assert settings.smoothness == "off"


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    settings = Settings(stored(tmp_path))
    settings.theme = "light"
    assert settings.source is None
