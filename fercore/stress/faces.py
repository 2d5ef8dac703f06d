"""The faces of a prepared cache that a stress run is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.expressions import Expression
from fercore.training.faces import LabelledFaces

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fercore.datasets.cache import Cache
    from fercore.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Faces, the scans they come from, and how they were cut out."""

    faces: LabelledFaces
    scans: tuple[str, ...]  # names, one for each face
    parameters: Preprocessing

    def __len__(self) -> int:
        return len(self.scans)

    @property
    def sha256(self) -> str:
        """Checksum of crops and labels."""
        digest = hashlib.sha256()
        for array in (self.faces.rgb, self.faces.depth_m, self.faces.labels):
            digest.update(array.tobytes())
        return digest.hexdigest()


def read_face_set(cache: Cache, levels: Sequence[int], views: Collection[str]) -> FaceSet:
    """Read the usable faces of an expression at `levels`, seen in one of `views`.

    Raises:
        DatasetError: there is none.
    """
    rows = cache.select(levels=levels, views=views, expressive=True)
    if not rows:
        shown = ",".join(map(str, levels))
        raise DatasetError(
            f"{cache.path} holds no usable face of levels {shown} in view {' or '.join(views)}; "
            "choose others or prepare more."
        )
    chosen = np.array([row.row for row in rows])
    faces = LabelledFaces(
        rgb=cache.rgb[chosen],
        depth_m=cache.depth_m[chosen],
        labels=np.array([Expression(row.expression).position for row in rows]),
        subjects=np.array([row.subject for row in rows]),
        levels=np.array([row.level for row in rows]),
        views=np.array([row.view for row in rows]),
    )
    return FaceSet(faces, tuple(row.scan for row in rows), cache.preprocessing)
