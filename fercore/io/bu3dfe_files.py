"""BU-3DFE's files: how they are named and found, landmarks (`.bnd`) and head poses (`.pse`)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import NEUTRAL, Expression, from_bu3dfe_code
from fercore.io.files import printable, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array

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
LANDMARK_COUNT = 83
LARGEST_COORDINATE_MM = 1e6
LARGEST_POSE_POINTS = 8

GROUPS = {
    "right eye": slice(0, 8),
    "left eye": slice(8, 16),
    "right brow": slice(16, 26),
    "left brow": slice(26, 36),
    "nose": slice(36, 48),
    "outer lips": slice(48, 60),
    "inner lips": slice(60, 68),
    "contour": slice(68, 83),
}
"""Rows of each part of the face; right and left are the subject's own.

Points that stand out, as rows: lip corners 48 and 54, lip midpoints 51 and 57, chin 75.
There is no tip of the nose.
"""

_SIDES = (("right eye", "left eye"), ("right brow", "left brow"))


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


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The 83 points of a `.bnd` file, in the frame of the F3D mesh."""

    points_mm: FloatArray  # (83, 3), x to the image's right, y up, z towards the camera
    vertices: Int32Array  # (83,), the mesh vertex at each point, counted from 0

    def group(self, name: str) -> FloatArray:
        """Return the points of a part of the face named in `GROUPS`, (N, 3), millimetres."""
        return self.points_mm[GROUPS[name]]


@dataclass(frozen=True, slots=True)
class HeadPose:
    """What a `.pse` file says about the head, in the frame of the RAW mesh."""

    normal: FloatArray  # (3,), unit length, where the face looks
    points_mm: FloatArray  # (N, 3), N at most 8


def read_bnd(path: Path) -> Landmarks:
    """Read the 83 landmarks of a scan: one line each, vertex number and x, y, z.

    Sources disagree on which eye comes first. The subject's right eye and brow lie
    towards negative x, the image's left; where the file has them the other way round,
    the two blocks change places. The order inside a block is the file's.

    Raises:
        DatasetError: unreadable, a wrong number of lines, or a line that is not four numbers.
    """
    path = Path(path)
    rows = [_bnd_row(path, number, parts) for number, parts in _lines(path)]
    if len(rows) != LANDMARK_COUNT:
        raise DatasetError(f"{path} has {len(rows)} landmarks, and {LANDMARK_COUNT} are expected")
    table = np.array(rows, dtype=np.float64)
    table = table[_own_right_first(table[:, 1])]
    return Landmarks(table[:, 1:].astype(np.float32), table[:, 0].astype(np.int32))


def read_pse(path: Path) -> HeadPose:
    """Read the head pose that goes with a RAW mesh.

    The layout is inferred, not documented: every line with three or more numbers counts
    and its last three numbers are taken, whatever words or indices stand before them;
    the first such line is the pose normal, the others are up to 8 points in millimetres.

    Raises:
        DatasetError: unreadable, no normal, more than 8 points, or a number that is not finite.
    """
    path = Path(path)
    rows = [row for _, parts in _lines(path) if (row := _last_three(parts)) is not None]
    if not 1 <= len(rows) <= 1 + LARGEST_POSE_POINTS:
        raise DatasetError(
            f"{path} has {len(rows)} lines of three numbers; "
            f"a normal and up to {LARGEST_POSE_POINTS} points are expected"
        )
    table = np.array(rows, dtype=np.float64)
    if not np.abs(table).max() <= LARGEST_COORDINATE_MM or not table[0].any():
        raise DatasetError(f"{path} is damaged: its numbers are no normal and points")
    normal = table[0] / np.linalg.norm(table[0])
    return HeadPose(normal.astype(np.float32), table[1:].astype(np.float32))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that are not blank, with their numbers from 1, split at white space."""
    text = read_bytes(path, DatasetError).decode("utf-8-sig", "replace")
    split = ((number, line.split()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, parts) for number, parts in split if parts]


def _bnd_row(path: Path, number: int, parts: list[str]) -> tuple[float, ...]:
    found = printable(" ".join(parts), 60)
    if "," in found:
        parts = _without_commas(path, number, parts)
    wrong = DatasetError(
        f"{path}, line {number}, must be a vertex number and x, y, z, not `{found}`"
    )
    if len(parts) != 4:
        raise wrong
    try:
        row = (int(parts[0]), *(float(part) for part in parts[1:]))
    except ValueError as reason:
        raise wrong from reason
    if not 0 <= row[0] < 2**31 or not np.abs(row[1:]).max() <= LARGEST_COORDINATE_MM:
        raise wrong
    return row


def _without_commas(path: Path, number: int, parts: list[str]) -> list[str]:
    """Return the numbers of a line that separates them by commas."""
    text = " ".join(parts)
    if len(parts) == 4 and "." not in text and not text.endswith(","):
        raise DatasetError(
            f"{path}, line {number}, has decimal commas; write it again with decimal points"
        )
    return text.replace(",", " ").split()


def _last_three(parts: list[str]) -> list[float] | None:
    numbers = [value for part in parts if (value := _number(part)) is not None]
    return numbers[-3:] if len(numbers) >= 3 else None


def _number(part: str) -> float | None:
    try:
        return float(part.strip(",;()[]"))
    except ValueError:
        return None


def _own_right_first(x_mm: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the order of rows, (83,), that puts the subject's right side first."""
    rows = np.arange(LANDMARK_COUNT)
    order = rows.copy()
    for first, second in _SIDES:
        if x_mm[GROUPS[first]].mean() > x_mm[GROUPS[second]].mean():
            order[GROUPS[first]], order[GROUPS[second]] = rows[GROUPS[second]], rows[GROUPS[first]]
    return order
