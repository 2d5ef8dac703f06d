"""Walking a folder tree: every file once, links included, and what could not be entered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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
