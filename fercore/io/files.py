"""Finding files in trees, in people's order, and reading whole ones; failures are one sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fercore.errors import FercoreError

_NUMBER = re.compile(r"(\d+)", re.ASCII)
LARGEST_BYTES = 256 * 2**20
"""Larger files are refused unread; a scan's mesh has a few megabytes."""

SHOWN_BYTES = 16
"""How much of a file's beginning an error message quotes."""

SHOWN_CHARACTERS = 200
"""How much of a library's own complaint an error message quotes."""


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return the key that sorts names by their words and numbers.

    Names that differ only in case or in leading zeros keep an order of their own.
    """
    parts = _NUMBER.split(name.casefold())
    return tuple(_part(part) for part in parts if part), name


def _part(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)


def read_bytes(path: Path, error: type[FercoreError]) -> bytes:
    """Return the whole content of a file.

    Raises:
        FercoreError: of the type `error`, when the file is missing, not a regular file,
            unreadable, empty, or larger than `LARGEST_BYTES`.
    """
    if os.path.isdir(path):
        raise error(f"{path} is a folder where a file is expected")
    try:
        # Opening a pipe or a device would block or never end, so look before reading.
        if path.exists() and not path.is_file():
            raise error(f"{path} is not a regular file")
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST_BYTES:
                raise error(f"{path} is larger than {LARGEST_BYTES // 2**20} MiB, unlike any scan")
            content = file.read()
    except OSError as reason:
        raise error(f"{path} cannot be read: {reason.strerror or reason}") from reason
    if not content:
        raise error(f"{path} is empty")
    return content


def printable(text: str, most: int) -> str:
    """Return the beginning of a piece of a file as a message may show it: no control characters."""
    cut = text[:most]
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


def beginning(content: bytes) -> str:
    """Return the first bytes in the form in which an error message shows them."""
    return repr(content[:SHOWN_BYTES])


def one_line(reason: Exception) -> str:
    """Return what a library says of a damaged file, fit for a sentence: short, printable."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[
        :SHOWN_CHARACTERS
    ]


def files_below(root: Path, problems: list[str]) -> Iterator[Path]:
    """Yield the files in a folder and below it, sorted within each folder.

    A sentence for each folder that cannot be searched is added to `problems`.
    """

    def complain(reason: OSError) -> None:
        problems.append(f"{reason.filename} cannot be searched: {reason.strerror}")

    visited: set[str] = set()
    for folder, below, names in os.walk(root, onerror=complain, followlinks=True):
        visited.add(os.path.realpath(folder))
        for name in sorted(names):
            yield Path(folder, name)
        # Links may lead back up; a folder that was seen already is not entered again.
        below[:] = sorted(
            name for name in below if os.path.realpath(os.path.join(folder, name)) not in visited
        )


def files_beside(path: Path) -> Iterator[Path]:
    """Yield the files of a file's folder that share its name up to the suffix, sorted."""
    for entry in sorted(path.parent.iterdir()):
        if entry.stem.lower() == path.stem.lower() and entry.is_file():
            yield entry
