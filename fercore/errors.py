"""The one kind of error that is meant for the user's eyes."""

from __future__ import annotations

import errno

_LONGEST = 900  # characters
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FercoreError(Exception):
    """Something the user can put right.

    The message is one complete sentence that names the file or device and says
    what to do. Commands print it without a traceback and exit with status 2. Whatever was
    quoted of a file, it is one line without control characters.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(_shortened(one_line(message)))


class MeshError(FercoreError):
    """A mesh file cannot be used; the message names the file and the reason."""


class CheckpointError(FercoreError):
    """A checkpoint is missing, damaged or does not fit; the message says which."""


class FaceModelError(FercoreError):
    """A face model cannot be read; the message names the file and the reason."""


class DatasetError(FercoreError):
    """A data set or cache is not what its path promised."""


def one_line(text: str) -> str:
    """Return a text that any terminal can show: escapes in place of what would steer it."""
    spaced = (" " if char.isspace() else char for char in text)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in spaced)


def _shortened(text: str) -> str:
    """Leave out the middle of what quotes too much of a file; cause and cure stand at the ends."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 250]} … {text[-200:]}"


def cure(error: Exception) -> str:
    """Return what to do about a file that cannot be written, such as "free some space"."""
    number = error.errno if isinstance(error, OSError) else None
    words = str(error)  # all that libraries other than Python's own tell
    if number in _GONE or "No such file" in words or "does not exist" in words:
        return "its folder is gone, put it back or begin anew in another"
    if number in _FORBIDDEN:
        return "make that folder writable"
    if number in _FULL or "No space" in words:
        return "free some space"
    return "check the disk and how much space is free"
