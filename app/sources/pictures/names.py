"""What the names of pictures say: colour or depth or neither, and which frame of a recording.

Tools write `0001_rgb.png`, `color_0001.png`, `frame-000001.depth.png`, `rgb/0001.png`,
`sync_depth_0001.png` and more. All are a few words of a kind, and numbers that tell the frame.
"""

from __future__ import annotations

import re
from enum import Enum

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
