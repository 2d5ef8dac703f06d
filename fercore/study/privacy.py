"""How much of a person a run keeps; the level is fixed in the study file."""

from __future__ import annotations

from enum import StrEnum


class Privacy(StrEnum):
    """What reaches the disk; the value is the word in study files and `session.json`."""

    DERIVED = "derived"
    DEPTH = "depth"
    BLURRED = "blurred"
    FULL = "full"

    @property
    def keeps_colour(self) -> bool:
        """Whether a colour video is written, with or without recognisable faces."""
        return self in (Privacy.BLURRED, Privacy.FULL)

    @property
    def keeps_depth(self) -> bool:
        """Whether depth maps are written; they show the shape of a face, so not when blurred."""
        return self in (Privacy.DEPTH, Privacy.FULL)

    @property
    def statement(self) -> str:
        """One sentence for the consent form and for `session.json`."""
        return _STATEMENTS[self]


_STATEMENTS = {
    Privacy.DERIVED: "No image is stored, only numbers computed from the images.",
    Privacy.DEPTH: "Depth maps, which show the shape of the face, are stored; no colour image is.",
    Privacy.BLURRED: (
        "Colour video is stored with every detected face pixelated, the whole picture where none "
        "is found; no depth map is."
    ),
    Privacy.FULL: "Colour video and depth maps are stored, and the person can be recognised.",
}
