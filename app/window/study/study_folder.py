"""A study's folder, made from a study file where that lies elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fercore.cli.notice import keep_notice
from fercore.errors import FercoreError
from fercore.runtime.files import write_text_whole
from fercore.study.layout import STUDY_FILE
from fercore.study.study_file import read_study_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fercore.study.study_file import Study


def study_folder(
    study: Path, output: Path | None, ask: Callable[[str], str] = lambda _title: ""
) -> Path:
    """Return the folder to record into; it holds study file and participants' notice from now on.

    `study` is a study file or the folder of one; without `output`, its own folder. `ask` is given
    the title of a new study whose file does not say what it is for, and returns its purpose,
    which is written into the study file; empty: it is not answered.

    Raises:
        FercoreError: the study file is unusable or without purpose, the folder belongs to
            another study or cannot be written.
    """
    path = study / STUDY_FILE if study.is_dir() else study
    found = read_study_file(path)
    if output is None and path.name != STUDY_FILE:
        raise FercoreError(
            f"{path} is not called {STUDY_FILE}; name a folder with --output FOLDER."
        )
    folder = output or path.parent
    try:
        if not found.purpose and not _has_begun(folder):
            found = _with_purpose(path, ask(found.title))
        if output is not None:
            _keep_copy(path.read_text(encoding="utf-8"), output / STUDY_FILE)
    except OSError as error:
        raise FercoreError(
            f"{folder} cannot be written ({error.strerror}); choose another folder."
        ) from error
    if found.purpose:
        keep_notice(folder, found)
    return folder


def _has_begun(folder: Path) -> bool:
    """Tell whether participants are there: a study that began without purpose goes on."""
    return any(folder.glob("sub-*"))


def _with_purpose(path: Path, purpose: str) -> Study:
    """Write what a study is for into its file."""
    if not purpose.strip():
        raise FercoreError(
            f'{path} does not say what the study is for; add a line purpose = "…" at its top: '
            "participants are to be told (docs/user-studies.md)."
        )
    # What JSON writes as a text is one in TOML too; at the top no table has begun.
    line = f"purpose = {json.dumps(purpose.strip(), ensure_ascii=False)}\n"
    write_text_whole(path, line + path.read_text(encoding="utf-8"))
    return read_study_file(path)


def _keep_copy(text: str, copy: Path) -> None:
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(copy, text)
    elif copy.read_text(encoding="utf-8") != text:
        raise FercoreError(
            f"{copy} is there already and differs; choose another folder for another study."
        )
