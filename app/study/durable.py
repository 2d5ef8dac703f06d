"""A file that only grows and whose bytes reach the disk at least once a second."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DurableFile:
    """What writers write into; also serves PyAV as a file object.

    After a first failure every further write fails too, so that nothing is written
    behind a gap.

    Raises:
        OSError: it cannot be made; an existing file is never replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Not O_APPEND: Matroska fills in its length and index when it is closed.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self.failure: OSError | None = None  # the first one
        self._dirty = False
        self._closed = False
        self.size = 0  # bytes

    def write(self, data: bytes) -> int:
        """Write all of `data` at the present place, past any buffer of the process.

        Raises:
            OSError: the disk is full or failed; nothing more can be written.
        """
        if self.failure is not None:
            raise self.failure
        try:
            self._write_all(data)
        except OSError as error:
            self.failure = error
            raise
        self._dirty = True
        self.size = max(self.size, self.tell())
        return len(data)

    def append_whole(self, data: bytes) -> None:
        """Write `data` at the end, whole or not at all.

        Raises:
            OSError: the disk is full or failed; what was there before is untouched.
        """
        complete = self.size
        try:
            self.write(data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, complete)
            raise

    def sync(self) -> None:
        """Have the system put on the disk what was written since the last time.

        Raises:
            OSError: it cannot.
        """
        if self._dirty and not self._closed:
            self._dirty = False
            os.fsync(self._descriptor)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; return it."""
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """Return the present place."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def close(self) -> None:
        """Close; safe to call twice."""
        if not self._closed:
            with contextlib.suppress(OSError):
                self.sync()
            self._closed = True
            os.close(self._descriptor)

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while len(rest):
            written = os.write(self._descriptor, rest)
            if written == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[written:]
