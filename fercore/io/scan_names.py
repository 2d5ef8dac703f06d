"""How BU-3DFE names its files, and how they are found in a folder tree."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.expressions import NEUTRAL, Expression, from_bu3dfe_code

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_KINDS = ("F3D.wrl", "F3D.bmp", "F3D.bnd", "F2D.bmp", "RAW.wrl", "RAW.pse")
"""The six files of a scan: mesh, its texture, its landmarks, picture, uncropped mesh, its pose."""

EXAMPLE_NAME = "F0001_AN01WH_F3D.wrl"

_NAME = re.compile(
    r"([FM]\d{4})_(NE00|(?:AN|DI|FE|HA|SA|SU)0[1-4])(AE|AM|BL|IN|LA|WH)"
    r"_(F2D|F3D|RAW)\.(bmp|png|jpe?g|gif|tiff?|webp|wrl|wrl\.gz|wrz|bnd|pse)",
    re.IGNORECASE | re.ASCII,
)


_SUFFIXES = {"wrl": "wrl", "wrl.gz": "wrl", "wrz": "wrl", "bnd": "bnd", "pse": "pse"}
"""How a kind of file is named in `FILE_KINDS`; any other suffix is that of a picture, and scripts
convert BU-3DFE's to all kinds of pictures."""


@dataclass(frozen=True, slots=True)
class ScanId:
    """Which scan: who shows what, and how strongly."""

    subject: str  # such as F0001; the first letter is the sex
    expression: Expression | None  # None: neutral
    level: int  # 1 to 4, from slight to full; 0 for neutral
    ancestry: str  # AE east-Asian, AM middle-east Asian, BL black, IN Indian, LA Latin, WH white

    @property
    def code(self) -> str:
        """Expression and level as file names give them, such as `AN01` and `NE00`."""
        letters = "NE" if self.expression is None else self.expression.bu3dfe_code
        return f"{letters}{self.level:02d}"

    @property
    def name(self) -> str:
        """What the names of the scan's files begin with, such as `F0001_AN01WH`."""
        return f"{self.subject}_{self.code}{self.ancestry}"

    @property
    def label(self) -> str:
        """The expression's name, or `neutral`."""
        return NEUTRAL if self.expression is None else self.expression.value

    def order(self) -> tuple[str, int, int, str]:
        """Return the key that sorts by subject, neutral first, then by the order of labels."""
        place = -1 if self.expression is None else self.expression.position
        return (self.subject, place, self.level, self.ancestry)


@dataclass(slots=True)
class FoundFiles:
    """The scan files below a root."""

    # by scan and folder: the file of each kind
    by_scan: dict[ScanId, dict[Path, dict[str, Path]]] = field(default_factory=dict)
    # names that differ only in case or in the kind of picture: the file that is used, the other
    twins: list[tuple[ScanId, Path, Path]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # sentences about what cannot be read

    def add(self, path: Path) -> None:
        """Sort in a file if it is named like a scan's."""
        parsed = parse_file_name(path.name)
        if parsed is None:
            return
        kinds = self.by_scan.setdefault(parsed[0], {}).setdefault(path.parent, {})
        if os.path.isdir(path):
            self.problems.append(f"{path} is a folder where a file is expected")
        elif parsed[1] in kinds:
            self.twins.append((parsed[0], kinds[parsed[1]], path))
        else:
            kinds[parsed[1]] = path


def parse_file_name(name: str) -> tuple[ScanId, str] | None:
    """Return the scan and the kind of file that a file name stands for, None for others."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    subject, code, ancestry, view, suffix = match.groups()
    kind = f"{view.upper()}.{_SUFFIXES.get(suffix.lower(), 'bmp')}"
    if kind not in FILE_KINDS:
        return None
    expression = from_bu3dfe_code(code[:2])
    return ScanId(subject.upper(), expression, int(code[2:]), ancestry.upper()), kind


def search(root: Path) -> FoundFiles:
    """Find the scan files in a folder and everything below it, symbolic links included."""
    found = FoundFiles()
    for folder, names in _walk(root, found.problems):
        for name in names:
            found.add(folder / name)
    return found


def _walk(root: Path, problems: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Yield every folder once with its sorted entries, folders among them."""

    def complain(reason: OSError) -> None:
        problems.append(f"{reason.filename} cannot be searched: {reason.strerror}")

    visited: set[str] = set()
    for folder, below, files in os.walk(root, onerror=complain, followlinks=True):
        visited.add(os.path.realpath(folder))
        yield Path(folder), sorted(below + files)
        # Links may lead back up; a folder that was seen already is not entered again.
        below[:] = sorted(
            name for name in below if os.path.realpath(os.path.join(folder, name)) not in visited
        )
