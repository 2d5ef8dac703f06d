from pathlib import Path

import pytest

from fercore.errors import FercoreError
from fercore.runtime.files import sole_user, write_text_whole


def test_a_failed_write_leaves_the_earlier_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_text_whole(path, "first")

    def fail(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="No space"):
            write_text_whole(path, "second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_free_again_after_its_user(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    taken = pytest.raises(FercoreError, match="in use by another process")
    with sole_user(folder), taken, sole_user(folder):
        pass
    with sole_user(folder):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FercoreError, match="cannot be used"), sole_user(tmp_path / "file"):
        pass
