"""The lists that TUM's RGB-D data sets bring, and everything recorded in their manner.

    associations.txt          STAMP rgb/NAME.png STAMP depth/NAME.png, one pair a line
    rgb.txt, depth.txt        STAMP NAME, one picture a line; the nearest stamps belong together

Stamps are seconds; lines that begin with `#` are remarks. Depth counts 5000 units a metre.

Source: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.errors import DatasetError
from fercore.io.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNIT_M = 1 / 5000
_ASSOCIATIONS = "assoc*.txt"
_LISTS = ("rgb.txt", "color.txt", "colour.txt", "depth.txt")


def has_lists(folder: Path) -> bool:
    """Tell whether a folder is laid out as TUM's data sets are."""
    names = {path.name.lower() for path in folder.glob("*.txt")}
    return "depth.txt" in names or any(folder.glob(_ASSOCIATIONS))


def associations(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the two files of each pair of the first list of pairs, in the list's order."""
    for path in sorted(folder.glob(_ASSOCIATIONS))[:1]:
        for words in _lines(path):
            if len(words) >= 4:
                yield folder / words[1], folder / words[3]


def stamps(folder: Path) -> dict[Path, float]:
    """Return the stamps of all pictures that lists of one kind of picture name."""
    found: dict[Path, float] = {}
    for path in sorted(folder.glob("*.txt")):
        if path.name.lower() in _LISTS:
            for words in _lines(path):
                if len(words) >= 2 and (stamp_s := _number(words[0])) is not None:
                    found[folder / words[1]] = stamp_s
    return found


def _lines(path: Path) -> Iterator[list[str]]:
    try:
        text = read_bytes(path, DatasetError).decode("utf-8", "replace")
    except DatasetError:
        return
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield line.replace(",", " ").split()


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
