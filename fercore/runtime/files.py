"""Files that are there whole or not at all, and folders that one process uses at a time."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_FILE = ".lock"
"""What a folder's user holds. It stays when the user leaves: were it deleted while held, one
process could hold the deleted file and the next a new one of the same name."""


class InUseError(FercoreError):
    """Another process holds a lock; it has to end first."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of an unfinished file, which takes the place of `path` at the end.

    An error, a kill, a full disk or a power failure leaves the earlier content. Only one
    process may write a path at a time.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        yield unfinished
        with unfinished.open("r+b") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text_whole(path: Path, text: str) -> None:
    """Replace a file's content by a text, as `whole_file` does.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def sole_holder(lock_file: Path, taken: str) -> Iterator[None]:
    """Hold a lock file, which is made if needed; it is free again however the process ends.

    Raises:
        InUseError: another process holds it; the message is `taken`.
        OSError: it cannot be made.
    """
    lock = FileLock(lock_file, timeout=0, thread_local=False)  # whoever ends may be another thread
    try:
        lock.acquire()
    except Timeout:
        raise InUseError(taken) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Keep other processes of this kind out of a folder, which is made if needed.

    Raises:
        FercoreError: another process uses it, or it cannot be made.
    """
    taken = f"{folder} is in use by another process; wait for it."
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(sole_holder(folder / LOCK_FILE, taken))
        except OSError as error:
            raise FercoreError(
                f"{folder} cannot be used ({error.strerror}); choose another --output."
            ) from error
        yield
