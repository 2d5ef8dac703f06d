"""Bosphorus on disk: range images `bs000_E_ANGER_0.bnt` with their pictures `.png`.

Only the six basic expressions (`E`) and the frontal neutral scans (`N_N`) are read; action
units, head turns and occlusions are left out. Not every subject shows all six. There are
no levels. Any folder tree will do, and so will one file: scans are known by their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.datasets import dataset
from fercore.datasets.dataset import NotThisDatasetError, Sample, expression_named
from fercore.datasets.textured_scans import TexturedScan, TexturedScans, files_at, modalities
from fercore.expressions import Expression

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLE_NAME = "bs000_E_ANGER_0.bnt"
_NAME = re.compile(r"(bs\d{3})_(?:E_([A-Z]+)|(N_N))_(\d+)\.(bnt|png)", re.IGNORECASE | re.ASCII)
_WORDS = {Expression.HAPPINESS: "happy"}  # where its word is not ours
_MESH, _PICTURE = "bnt", "png"


@dataclass(frozen=True, slots=True)
class BosphorusId:
    """Who shows what, and which repetition it is."""

    subject: str  # such as bs000
    expression: Expression | None  # None: neutral
    repetition: int  # from 0

    @property
    def name(self) -> str:
        """What the names of the scan's files begin with, such as `bs000_E_ANGER_0`."""
        if self.expression is None:
            return f"{self.subject}_N_N_{self.repetition}"
        word = _WORDS.get(self.expression, self.expression.value)
        return f"{self.subject}_E_{word.upper()}_{self.repetition}"

    def order(self) -> tuple[str, int, int]:
        """Return the key that sorts by subject, neutral first, then by the order of labels."""
        place = -1 if self.expression is None else self.expression.position
        return (self.subject, place, self.repetition)


class Bosphorus(TexturedScans):
    """The scans of the six expressions, and the neutral ones, in a folder tree.

    Raises:
        NotThisDatasetError: the path holds no such scan.
        DatasetError: it does not exist.
    """

    def __init__(self, root: Path | str) -> None:
        problems: list[str] = []
        found = _find(files_at(Path(root), "Bosphorus", problems))
        scans = [_scan(id_, found[id_], problems) for id_ in sorted(found, key=BosphorusId.order)]
        usable = [scan for scan in scans if scan is not None]
        if not usable:
            raise NotThisDatasetError(_nothing_found(Path(root), problems))
        super().__init__(Path(root), dataset.BOSPHORUS, usable, problems)


def parse_file_name(name: str) -> tuple[BosphorusId, str] | None:
    """Return the scan and the suffix that a file name stands for, None for others."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    subject, word, _, repetition, suffix = match.groups()
    try:
        expression = None if word is None else expression_named(word)
    except ValueError:
        return None
    return BosphorusId(subject.lower(), expression, int(repetition)), suffix.lower()


_Copies = dict[Path, dict[str, Path]]
"""By folder: the file of each suffix."""


def _find(paths: Iterable[Path]) -> dict[BosphorusId, _Copies]:
    found: dict[BosphorusId, _Copies] = {}
    for path in paths:
        parsed = parse_file_name(path.name)
        if parsed is not None:
            files = found.setdefault(parsed[0], {}).setdefault(path.parent, {})
            files.setdefault(parsed[1], path)
    return found


def _scan(id_: BosphorusId, copies: _Copies, problems: list[str]) -> TexturedScan | None:
    """Take one copy of a scan: with a picture, then the highest in the tree, then by name."""
    complete = [folder for folder, files in copies.items() if _MESH in files]
    if not complete:
        lone = next(path for files in copies.values() for path in files.values())
        problems.append(f"{lone} has no range image (.bnt) beside it and is left out")
        return None
    order = sorted(complete, key=lambda f: (-len(copies[f]), len(f.parts), str(f)))
    files = copies[order[0]]
    problems += [
        f"{copies[f][_MESH]} is passed over for its copy {files[_MESH]}" for f in order[1:]
    ]
    pictures = (copy[_PICTURE] for copy in (files, *copies.values()) if _PICTURE in copy)
    texture = next(pictures, None)
    sample = Sample(id_.name, id_.subject, id_.expression, None, modalities(texture))
    return TexturedScan(sample, files[_MESH], texture)


def _nothing_found(root: Path, problems: list[str]) -> str:
    passed_over = f" ({problems[0]})" if problems else ""
    return (
        f"{root} holds no scan of Bosphorus' six expressions: files named like {EXAMPLE_NAME} "
        f"are expected in it or in the folders below it{passed_over}"
    )
