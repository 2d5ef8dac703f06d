"""A study's folder, made from a study file where that lies elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.runtime.files import write_text_whole
from fercore.study.layout import STUDY_FILE
from fercore.study.study_file import read_study_file

if TYPE_CHECKING:
    from pathlib import Path


def study_folder(study: Path, output: Path | None) -> Path:
    """Return the folder to record into; it holds the study file from now on.

    `study` is a study file or the folder of one; without `output`, its own folder.

    Raises:
        FercoreError: the study file is unusable, the folder belongs to another study or
            cannot be written.
    """
    path = study / STUDY_FILE if study.is_dir() else study
    read_study_file(path)
    if output is None:
        if path.name != STUDY_FILE:
            raise FercoreError(
                f"{path} is not called {STUDY_FILE}; name a folder with --output FOLDER."
            )
        return path.parent
    try:
        _keep_copy(path.read_text(encoding="utf-8"), output / STUDY_FILE)
    except OSError as error:
        raise FercoreError(
            f"{output} cannot be written ({error.strerror}); choose another folder."
        ) from error
    return output


def _keep_copy(text: str, copy: Path) -> None:
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(copy, text)
    elif copy.read_text(encoding="utf-8") != text:
        raise FercoreError(
            f"{copy} is there already and differs; choose another folder for another study."
        )
