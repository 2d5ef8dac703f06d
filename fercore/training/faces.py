"""The labelled faces a network is trained or tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import Expression

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.datasets.cache import Cache, CacheRow
    from fercore.preprocessing import Preprocessing
    from fercore.structures import FloatArray, UInt8Array


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """Face crops with their labels; all arrays share the first axis."""

    rgb: UInt8Array  # (N, S, S, 3)
    depth_m: FloatArray  # (N, D, D), metres, NaN where unknown
    labels: NDArray[np.int64]  # (N,), 0..5 in the order of EXPRESSIONS
    subjects: NDArray[np.str_]  # (N,)
    levels: NDArray[np.int64]  # (N,), 1..4; 0 in data sets without levels
    views: NDArray[np.str_]  # (N,), "f2d", "rendered" or "camera"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def subject_names(self) -> tuple[str, ...]:
        """The distinct subjects, sorted."""
        return tuple(np.unique(self.subjects).tolist())

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
        )

    def hold_out(self, count: int, seed: int) -> tuple[LabelledFaces, LabelledFaces]:
        """Draw `count` subjects; return everyone else's faces, and theirs.

        Raises:
            DatasetError: no subject would be left to train on.
        """
        names = self.subject_names
        if len(names) <= count:
            raise DatasetError(
                f"{count} validation subjects of {len(names)} leave none to train on; "
                "prepare more subjects or hold out fewer."
            )
        drawn = np.random.default_rng(seed).choice(names, count, replace=False)
        held_out = np.isin(self.subjects, drawn)
        return self.where(~held_out), self.where(held_out)


def read_faces(
    path: Path, levels: Sequence[int] = (1, 2, 3, 4)
) -> tuple[LabelledFaces, Preprocessing]:
    """Read the usable faces of a prepared cache with one of the six expressions.

    Raises:
        DatasetError: the cache is damaged or holds no such face.
    """
    from fercore.datasets.cache import open_cache

    cache = open_cache(path)
    rows = cache.select(levels=levels, expressive=True)
    if not rows:
        raise DatasetError(f"{path} holds no usable face of these levels; run `fercore prepare`.")
    return take_faces(cache, rows), cache.preprocessing


def take_faces(cache: Cache, rows: Sequence[CacheRow]) -> LabelledFaces:
    """Return the faces of chosen rows, each of an expression, in their order."""
    chosen = np.array([row.row for row in rows])
    return LabelledFaces(
        cache.rgb[chosen],
        cache.depth_m[chosen],
        np.array([Expression(row.expression).position for row in rows]),
        np.array([row.subject for row in rows]),
        np.array([row.level for row in rows]),
        np.array([row.view for row in rows]),
    )
