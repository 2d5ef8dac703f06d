"""FER2013 as a data set: single 48×48 grey pictures, cropped to the face, without depth.

The files are read by `fercore.io.fer2013`: a CSV of the Kaggle challenge, or npz shards. Who
is on a picture is not known, so **every picture counts as a subject of its own**, with a code
made from its pixels: the same in any file and order. The data set holds some pictures twice;
those share their code, so that no split by subjects has one picture on both sides.

With FER+'s votes a picture's target is their distribution; what the votes leave out
(`fercore.io.fer2013_csv`) is no sample, and is counted.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

import numpy as np

from fercore.datasets.dataset import (
    Modality,
    NotThisDatasetError,
    Sample,
    expression_named,
    stranger,
)
from fercore.errors import DatasetError
from fercore.io.fer2013 import (
    CLASSES,
    TERMS,
    Fer2013Faces,
    Fer2013Split,
    read_fer2013,
    split_by_name,
)
from fercore.io.fer2013_csv import VOTES_NAME, has_header, vote_targets
from fercore.io.files import files_below
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fercore.structures import FloatArray, UInt8Array

EXAMPLE = (
    "a CSV with the columns emotion, pixels and Usage, or npz files with the arrays images, "
    "labels and label_names"
)
RGB_ONLY = frozenset((Modality.RGB,))

_ARRAYS = {"images.npy", "labels.npy", "label_names.npy"}
_NAMES = re.compile(r"(fer[-_ ]?2013|ferplus|icml_face).*\.(csv|npz)$", re.IGNORECASE)
_TEXT_SUFFIXES = (".csv", ".gz", ".txt", "")


class Fer2013:
    """The pictures of a CSV, or of all shards in a folder tree; held in memory.

    A CSV holds all splits and takes some seconds; beside one, shards are passed over.

    Raises:
        NotThisDatasetError: the path holds no such file.
        DatasetError: it does not exist, or nothing in it can be read.
    """

    name = "FER2013"
    terms = TERMS  # and those of the votes where a file has some

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        problems: list[str] = []
        files = _files(self.root, problems)
        self._samples: dict[str, Sample] = {}
        self._images: dict[str, UInt8Array] = {}
        faults = [fault for path in files for fault in self._add(path)]
        if not self._samples:
            raise DatasetError(faults[0])
        self.problems = tuple(dict.fromkeys((*problems, *faults)))

    @property
    def description(self) -> str:
        """What was found, in a few words."""
        return f"{self.root.resolve().name}: {len(self._samples)} pictures ({self.name})"

    def samples(self) -> list[Sample]:
        """Return all samples, by file, split and row."""
        return list(self._samples.values())

    def frame(self, sample: Sample) -> RGBDFrame:
        """Return a picture (48, 48, 3), its three channels alike, without depth.

        Raises:
            DatasetError: there is no such sample.
        """
        if sample.id not in self._images:
            raise stranger(self.root, sample)
        rgb = np.repeat(self._images[sample.id][..., None], 3, axis=2)
        return RGBDFrame(rgb, None, None, 0.0, 0, sample.expression, sample.id)

    def close(self) -> None:
        """Do nothing: nothing stays open."""

    def _add(self, path: Path) -> Iterator[str]:
        """Take in a file's pictures; yield a sentence for each split that cannot be read."""
        for split in _splits(path):
            try:
                faces = read_fer2013([path], split)
            except DatasetError as error:
                yield str(error)
                continue
            if faces.votes is not None:
                self.terms = faces.terms
            yield from faces.remarks
            yield from _left_out(path, faces)
            targets = faces.targets()
            for row in np.flatnonzero(targets.any(1)).tolist():
                sample = _sample(path, split, row, faces.images[row], targets[row])
                self._samples[sample.id] = sample
                self._images[sample.id] = faces.images[row]


def looks_like_fer2013(path: Path) -> bool:
    """Tell by its first line, or by the names of its arrays, whether a file is of FER2013."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            with ZipFile(path) as archive:
                return set(archive.namelist()) >= _ARRAYS
        if suffix in _TEXT_SUFFIXES:
            return has_header(path)
    except (OSError, BadZipFile):
        return False
    return False


def _files(root: Path, problems: list[str]) -> list[Path]:
    """Return one CSV, else all shards, one of each name."""
    if not root.exists():
        raise DatasetError(f"{root} does not exist; give FER2013's folder or one of its files")
    candidates = [root] if root.is_file() else list(files_below(root, problems))
    found = [path for path in candidates if looks_like_fer2013(path)]
    problems += [
        f"{path} is named like a file of FER2013, but is none or damaged, and is left out"
        for path in candidates
        if _NAMES.search(path.name) and path not in found and path.name != VOTES_NAME
    ]
    if not found:
        passed_over = f" ({problems[0]})" if problems else ""
        raise NotThisDatasetError(
            f"{root} holds no file of FER2013: {EXAMPLE} are expected{passed_over}"
        )
    found.sort(key=lambda path: (path.suffix.lower() == ".npz", len(path.parts), str(path)))
    used = {path.stem: path for path in reversed(found)}
    if found[0].suffix.lower() != ".npz":
        used = {found[0].stem: found[0]}
    chosen = set(used.values())
    problems += [f"{path} is passed over for {found[0]}" for path in found if path not in chosen]
    return sorted(chosen)


def _splits(path: Path) -> Iterator[Fer2013Split]:
    """Yield the splits that a file may hold; a shard has one, told by its name."""
    if path.suffix.lower() != ".npz":
        yield from Fer2013Split
        return
    yield split_by_name(path) or Fer2013Split.TRAINING


def _left_out(path: Path, faces: Fer2013Faces) -> Iterator[str]:
    """Yield how many faces the votes leave out."""
    if faces.votes is None or not faces.votes.any():
        return
    found = vote_targets(faces.votes[faces.votes.any(1)])
    yield (
        f"{path}: {int(found.unclear.sum())} faces whose votes are unclear and "
        f"{int(found.contempt.sum())} that show contempt to most people are left out"
    )


def _sample(
    path: Path, split: Fer2013Split, row: int, image: UInt8Array, target: FloatArray
) -> Sample:
    label = CLASSES[int(target.argmax())]
    return Sample(
        id=f"{path.stem}_{split.value}_{row:05d}",
        subject=f"fer{hashlib.blake2b(image.tobytes(), digest_size=6).hexdigest()}",
        expression=expression_named(label),
        level=None,
        modalities=RGB_ONLY,
        split=split.value,
        target=tuple(target.tolist()) if target.max() < 1 else None,
    )
