"""Files that are there whole or not at all, and folders that one process uses at a time."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_text_whole(path: Path, text: str) -> None:
    """Replace a file's content; a kill or a full disk leaves the earlier content.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Keep other processes of this kind out of a folder, which is made if needed.

    Raises:
        FercoreError: another process uses it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("ab")
    except OSError as error:
        raise FercoreError(
            f"{folder} cannot be used ({error.strerror}); choose another --output."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FercoreError(f"{folder} is in use by another process; wait for it.") from error
        yield
