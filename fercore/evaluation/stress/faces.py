"""The faces of a prepared cache that a stress run is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.errors import DatasetError
from fercore.training.faces import LabelledFaces, take_faces
from fercore.training.folder import digest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fercore.caches.reading import Cache
    from fercore.networks.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class StressedFaces:
    """Faces, the scans they come from, and how they were cut out."""

    faces: LabelledFaces
    scans: tuple[str, ...]  # names, one for each face
    parameters: Preprocessing

    def __len__(self) -> int:
        return len(self.scans)

    @property
    def sha256(self) -> str:
        """Checksum of crops and labels."""
        arrays = (self.faces.rgb, self.faces.depth_m, self.faces.labels)
        return digest(*(array.tobytes() for array in arrays))


def read_face_set(cache: Cache, levels: Sequence[int], views: Collection[str]) -> StressedFaces:
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
    scans = tuple(row.scan for row in rows)
    return StressedFaces(take_faces(cache, rows), scans, cache.preprocessing)
