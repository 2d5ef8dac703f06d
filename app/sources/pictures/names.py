"""What the names of pictures and TUM's lists say: colour or depth, and which frame it is.

Tools write `0001_rgb.png`, `color_0001.png`, `frame-000001.depth.png`, `rgb/0001.png`,
`sync_depth_0001.png` and more. All are a few words of a kind, and numbers that tell the frame.
TUM's RGB-D data sets, and everything recorded in their manner, bring lists:

    associations.txt          STAMP rgb/NAME.png STAMP depth/NAME.png, one pair a line
    rgb.txt, depth.txt        STAMP NAME, one picture a line; the nearest stamps belong together

Stamps are seconds; lines that begin with `#` are remarks. Depth counts 5000 units a metre.

Source: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from fercore.errors import DatasetError
from fercore.io.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORD_OR_NUMBER = re.compile(r"\d+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])", re.ASCII)
_STAMP = re.compile(r"\d+\.\d+|\d{10,}", re.ASCII)  # seconds or milliseconds, or counts of less

_DEPTH = frozenset({"depth", "depths", "depthmap", "depthmaps"})
_COLOUR = frozenset({"rgb", "color", "colour", "colors", "colours", "image", "images", "img"})
_OTHER = frozenset({
    "ir", "infrared", "mask", "masks", "label", "labels", "normal", "normals", "confidence",
    "conf", "disparity", "metadata", "preview",
})  # fmt: skip
_ALIGNED = frozenset({"aligned", "registered", "rectified"})
_COLOURED = frozenset({"vis", "viz", "visualized", "colorized", "colourised", "jet", "preview"})
_NO_MATTER = frozenset({"frame", "frames", "raw", "sync", "to", "map", "maps", "data"})
TUM_UNIT_M = 1 / 5000
_ASSOCIATIONS = "assoc*.txt"
_LISTS = ("rgb.txt", "color.txt", "colour.txt", "depth.txt")


class Role(Enum):
    """What a file or folder holds, by its name."""

    COLOUR = "colour"
    DEPTH = "depth"
    OTHER = "other"
    UNSAID = "unsaid"


def role_of(name: str) -> Role:
    """Return what a name without suffix says that it holds."""
    words = {word.lower() for word in _WORD_OR_NUMBER.findall(name)}
    if words & _DEPTH:
        return Role.OTHER if words & (_OTHER | _COLOURED) else Role.DEPTH
    if words & _OTHER:
        return Role.OTHER
    return Role.COLOUR if words & _COLOUR else Role.UNSAID


def is_aligned(name: str) -> bool:
    """Tell whether a folder's name promises depth as the colour camera sees it."""
    return any(word.lower() in _ALIGNED for word in _WORD_OR_NUMBER.findall(name))


def frame_key(stem: str) -> tuple[str, ...]:
    """Return what the names of all pictures of one frame have in common, and no others."""
    said = _DEPTH | _COLOUR | _ALIGNED | _NO_MATTER
    parts = (part.lower() for part in _WORD_OR_NUMBER.findall(stem))
    return tuple(
        (part.lstrip("0") or "0") if part.isdecimal() else part
        for part in parts
        if part not in said
    )


def numbers_of(stem: str) -> tuple[str, ...]:
    """Return the numbers in a name, without leading zeros."""
    return tuple(part for part in frame_key(stem) if part.isdecimal())


def last_number_of(stem: str) -> tuple[str, ...]:
    """Return the last number in a name, which counts the frames where others do not."""
    return numbers_of(stem)[-1:]


def stamp_of(stem: str) -> float | None:
    """Return the time that a name tells, in whatever unit; None where it tells none."""
    found = _STAMP.findall(stem)
    return float(found[-1]) if found else None


def has_tum_lists(folder: Path) -> bool:
    """Tell whether a folder is laid out as TUM's data sets are."""
    names = {path.name.lower() for path in folder.glob("*.txt")}
    return "depth.txt" in names or any(folder.glob(_ASSOCIATIONS))


def tum_pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the two files of each pair of the first list of pairs, in the list's order."""
    for path in sorted(folder.glob(_ASSOCIATIONS))[:1]:
        for words in _lines(path):
            if len(words) >= 4:
                yield folder / words[1], folder / words[3]


def tum_stamps(folder: Path) -> dict[Path, float]:
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
