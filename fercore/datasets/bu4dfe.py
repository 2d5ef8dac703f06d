"""BU-4DFE on disk: sequences of textured meshes, `F001/Angry/000.wrl` with `000.jpg`.

A sequence runs from neutral over the apex of one expression back to neutral, and nothing
on disk says where the apex is. So all its frames carry the sequence's expression, none has
a level, and **by convention the middle frame is taken as the apex**: `apex_frames` keeps
the frames nearest to it.

Any folder tree will do, and so will one subject's folder, one sequence's or one frame's
file: frames are known by the names of the file and the two folders above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.datasets import dataset
from fercore.datasets.dataset import NotThisDatasetError, Sample, expression_named
from fercore.datasets.textured_scans import TexturedScan, TexturedScans, files_at, modalities
from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fercore.expressions import Expression

EXAMPLE_NAME = "F001/Angry/000.wrl"
_SUBJECT = re.compile(r"[FM]\d{3}", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"\d{1,4}", re.ASCII)
_MESH, _PICTURES = ".wrl", (".jpg", ".jpeg")


@dataclass(frozen=True, slots=True, order=True)
class SequenceId:
    """Who shows which expression."""

    subject: str  # such as F001; the first letter is the sex
    position: int  # of the expression in EXPRESSIONS

    @property
    def expression(self) -> Expression:
        """The expression that the sequence rises to."""
        return EXPRESSIONS[self.position]

    @property
    def name(self) -> str:
        """Such as `F001_anger`."""
        return f"{self.subject}_{self.expression.value}"


@dataclass(frozen=True, slots=True)
class Sequence:
    """The frames of one sequence that there are, in order."""

    id: SequenceId
    frames: tuple[TexturedScan, ...]

    def around_apex(self, count: int) -> tuple[TexturedScan, ...]:
        """Return the `count` frames nearest to the middle one, which is taken as the apex."""
        first = max(0, (len(self.frames) - count) // 2)
        return self.frames[first : first + count]


class Bu4dfe(TexturedScans):
    """The frames of a folder tree, or of a part of it.

    `apex_frames` keeps so many of each sequence, those nearest to its middle; None keeps all.

    Raises:
        NotThisDatasetError: the path holds no frame.
        DatasetError: it does not exist.
    """

    def __init__(self, root: Path | str, apex_frames: int | None = None) -> None:
        problems: list[str] = []
        found = _find(files_at(Path(root), "BU-4DFE", problems), problems)
        if not found:
            raise NotThisDatasetError(_nothing_found(Path(root), problems))
        self._sequences = tuple(_sequence(id_, found[id_], problems) for id_ in sorted(found))
        frames = [
            frame
            for sequence in self._sequences
            for frame in sequence.around_apex(apex_frames or len(sequence.frames))
        ]
        super().__init__(Path(root), dataset.BU4DFE, frames, problems)

    def sequences(self) -> list[Sequence]:
        """Return all sequences with all their frames, sorted by subject and expression."""
        return list(self._sequences)


def parse_path(path: Path) -> tuple[SequenceId, int] | None:
    """Return the sequence and the frame's number that a file's path stands for, None for others."""
    if len(path.parts) < 3 or not _SUBJECT.fullmatch(path.parts[-3]):
        return None
    if not _NUMBER.fullmatch(path.stem) or path.suffix.lower() not in (_MESH, *_PICTURES):
        return None
    try:
        expression = expression_named(path.parts[-2])
    except ValueError:
        return None
    if expression is None:
        return None
    return SequenceId(path.parts[-3].upper(), expression.position), int(path.stem)


_Folders = dict[Path, dict[int, dict[str, Path]]]
"""By folder and frame: the file of each suffix."""


def _find(paths: Iterable[Path], problems: list[str]) -> dict[SequenceId, _Folders]:
    found: dict[SequenceId, _Folders] = {}
    for path in paths:
        parsed = parse_path(path)
        if parsed is not None:
            numbers = found.setdefault(parsed[0], {}).setdefault(path.parent, {})
            numbers.setdefault(parsed[1], {}).setdefault(path.suffix.lower(), path)
    for folders in found.values():
        _report_lone_pictures(folders, problems)
    meshes = {id_: _with_meshes(folders) for id_, folders in found.items()}
    return {id_: folders for id_, folders in meshes.items() if folders}


def _report_lone_pictures(folders: _Folders, problems: list[str]) -> None:
    for folder, numbers in folders.items():
        lone = sorted(number for number, files in numbers.items() if _MESH not in files)
        if lone:
            problems.append(
                f"{folder} has {len(lone)} pictures without a mesh, the first of frame {lone[0]}"
            )


def _with_meshes(folders: _Folders) -> _Folders:
    kept = {
        folder: {number: files for number, files in numbers.items() if _MESH in files}
        for folder, numbers in folders.items()
    }
    return {folder: numbers for folder, numbers in kept.items() if numbers}


def _sequence(id_: SequenceId, folders: _Folders, problems: list[str]) -> Sequence:
    """Take one copy of a sequence: the longest, then the highest in the tree, then by name."""
    order = sorted(folders, key=lambda f: (-len(folders[f]), len(f.parts), str(f)))
    problems += [f"{folder} is passed over for its copy {order[0]}" for folder in order[1:]]
    numbers = folders[order[0]]
    return Sequence(id_, tuple(_frame(id_, number, numbers[number]) for number in sorted(numbers)))


def _frame(id_: SequenceId, number: int, files: dict[str, Path]) -> TexturedScan:
    texture = next((files[suffix] for suffix in _PICTURES if suffix in files), None)
    sample = Sample(
        id=f"{id_.name}_{number:03d}",
        subject=id_.subject,
        expression=id_.expression,
        level=None,
        modalities=modalities(texture),
        sequence=id_.name,
        number=number,
    )
    return TexturedScan(sample, files[_MESH], texture)


def _nothing_found(root: Path, problems: list[str]) -> str:
    passed_over = f" ({problems[0]})" if problems else ""
    return (
        f"{root} holds no frame of BU-4DFE: files in folders like {EXAMPLE_NAME} are expected "
        f"in it or below it{passed_over}"
    )
