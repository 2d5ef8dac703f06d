"""The CSV of FER2013 in the forms in which it circulates, and FER+'s votes beside it.

Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced
label distribution" (ICMI 2016). Votes become target distributions by the rules of the
authors' own code: a single vote counts for nothing, the strongest labels are taken until
three quarters of the votes are covered, and a face without a clear picture (more than three
labels, or half of the votes at most) or one that most hold for unknown or for no face is left
out. Contempt is none of the six expressions: its votes are dropped, and a face whose main
label it is.

Kaggle's columns are emotion, pixels and Usage, in any order, quoted or not, with or without
columns of no use such as an index. Labels may be numbers or words, the file compressed by gzip.
Without a Usage column the file's name tells its split, as it does for shards. Rows that cannot
be read are counted and named; votes are joined by row, so that such rows shift nothing.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS, NEUTRAL
from fercore.io.files import beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

VOTES = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"),
    *("contempt", "unknown", "NF"),
)
"""What people could vote for, in the order of FER+'s columns; NF: there is no face."""

AGREEMENT = 5
"""Votes of ten that a face needs to have one label in a test."""

_CLASSES = (*(expression.value for expression in EXPRESSIONS), NEUTRAL)
_COLUMNS = [VOTES.index(name) for name in _CLASSES]  # of the seven labels among the votes
_CONTEMPT = VOTES.index("contempt")
_COVERED = 0.75  # share of the votes that the strongest labels must cover
_MOST_LABELS = 3
SIDE = 48  # pixels
VOTES_NAME = "fer2013new.csv"

_LABELS = "emotion"  # Kaggle's word
_SPLITS = {
    **{"training": "Training", "train": "Training"},
    **{"publictest": "PublicTest", "validation": "PublicTest", "val": "PublicTest"},
    **{"privatetest": "PrivateTest", "test": "PrivateTest"},
}
_WORDS = (
    ("angry", "anger"),
    ("disgust",),
    ("fear",),
    ("happy", "happiness"),
    ("sad", "sadness"),
    ("surprise",),
    ("neutral",),
)
_NUMBERS = {word: number for number, words in enumerate(_WORDS) for word in words}
_NOT_FACE = np.array([0] * (len(VOTES) - 1) + [10], np.uint8)
_NAMED_ROWS = 3  # of those that cannot be read
_LONGEST_HEADER = 400  # bytes


@dataclass(frozen=True, slots=True)
class VoteTargets:
    """Target distributions of faces over the six expressions and calm."""

    targets: FloatArray  # (N, 7), sums to 1; all 0 where a face is left out
    contempt: NDArray[np.bool_]  # (N,), left out because most people see contempt
    unclear: NDArray[np.bool_]  # (N,), left out as unknown, no face or without a clear picture

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which faces (N,) have a target."""
        return ~(self.contempt | self.unclear)


def vote_targets(votes: UInt8Array) -> VoteTargets:
    """Turn votes (N, 10), columns as `VOTES`, into targets."""
    counted = np.where(votes > 1, votes, 0).astype(np.float32)
    kept, clear = _strongest(counted)
    main = kept.argmax(1)
    seven = kept[:, _COLUMNS]
    known = clear & (main < _CONTEMPT) & (seven.sum(1) > 0)
    targets = np.where(known[:, None], seven / np.maximum(seven.sum(1, keepdims=True), 1), 0)
    contempt = clear & (main == _CONTEMPT)
    return VoteTargets(targets.astype(np.float32), contempt, ~known & ~contempt)


def agreed_labels(votes: UInt8Array) -> NDArray[np.int64]:
    """Return the label (N,) that `AGREEMENT` or more people gave, 0..6 as in CLASSES, else -1."""
    seven = votes[:, _COLUMNS]
    agreed = (seven.max(1) >= AGREEMENT) & (seven.max(1) >= votes.max(1))
    return np.where(agreed, seven.argmax(1), -1).astype(np.int64)


def _strongest(counted: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Keep each face's strongest labels (N, 10); which faces (N,) are clear enough."""
    order = np.argsort(-counted, axis=1, kind="stable")
    descending = np.take_along_axis(counted, order, 1)
    total = descending.sum(1, keepdims=True)
    before = np.cumsum(descending, 1) - descending
    needed = (before < _COVERED * total) & (descending > 0)
    # Labels with as many votes as the last one needed belong to it.
    weakest = np.where(needed, descending, np.inf).min(1, keepdims=True)
    needed = (descending >= weakest) & (descending > 0)
    kept = np.zeros_like(counted)
    np.put_along_axis(kept, order, np.where(needed, descending, 0), 1)
    clear = (needed.sum(1) <= _MOST_LABELS) & (kept.sum(1) > 0.5 * total[:, 0])
    return kept, clear


@dataclass(frozen=True, slots=True)
class CsvFaces:
    """The faces of one split of a CSV."""

    images: UInt8Array  # (N, 48, 48)
    labels: list[int]  # (N,), Kaggle's numbers 0..6
    votes: UInt8Array | None  # (N, 10), as `VOTES`; None: FER+'s file is not beside the CSV
    remark: str  # how many rows cannot be read, and which; empty: none


def has_header(path: Path) -> bool:
    """Tell by its first line whether a file is a CSV of FER2013 with labels.

    Raises:
        OSError: it cannot be read.
    """
    return {_LABELS, "pixels"} <= set(_header(path))


def read_csv(path: Path, split: str, named_split: str | None) -> CsvFaces:
    """Read the faces of `split`, Kaggle's name; `named_split` is what the file's name tells.

    Raises:
        OSError: a file cannot be read.
        DatasetError: it is none of FER2013, damaged, or holds no face of the split.
    """
    _require_labels(path)
    images: list[UInt8Array] = []
    labels: list[int] = []
    rows: list[int] = []
    bad: list[str] = []
    try:
        with _opened(path) as file:
            for row, cells in _rows(file):
                found = _face(cells, split, named_split)
                if isinstance(found, str):
                    bad.append(f"row {row + 1}: {found}")
                elif found is not None:
                    rows.append(row)
                    labels.append(found[0])
                    images.append(found[1])
    except (csv.Error, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is damaged ({error}); fetch it anew.") from error
    if not labels:
        why = f" ({bad[0]})" if bad else ""
        raise DatasetError(f"{path} holds no face of the split {split}{why}.")
    return CsvFaces(np.stack(images), labels, _votes_beside(path, rows), _remark(path, bad))


def _require_labels(path: Path) -> None:
    names = set(_header(path))
    if {_LABELS, "pixels"} <= names:
        return
    if {"neutral", "happiness"} <= names:
        raise DatasetError(f"{path} holds FER+'s votes alone; put FER2013's own CSV beside it.")
    if "pixels" in names:
        raise DatasetError(f"{path} has pictures without labels; give the file with both.")
    with path.open("rb") as file:
        first = file.read(64)
    raise DatasetError(
        f"{path} is neither a shard nor the CSV of FER2013, whose first line names the columns "
        f"emotion and pixels: it begins with {beginning(first)}."
    )


def _header(path: Path) -> list[str]:
    try:
        with _opened(path) as file:
            line = file.readline(_LONGEST_HEADER)
        return _names(next(csv.reader([line]), []))
    except (csv.Error, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile):
        return []


def _names(cells: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in cells]


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        first = raw.read(2)
    encoding = "utf-16" if first in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    opener = gzip.open if first == b"\x1f\x8b" else open
    with opener(path, "rt", newline="", encoding=encoding) as file:
        yield file


def _rows(file: TextIO) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number, from 0, and the cells by column of every row that is not blank."""
    reader = csv.reader(file)
    names = _names(next(reader, []))
    row = 0
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield row, {n: c.strip() for n, c in zip(names, cells, strict=False)}
            row += 1


def _face(
    cells: dict[str, str], split: str, named_split: str | None
) -> tuple[int, UInt8Array] | str | None:
    """Return a row's label and picture, what is wrong with it, or None: another split's."""
    usage = cells.get("usage", named_split or "")
    known = _SPLITS.get(usage.lower().replace(" ", "").replace("_", ""))
    if known is None:
        return f"{usage[:20]!r} is no split" if usage else "no split is told"
    if known != split:
        return None
    label, pixels = _label(cells.get(_LABELS, "")), _pixels(cells.get("pixels", ""))
    if label is None:
        return f"{cells.get(_LABELS, '')[:20]!r} is no label from 0 to 6"
    if pixels is None:
        return f"{SIDE * SIDE} grey values from 0 to 255 were expected"
    return label, pixels


def _label(text: str) -> int | None:
    if text.lower() in _NUMBERS:
        return _NUMBERS[text.lower()]
    number = text.removesuffix(".0")
    return int(number) if number in ("0", "1", "2", "3", "4", "5", "6") else None


def _pixels(text: str) -> UInt8Array | None:
    try:
        values = np.array(text.split(), np.int64)
    except (ValueError, OverflowError):
        return None
    if values.shape != (SIDE * SIDE,) or values.min() < 0 or values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _remark(path: Path, bad: list[str]) -> str:
    if not bad:
        return ""
    more = f", and {len(bad) - _NAMED_ROWS} more" if len(bad) > _NAMED_ROWS else ""
    count = f"{len(bad)} rows" if len(bad) > 1 else "a row"
    return f"{path}: {count} left out ({'; '.join(bad[:_NAMED_ROWS])}{more})"


def _votes_beside(path: Path, rows: list[int]) -> UInt8Array | None:
    """Return the votes of chosen rows; both files have their rows in the same order."""
    beside = path.with_name(VOTES_NAME)
    if not beside.is_file() or beside == path:
        return None
    votes = _read_votes(beside)
    if len(votes) <= max(rows):
        raise DatasetError(
            f"{beside} has {len(votes)} rows, fewer than {path.name}; fetch it anew or move it "
            "away to train on FER2013's own labels."
        )
    return votes[rows]


def _read_votes(path: Path) -> UInt8Array:
    columns = [name.lower() for name in VOTES]
    if not set(columns) <= set(_header(path)):
        raise DatasetError(f"{path} lacks columns of FER+ ({', '.join(VOTES)}); fetch it anew.")
    votes = []
    with _opened(path) as file:
        for row, cells in _rows(file):
            try:
                counts = np.array([int(float(cells[name])) for name in columns])
                named = bool(cells.get("image name", "-"))
            except (KeyError, ValueError) as error:
                raise DatasetError(f"{path}, row {row + 1}: ten counts were expected.") from error
            if counts.min() < 0 or counts.max() > 20:
                raise DatasetError(f"{path}, row {row + 1}: counts from 0 to 10 were expected.")
            votes.append(counts.astype(np.uint8) if named else _NOT_FACE)
    return np.array(votes, np.uint8).reshape(-1, len(VOTES))
