"""The folder of a study: what it is for, the notice that lies there, and that it has one study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from study_fixtures import write_study

from app.window.study.study_folder import study_folder
from fercore.cli import main
from fercore.errors import FercoreError
from fercore.study.study_file import read_study_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_study_asks_what_it_is_for(tmp_path: Path) -> None:
    path = write_study(tmp_path / "a") / "study.toml"
    text = "\n".join(line for line in path.read_text().splitlines() if "purpose" not in line)
    path.write_text(text)
    with pytest.raises(FercoreError, match="does not say what the study is for"):
        study_folder(path, None)
    assert path.read_text() == text
    asked = []
    study_folder(path, tmp_path / "out", lambda title: asked.append(title) or 'To see "why".\n')
    assert asked == ["Reading faces"] and path.read_text().endswith(text)
    assert read_study_file(tmp_path / "out" / "study.toml").purpose == 'To see "why".'
    notice = (tmp_path / "out" / "participant-notice.txt").read_text()
    assert 'To see "why".' in notice and "No image is stored" in notice and "Age in years" in notice
    (tmp_path / "out" / "participant-notice.txt").write_text("edited")
    study_folder(path, tmp_path / "out")
    assert main(["notice", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "participant-notice.txt").read_text() == "edited"


def test_a_study_that_began_without_purpose_goes_on(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "a")
    lines = (folder / "study.toml").read_text().splitlines()
    (folder / "study.toml").write_text("\n".join(x for x in lines if "purpose" not in x))
    (folder / "sub-01").mkdir()
    assert study_folder(folder, None) == folder
    assert not (folder / "participant-notice.txt").exists()
    assert main(["notice", str(folder)]) == 2


def test_a_folder_belongs_to_one_study(tmp_path: Path) -> None:
    study = write_study(tmp_path / "a") / "study.toml"
    other = write_study(tmp_path / "b", "full") / "study.toml"
    assert study_folder(study.parent, None) == study.parent
    for _ in range(2):
        assert study_folder(study, tmp_path / "out") == tmp_path / "out"
    assert (tmp_path / "out" / "study.toml").read_text() == study.read_text()
    with pytest.raises(FercoreError, match="differs; choose another folder"):
        study_folder(other, tmp_path / "out")
    renamed = study.rename(study.with_name("mine.toml"))
    with pytest.raises(FercoreError, match="name a folder with --output"):
        study_folder(renamed, None)
    with pytest.raises(FercoreError, match="does not exist"):
        study_folder(tmp_path / "nowhere.toml", None)
    with pytest.raises(FercoreError, match="cannot be written"):
        study_folder(renamed, renamed)
