"""What every data set offers, whatever its files look like: samples, frames, terms of use.

A prepared cache names its data set and terms; of caches from before they did, the codes of
the subjects tell.

`fercore.datasets.opening.open_dataset` finds out which data set a path holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from fercore.errors import DatasetError
from fercore.expressions import NEUTRAL, Expression
from fercore.io.fer2013 import TERMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.structures import Mesh, RGBDFrame


@dataclass(frozen=True, slots=True)
class Terms:
    """A data set's name and terms."""

    name: str
    sentence: str


BU3DFE = Terms(
    "BU-3DFE", "BU-3DFE, licensed by Binghamton University for research; not to be passed on"
)
BU4DFE = Terms(
    "BU-4DFE", "BU-4DFE, licensed by Binghamton University for research; not to be passed on"
)
BOSPHORUS = Terms(
    "Bosphorus", "Bosphorus, licensed by Boğaziçi University for research; not to be passed on"
)
FER2013 = Terms("FER2013", TERMS)
SYNTHETIC = Terms(
    "synthetic",
    "synthetic, no person was recorded; made with ICT-FaceKit (MIT licence) or MakeHuman (CC0)",
)

_BY_CODE = (
    (re.compile(r"[FM]\d{3}"), BU4DFE),
    (re.compile(r"bs\d{3}"), BOSPHORUS),
    (re.compile(r"fer[0-9a-f]{12}"), FER2013),
)


def terms_of(subjects: Sequence[str]) -> Terms:
    """Return the terms of the data set whose subjects have these codes.

    Synthetic subjects have codes from F9001 and M9001 on, where BU-3DFE ends at F0056 and
    M0044. What cannot be told counts as BU-3DFE, whose terms are strict.
    """
    if all(subject[1:].startswith("9") for subject in subjects):
        return SYNTHETIC
    for code, terms in _BY_CODE:
        if all(code.fullmatch(subject) for subject in subjects):
            return terms
    return BU3DFE


class NotThisDatasetError(DatasetError):
    """The path holds nothing that looks like the data set that was asked for."""


class Modality(StrEnum):
    """What a sample's frame shows."""

    RGB = "rgb"
    DEPTH = "depth"


F2D_VIEW, RENDERED_VIEW, CAMERA_VIEW = "f2d", "rendered", "camera"
"""A frame's picture: the data set's own frontal one, the textured mesh rendered from the front
where there is none, or the mesh as a camera at the desk would see it."""

BOTH = frozenset(Modality)
"""Colour and depth."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Who shows what, and where it stands in its data set."""

    id: str  # unique in the data set, such as F0001_AN01WH
    subject: str  # the person's code; FER2013 has none, there it stands for the picture
    expression: Expression | None  # None: neutral
    level: int | None  # 1 to 4, from slight to full; None: neutral, or a data set without levels
    modalities: frozenset[Modality]  # as the files tell, whether or not they can be read
    ancestry: str = ""  # BU-3DFE's two letters; empty: not told
    sequence: str | None = None  # the sequence that the frame belongs to; None: it stands alone
    number: int | None = None  # of the frame in its sequence
    split: str = ""  # the data set's own, such as PublicTest; empty: it has none
    target: tuple[float, ...] | None = None  # share of people who see each expression, then calm;
    # None: all agree on the label


class Dataset(Protocol):
    """A data set, open for reading; used from one thread.

    A constructor takes the path of a folder or file and raises `NotThisDatasetError` where
    it holds nothing of this data set.
    """

    @property
    def root(self) -> Path:
        """The path that was opened."""

    @property
    def name(self) -> str:
        """Such as `BU-3DFE`."""

    @property
    def description(self) -> str:
        """What was found, in a few words."""

    @property
    def terms(self) -> str:
        """Under which terms the data may be used, in one sentence."""

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each thing that cannot be read or is passed over."""

    def samples(self) -> list[Sample]:
        """Return all samples in a fixed order; never empty."""

    def frame(self, sample: Sample) -> RGBDFrame:
        """Read a sample: its picture, and its depth where it has `Modality.DEPTH`.

        Raises:
            FercoreError: its files are damaged, or the sample is of another data set.
        """

    def close(self) -> None:
        """Release what reading frames needed; may be called twice."""


class MeshScan(Protocol):
    """A sample that is a textured mesh: what preparing it needs; can be pickled."""

    @property
    def name(self) -> str:
        """The sample's id."""

    @property
    def sample(self) -> Sample:
        """Who shows what."""

    def mesh(self) -> Mesh:
        """Read the mesh, with its texture where that can be read.

        Raises:
            MeshError: there is none, or it is unusable.
        """


class MeshDataset(Dataset, Protocol):
    """A data set whose samples are textured meshes."""

    @property
    def licence(self) -> Terms:
        """Whose data they are, and under which terms: what a prepared cache says of itself."""

    def scans(self) -> Sequence[MeshScan]:
        """Return the scan of every sample, in the order of `samples`."""


def described(name: str, root: Path, samples: Sequence[Sample]) -> str:
    """Return the description of a data set with subjects."""
    subjects = len({sample.subject for sample in samples})
    return f"{root.resolve().name}: {subjects} subjects, {len(samples)} samples ({name})"


def stranger(root: Path, sample: Sample) -> DatasetError:
    """Return the error for a sample that a data set does not have."""
    return DatasetError(f"{root} holds no sample {sample.id}; take one that `samples` lists")


_WORDS = {
    **{expression.value: expression for expression in Expression},
    "angry": Expression.ANGER,
    "happy": Expression.HAPPINESS,
    "sad": Expression.SADNESS,
}


def expression_named(word: str) -> Expression | None:
    """Return the expression of a word such as `Angry` or `HAPPINESS`, None for `neutral`.

    Raises:
        ValueError: the word is neither an expression's nor `neutral`.
    """
    lower = word.strip().lower()
    if lower == NEUTRAL:
        return None
    if lower not in _WORDS:
        raise ValueError(f"{word!r} names no expression")
    return _WORDS[lower]
