"""The labelled faces a network is trained or tested on.

The label of a calm face is `CALM`, one more than the six expressions have; it is only read
where it is asked for, since the paper's systems know no calm.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import EXPRESSIONS, NEUTRAL, Expression

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.caches.reading import Cache, CacheRow
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import FloatArray, UInt8Array

CALM = len(EXPRESSIONS)
"""The label of a face without expression."""

JOINT = "/"
"""Between the people's name and a subject's, where caches are joined; neither holds it."""


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """Face crops with their labels; all arrays share the first axis."""

    rgb: UInt8Array  # (N, S, S, 3)
    depth_m: FloatArray  # (N, D, D), metres, NaN where unknown
    labels: NDArray[np.int64]  # (N,), 0..5 in the order of EXPRESSIONS, or CALM
    subjects: NDArray[np.str_]  # (N,)
    levels: NDArray[np.int64]  # (N,), 1..4; 0 in data sets without levels
    views: NDArray[np.str_]  # (N,), "f2d", "rendered" or "camera"
    targets: FloatArray  # (N, 7), how much of each expression, then calm, people see; sums to 1

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def subject_names(self) -> tuple[str, ...]:
        """The distinct subjects, sorted."""
        return tuple(np.unique(self.subjects).tolist())

    @property
    def lacks_depth(self) -> NDArray[np.bool_]:
        """Which faces (N,) have no depth at all, such as those of colour cameras."""
        lacks: NDArray[np.bool_] = ~np.isfinite(self.depth_m).any(axis=(1, 2))
        return lacks

    @property
    def slight(self) -> NDArray[np.bool_]:
        """Which faces (N,) show an expression of level 1 or 2, that may well be called calm."""
        return np.isin(self.levels, (1, 2))

    @property
    def level_words(self) -> str:
        """Which levels there are, such as `levels 3 and 4`."""
        names = [str(level) for level in np.unique(self.levels) if level]
        if not names:
            return "data without levels"
        return f"levels {' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"

    def where(self, chosen: NDArray[np.bool_]) -> LabelledFaces:
        """Return the faces for which `chosen` (N,) is true."""
        return LabelledFaces(
            self.rgb[chosen],
            self.depth_m[chosen],
            self.labels[chosen],
            self.subjects[chosen],
            self.levels[chosen],
            self.views[chosen],
            self.targets[chosen],
        )

    def with_rgb(self, rgb: UInt8Array) -> LabelledFaces:
        """Return the same faces with other pictures (N, S, S, 3)."""
        return replace(self, rgb=rgb)

    def hold_out(self, count: int, seed: int) -> tuple[LabelledFaces, LabelledFaces]:
        """Draw `count` subjects; return everyone else's faces, and theirs.

        Of joined caches, `count` subjects of the first's people are held out and as large a share
        of all others, each in whatever caches they are.

        Raises:
            DatasetError: no subject would be left to train on.
        """
        groups: dict[str, list[str]] = {}  # by people
        for name in dict.fromkeys(self.subjects.tolist()):
            groups.setdefault(name.rpartition(JOINT)[0], []).append(name)
        first = len(next(iter(groups.values())))
        if first <= count:
            raise DatasetError(
                f"{count} validation subjects of {first} leave none to train on; "
                "prepare more subjects or hold out fewer."
            )
        rng = np.random.default_rng(seed)
        drawn = [
            rng.choice(sorted(names), round(len(names) * count / first), replace=False)
            for names in groups.values()
        ]
        held_out = np.isin(self.subjects, np.concatenate(drawn))
        return self.where(~held_out), self.where(held_out)


def picture_digests(pictures: UInt8Array) -> list[bytes]:
    """Return a digest of 16 bytes for each picture (N, ...); copies of one have the same."""
    return [hashlib.blake2b(picture.tobytes(), digest_size=16).digest() for picture in pictures]


def join_faces(parts: Sequence[tuple[str, LabelledFaces]]) -> LabelledFaces:
    """Return the faces of several caches, each with its people (`people_of` of the cache).

    The people are added to the subjects' names: a code stands for one person among the same
    people, in whichever cache, and for another one among others.
    """
    arrays = zip(
        *(
            (
                *(faces.rgb, faces.depth_m, faces.labels),
                np.array([f"{people}{JOINT}{name}" for name in faces.subjects]),
                *(faces.levels, faces.views, faces.targets),
            )
            for people, faces in parts
        ),
        strict=True,
    )
    return LabelledFaces(*(np.concatenate(column) for column in arrays))


def subjects_of(path: Path, names: Sequence[str]) -> set[str]:
    """Return those of a cache's subjects that `names` holds, joined to others' or not."""
    from fercore.caches.reading import people_of

    own = ("", path.name, people_of(path))
    split = (name.rpartition(JOINT) for name in names)
    return {subject for people, _, subject in split if people in own}


def read_all_faces(
    paths: Sequence[Path], levels: Sequence[int] = (1, 2, 3, 4), *, calm: bool = False
) -> tuple[LabelledFaces, Preprocessing]:
    """Read the usable faces of one or more prepared caches, `calm` ones as well if asked for.

    Raises:
        DatasetError: a cache is damaged or holds no such face, or two do not fit each other.
    """
    from fercore.caches.reading import people_of, read_manifest

    parts, (parameters, *others) = zip(
        *(read_faces(path, levels, calm=calm) for path in paths), strict=True
    )
    if any(other != parameters for other in others):
        raise DatasetError("the caches were prepared with different parameters; prepare one anew.")
    if len(parts) == 1:
        return parts[0], parameters
    people = [people_of(path) for path in paths]
    unnamed = [path.name for path in paths if not read_manifest(path).dataset]
    if len(set(unnamed)) < len(unnamed):
        raise DatasetError("two caches' folders have the same name; rename one.")
    return join_faces(list(zip(people, parts, strict=True))), parameters


def read_faces(
    path: Path, levels: Sequence[int] = (1, 2, 3, 4), *, calm: bool = False
) -> tuple[LabelledFaces, Preprocessing]:
    """Read the usable faces of a prepared cache with one of the six expressions, or calm.

    Raises:
        DatasetError: the cache is damaged or holds no such face.
    """
    from fercore.caches.reading import open_cache

    cache = open_cache(path)
    rows = cache.select(levels=(*levels, 0) if calm else levels, expressive=not calm)
    if not rows:
        raise DatasetError(f"{path} holds no usable face of these levels; run `fercore prepare`.")
    return take_faces(cache, rows), cache.preprocessing


def take_faces(cache: Cache, rows: Sequence[CacheRow]) -> LabelledFaces:
    """Return the faces of chosen rows, in their order."""
    chosen = np.array([row.row for row in rows])
    return LabelledFaces(
        cache.rgb[chosen],
        cache.depth_m[chosen],
        np.array([_label(row) for row in rows]),
        np.array([row.subject for row in rows]),
        np.array([row.level for row in rows]),
        np.array([row.view for row in rows]),
        np.array([_target(row) for row in rows], np.float32),
    )


def _label(row: CacheRow) -> int:
    return CALM if row.expression == NEUTRAL else Expression(row.expression).position


def _target(row: CacheRow) -> FloatArray:
    return certain_targets(np.array(_label(row))) if row.target is None else np.array(row.target)


def certain_targets(labels: NDArray[np.int64]) -> FloatArray:
    """Return the targets (..., 7) of faces about whose label (...) there is no doubt."""
    return np.eye(CALM + 1, dtype=np.float32)[labels]
