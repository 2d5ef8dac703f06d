from __future__ import annotations

import base64
import json
import os
import pickle
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QByteArray

from app.start.settings import Settings, settings_path
from fercore.study.study_file import Privacy

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_set_at_first(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "new.json")
    assert settings.geometry is None
    assert settings.source is None
    assert settings.theme == "system"
    assert settings.smoothness == "off"
    assert settings_path().suffix == ".json"


def test_values_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "c" / "kept.json"
    settings, beside = Settings(path), Settings(path)
    settings.geometry = QByteArray(b"\x01\x02")
    settings.source = "/data/BU_3DFE"
    beside.theme = "dark"  # another window at the same time
    settings.smoothness = "strong"
    again = Settings(path)
    assert again.geometry == QByteArray(b"\x01\x02")
    assert again.source == "/data/BU_3DFE"
    assert again.theme == "dark"
    assert again.smoothness == "strong"


class Harm:
    """What creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, ("harm",)


def wrapped() -> str:
    """Return a pickle as Qt's own settings file would hold it, which ran when it was read."""
    pickled = base64.b64encode(pickle.dumps(Harm())).decode()
    return f"[window]\ntheme=@Variant(PySide::PyObjectWrapper {pickled})\n"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"window/theme": "plaid", "window/geometry": 17, "source/last": ["a"]}),
        json.dumps({"window/geometry": "!!", "source/last": "", "view/smoothing": {"a": 1}}),
        json.dumps({"source/last": "a\0b", "window/theme": "x" * 100_000}),
        '{"window/theme": "@Variant(broken"',
        "[" * 100_000,
        "[1]",
        "",
        wrapped(),
        json.dumps({"window/theme": wrapped(), "window/geometry": wrapped()}),
        "\x00\xff garbage ]]] [[",
    ],
)
def test_damaged_values_count_as_never_set_and_run_nothing(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "damaged.json"
    path.write_text(text, encoding="latin-1")
    settings = Settings(path)
    assert settings.geometry is None
    assert settings.source is None
    assert settings.theme == "system"
    assert settings.smoothness == "off"
    settings.theme = "light"
    assert Settings(path).theme == "light"
    assert [entry.name for entry in tmp_path.iterdir()] == ["damaged.json"]


def test_a_file_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    settings = Settings(tmp_path)  # a folder
    settings.theme = "light"
    assert settings.source is None
    os.mkfifo(tmp_path / "fifo")
    assert Settings(tmp_path / "fifo").source is None  # and no waiting for a writer


def test_what_is_kept_and_where_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    settings = Settings(path)
    settings.recording_folder, settings.recording_level = tmp_path / "ä b", Privacy.BLURRED
    del settings
    again = Settings(path)
    assert again.recording_folder == tmp_path / "ä b"
    assert again.recording_level is Privacy.BLURRED


@pytest.mark.parametrize("text", ['"level": "everything"', '"level": 1, "recording/folder": [2]'])
def test_damaged_settings_keep_numbers_only(tmp_path: Path, text: str) -> None:
    path = tmp_path / "damaged.json"
    path.write_text(f'{{"recording/{text[1:]}}}', "utf-8")
    settings = Settings(path)
    assert settings.recording_level is Privacy.DERIVED and settings.recording_folder is None
