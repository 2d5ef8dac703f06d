import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from fercore.errors import FercoreError
from fercore.runtime.files import LOCK_FILE, sole_user, whole_file, write_text_whole


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


def test_a_writer_that_gives_up_leaves_the_earlier_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")
    with pytest.raises(ValueError, match="half way"), whole_file(path) as unfinished:
        unfinished.write_bytes(b"sec")
        raise ValueError("half way")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_reach_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there_when_synced = []
    monkeypatch.setattr("os.fsync", lambda _: there_when_synced.append((tmp_path / "f").exists()))
    write_text_whole(tmp_path / "f", "text")
    assert there_when_synced == [False]


def test_a_lock_is_the_same_file_for_whoever_comes_next(tmp_path: Path) -> None:
    """A deleted one could still be held while the next process holds a new one."""
    with sole_user(tmp_path):
        first = (tmp_path / LOCK_FILE).stat().st_ino
    with sole_user(tmp_path):
        assert (tmp_path / LOCK_FILE).stat().st_ino == first


def test_a_lock_may_be_left_in_another_thread(tmp_path: Path) -> None:
    held = ExitStack()
    held.enter_context(sole_user(tmp_path))
    leaving = threading.Thread(target=held.close)
    leaving.start()
    leaving.join()
    with sole_user(tmp_path):
        pass
