"""Read FER2013: 48 x 48 grey faces with seven labels, the six expressions and neutral.

Two forms circulate and are told apart by a file's first bytes: the CSV of the Kaggle
challenge (`fercore.io.fer2013_csv`), and npz shards with the arrays `images`, `labels` and
`label_names`. A CSV holds all splits, a shard holds one. FER+'s votes of ten people a face
(`fercore.io.fer2013_csv`) stand in a shard's arrays `votes` and `vote_names`, or in FER+'s own
`fer2013new.csv` beside the CSV.
The terms are the challenge's, for research; the pictures are never passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS, NEUTRAL
from fercore.io.fer2013_csv import SIDE, VOTES, agreed_labels, read_csv, vote_targets
from fercore.runtime.parsing import loaded_archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

CLASSES = (*(expression.value for expression in EXPRESSIONS), NEUTRAL)
"""Names of the labels 0..6: the six expressions in the project's order, then neutral.
Kaggle's numbers happen to follow the same order up to happiness, sadness, surprise, neutral."""

TERMS = "FER2013, terms of its Kaggle challenge: research use, the pictures are not passed on"
VOTES_TERMS = "votes of FER+ (MIT licence, Microsoft Corporation)"

OWN_LABEL_SHARE = 0.15
"""What FER2013's own label counts beside the votes, of faces that most people find expressive:
fear and disgust are rare among the votes."""

_SIX = len(EXPRESSIONS)
_ARRAYS = ("images", "labels", "label_names")
_ZIP = b"PK\x03\x04"
_SPLIT_NAME = re.compile(r"(train|public|private)")


class Fer2013Split(StrEnum):
    """A split of FER2013; the value is Kaggle's name of it."""

    TRAINING = "Training"
    PUBLIC_TEST = "PublicTest"
    PRIVATE_TEST = "PrivateTest"


@dataclass(frozen=True, slots=True)
class Fer2013Faces:
    """Faces with their labels and people's votes; all arrays share the first axis."""

    images: UInt8Array  # (N, 48, 48), grey
    labels: NDArray[np.int64]  # (N,), FER2013's own, 0..6 in the order of CLASSES; -1: not known
    votes: UInt8Array | None = None  # (N, 10), see `fercore.io.fer2013_csv.VOTES`; None: no votes
    remarks: tuple[str, ...] = ()  # a sentence for each file with rows that cannot be read

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: NDArray[np.bool_]) -> Fer2013Faces:
        """Return the faces for which `chosen` (N,) is true."""
        votes = None if self.votes is None else self.votes[chosen]
        return Fer2013Faces(self.images[chosen], self.labels[chosen], votes, self.remarks)

    @property
    def terms(self) -> str:
        """Under which terms pictures and votes may be used, one sentence."""
        return TERMS if self.votes is None else f"{TERMS}; {VOTES_TERMS}"

    def targets(self) -> FloatArray:
        """Return target distributions (N, 7) in the order of CLASSES; all 0: a face has none.

        They are people's votes where there are any, else FER2013's own label.
        """
        labelled = np.eye(len(CLASSES) + 1, len(CLASSES), dtype=np.float32)[self.labels]  # -1: 0
        if self.votes is None:
            return labelled
        voted = _with_own_labels(vote_targets(self.votes).targets, labelled)
        return np.asarray(np.where(self.votes.any(1)[:, None], voted, labelled), np.float32)

    def agreed_labels(self) -> NDArray[np.int64]:
        """Return the label (N,) that each face is scored against, -1 where it is not scored.

        It is what `fercore.io.fer2013_csv.AGREEMENT` people agree on where there are votes.
        """
        return self.labels if self.votes is None else agreed_labels(self.votes)


def _with_own_labels(targets: FloatArray, labelled: FloatArray) -> FloatArray:
    """Let FER2013's own label have a small say in which expression an expressive face shows."""
    expressive = targets[:, :_SIX].sum(1, keepdims=True)
    own = labelled[:, :_SIX] * expressive * (expressive > 0.5)
    share = OWN_LABEL_SHARE * (own.sum(1, keepdims=True) > 0)
    six = (1 - share) * targets[:, :_SIX] + share * own
    return np.concatenate((six, targets[:, _SIX:]), 1)


def read_fer2013(paths: Sequence[Path], split: Fer2013Split) -> Fer2013Faces:
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
        tuple(remark for part in parts for remark in part.remarks),
    )


def _votes_or_none(part: Fer2013Faces) -> UInt8Array:
    if part.votes is not None:
        return part.votes
    return np.zeros((len(part), len(VOTES)), np.uint8)


def _read_file(path: Path, split: Fer2013Split) -> Fer2013Faces:
    if not path.is_file():
        raise DatasetError(f"{path} is no file; name fer2013.csv or an npz shard of FER2013.")
    try:
        with path.open("rb") as file:
            first = file.read(64)
        if first.startswith(_ZIP):
            return _read_shard(path, split)
        return _read_csv(path, split)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error}).") from error


def _read_csv(path: Path, split: Fer2013Split) -> Fer2013Faces:
    named = split_by_name(path)
    found = read_csv(path, split.value, None if named is None else named.value)
    remarks = (found.remark,) if found.remark else ()
    return Fer2013Faces(found.images, np.array(found.labels, np.int64), found.votes, remarks)


def split_by_name(path: Path) -> Fer2013Split | None:
    """Return the split that a file's name tells, None where it tells none."""
    named = _SPLIT_NAME.search(path.name.lower())
    if named is None:
        return None
    return {"train": Fer2013Split.TRAINING, "public": Fer2013Split.PUBLIC_TEST}.get(
        named[1], Fer2013Split.PRIVATE_TEST
    )


def _read_shard(path: Path, split: Fer2013Split) -> Fer2013Faces:
    named = split_by_name(path)
    if named and named != split:
        told = named.value.lower().removesuffix("ing").removesuffix("test")
        raise DatasetError(f"{path} holds the {told} split by its name, not {split.value}.")
    try:
        shard = loaded_archive(path, (*_ARRAYS, "votes", "vote_names"))
    except ValueError as error:
        raise DatasetError(f"{path} is damaged ({error}); fetch it anew.") from error
    missing = [name for name in _ARRAYS if name not in shard]
    if missing:
        raise DatasetError(f"{path} is no shard of FER2013: it lacks {missing[0]!r}.")
    images, labels, names = (shard[name] for name in _ARRAYS)
    votes = _shard_votes(path, shard, images.shape[:1]) if "votes" in shard else None
    _require_shard(path, images, labels, 0 if votes is None else -1)
    positions = np.append(_positions(path, names), -1)  # the label -1: not known
    return Fer2013Faces(images, positions[labels.astype(np.int64)], votes)


def _shard_votes(path: Path, shard: dict[str, NDArray[Any]], faces: tuple[int, ...]) -> UInt8Array:
    """Return a shard's votes in the order of VOTES."""
    votes = shard["votes"]
    names = [str(name) for name in shard["vote_names"].ravel()] if "vote_names" in shard else []
    if sorted(names) != sorted(VOTES):
        raise DatasetError(f"{path} must name FER+'s ten columns in the array 'vote_names'.")
    if votes.dtype != np.uint8 or votes.shape != (*faces, len(VOTES)):
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
