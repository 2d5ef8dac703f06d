"""Read FER2013: 48 x 48 grey faces with seven labels, the six expressions and neutral.

Two forms circulate and are told apart by a file's first bytes: the CSV of the Kaggle
challenge (`fer2013.csv`, columns emotion, pixels, Usage), and npz shards with the arrays
`images`, `labels` and `label_names`. A CSV holds all splits, a shard holds one. FER+'s votes
of ten people a face (`fercore.io.ferplus`) stand in a shard's arrays `votes` and `vote_names`.
The terms are the challenge's, for research; the pictures are never passed on.
"""

from __future__ import annotations

import csv
import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS, NEUTRAL
from fercore.io.ferplus import VOTES
from fercore.io.files import beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import UInt8Array

SIDE = 48  # pixels
CLASSES = (*(expression.value for expression in EXPRESSIONS), NEUTRAL)
"""Names of the labels 0..6: the six expressions in the project's order, then neutral.
Kaggle's numbers happen to follow the same order up to happiness, sadness, surprise, neutral."""

TERMS = "terms of the Kaggle challenge FER2013: research use, the pictures are not passed on"

_COLUMNS = ("emotion", "pixels", "Usage")  # Kaggle's words
_ARRAYS = ("images", "labels", "label_names")
_ZIP = b"PK\x03\x04"
_SHARD_NAME = re.compile(r"(train|public|private)")  # the split, where a name tells it


class Split(StrEnum):
    """A split of FER2013; the value is Kaggle's name of it."""

    TRAINING = "Training"
    PUBLIC_TEST = "PublicTest"
    PRIVATE_TEST = "PrivateTest"


@dataclass(frozen=True, slots=True)
class Fer2013Faces:
    """Faces with their labels and people's votes; all arrays share the first axis."""

    images: UInt8Array  # (N, 48, 48), grey
    labels: NDArray[np.int64]  # (N,), FER2013's own, 0..6 in the order of CLASSES; -1: not known
    votes: UInt8Array | None = None  # (N, 10), see `fercore.io.ferplus.VOTES`; None: no votes

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: NDArray[np.bool_]) -> Fer2013Faces:
        """Return the faces for which `chosen` (N,) is true."""
        votes = None if self.votes is None else self.votes[chosen]
        return Fer2013Faces(self.images[chosen], self.labels[chosen], votes)


def read_fer2013(paths: Sequence[Path], split: Split) -> Fer2013Faces:
    """Return the faces of one split, joined over all files in the order given.

    A shard does not say which split it holds: its faces count as those of `split`, unless
    its name says otherwise.

    Raises:
        DatasetError: no file, or one is missing, given twice, damaged, empty or of another form.
    """
    if not paths:
        raise DatasetError("no file of FER2013 was given; name fer2013.csv or its npz shards.")
    resolved = [path.resolve() for path in paths]
    for path in paths:
        if resolved.count(path.resolve()) > 1:
            raise DatasetError(f"{path} is given twice; name every file once.")
    parts = [_read_file(path, split) for path in paths]
    return join(parts)


def join(parts: Sequence[Fer2013Faces]) -> Fer2013Faces:
    """Return the faces of all parts; where one has votes, the others' faces have none at all."""
    voted = any(part.votes is not None for part in parts)
    return Fer2013Faces(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([_votes_or_none(part) for part in parts]) if voted else None,
    )


def _votes_or_none(part: Fer2013Faces) -> UInt8Array:
    if part.votes is not None:
        return part.votes
    return np.zeros((len(part), len(VOTES)), np.uint8)


def _read_file(path: Path, split: Split) -> Fer2013Faces:
    if not path.is_file():
        raise DatasetError(f"{path} is no file; name fer2013.csv or an npz shard of FER2013.")
    try:
        with path.open("rb") as file:
            first = file.read(64)
        if first.startswith(_ZIP):
            return _read_shard(path, split)
        return _read_csv(path, split, first)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error}).") from error


def _read_shard(path: Path, split: Split) -> Fer2013Faces:
    named = _SHARD_NAME.search(path.name.lower())
    if named and not split.value.lower().startswith(named[1]):
        raise DatasetError(f"{path} holds the {named[1]} split by its name, not {split.value}.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as shard:
            missing = [name for name in _ARRAYS if name not in shard]
            if missing:
                raise DatasetError(f"{path} is no shard of FER2013: it lacks {missing[0]!r}.")
            images, labels, names = (shard[name] for name in _ARRAYS)
            votes = _shard_votes(path, shard, len(images)) if "votes" in shard else None
    except (ValueError, EOFError, BadZipFile, zlib.error, MemoryError) as error:
        raise DatasetError(f"{path} is damaged ({error}); fetch it anew.") from error
    _require_shard(path, images, labels, 0 if votes is None else -1)
    positions = np.append(_positions(path, names), -1)  # the label -1: not known
    return Fer2013Faces(images, positions[labels.astype(np.int64)], votes)


def _shard_votes(path: Path, shard: Any, faces: int) -> UInt8Array:
    """Return a shard's votes in the order of VOTES."""
    votes = shard["votes"]
    names = [str(name) for name in shard["vote_names"].tolist()] if "vote_names" in shard else []
    if sorted(names) != sorted(VOTES):
        raise DatasetError(f"{path} must name FER+'s ten columns in the array 'vote_names'.")
    if votes.dtype != np.uint8 or votes.shape != (faces, len(VOTES)):
        raise DatasetError(f"{path} needs ten votes of type uint8 for each of its faces.")
    ordered: UInt8Array = votes[:, [names.index(name) for name in VOTES]]
    return ordered


def _require_shard(
    path: Path, images: NDArray[np.generic], labels: NDArray[np.generic], lowest: int
) -> None:
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE):
        raise DatasetError(
            f"{path} holds images of type {images.dtype} and shape {images.shape}; "
            f"FER2013's are uint8 of (N, {SIDE}, {SIDE})."
        )
    if not len(images):
        raise DatasetError(f"{path} holds no face; fetch it anew.")
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise DatasetError(f"{path} needs one whole number as label for each of its faces.")
    numbers = labels.astype(np.int64)
    if numbers.min() < lowest or numbers.max() >= len(CLASSES):
        raise DatasetError(
            f"{path} holds labels outside {lowest}..{len(CLASSES) - 1}; fetch it anew."
        )


def _positions(path: Path, names: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return the place in CLASSES of each of a shard's own label numbers."""
    found = [str(name).strip().lower() for name in names.reshape(-1).tolist()]
    if sorted(found) != sorted(CLASSES):
        raise DatasetError(f"{path} names its labels {', '.join(found)}, not {', '.join(CLASSES)}.")
    return np.array([CLASSES.index(name) for name in found], np.int64)


def _read_csv(path: Path, split: Split, first: bytes) -> Fer2013Faces:
    images, labels = [], []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for line, row in _rows(path, csv.reader(file), first):
                if row["Usage"] == split:
                    labels.append(_label(path, line, row["emotion"]))
                    images.append(_pixels(path, line, row["pixels"]))
    except UnicodeDecodeError as error:
        raise _unknown_form(path, first) from error
    except csv.Error as error:
        raise DatasetError(f"{path} is damaged ({error}); fetch it anew.") from error
    if not labels:
        raise DatasetError(f"{path} holds no face of the split {split.value}.")
    return Fer2013Faces(np.stack(images), np.array(labels, np.int64))


def _rows(
    path: Path, reader: Iterator[list[str]], first: bytes
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number of every row and its cells by column, in any order of columns."""
    columns = [name.strip() for name in next(reader, [])]
    if not set(_COLUMNS) <= set(columns):
        raise _unknown_form(path, first)
    for line, cells in enumerate(reader, start=2):
        if len(cells) != len(columns):
            raise DatasetError(f"{path}, line {line}: {len(columns)} columns were expected.")
        yield line, {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}


def _unknown_form(path: Path, first: bytes) -> DatasetError:
    return DatasetError(
        f"{path} is neither a shard nor the CSV of FER2013: it begins with {beginning(first)}."
    )


def _label(path: Path, line: int, text: str) -> int:
    if text not in ("0", "1", "2", "3", "4", "5", "6"):
        raise DatasetError(f"{path}, line {line}: {text[:20]!r} is no label from 0 to 6.")
    return int(text)


def _pixels(path: Path, line: int, text: str) -> UInt8Array:
    try:
        values = np.array(text.split(), np.int64)
    except (ValueError, OverflowError):
        values = np.zeros(0, np.int64)
    if values.shape != (SIDE * SIDE,) or values.min() < 0 or values.max() > 255:
        raise DatasetError(
            f"{path}, line {line}: {SIDE * SIDE} grey values from 0 to 255 were expected."
        )
    return values.astype(np.uint8).reshape(SIDE, SIDE)
