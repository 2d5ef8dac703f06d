"""Reads the arrays of `makehuman_head.npz` and refuses what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FaceModelError
from fercore.runtime.parsing import loaded_archive
from fercore.synthesis.morphable_face import require_range

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

NEEDED_GROUPS = (
    "body",
    "helper-tongue",
    "helper-upper-teeth",
    "helper-lower-teeth",
    "helper-l-eye",
    "helper-r-eye",
)

_KEYS: dict[str, tuple[int | None, ...]] = {
    "base": (None, 3),
    "faces": (None, 4),
    "uv": (None, 2),
    "faces_uv": (None, 4),
    "face_group": (None,),
    "group_names": (None,),
    "target_names": (None,),
    "targets": (None, None, 3),
    "unit_names": (None,),
    "unit_deltas": (None, None, 3),
    "orig_vertex_index": (None,),
}
# Arrays of one row for each other's row, or of one row for each vertex.
_PAIRED = (
    ("faces_uv", "faces"),
    ("face_group", "faces"),
    ("target_names", "targets"),
    ("unit_names", "unit_deltas"),
    ("orig_vertex_index", "base"),
)


def read_makehuman_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read and check `base`, `faces`, `targets` and the other arrays of `makehuman_head.npz`.

    Raises:
        FaceModelError: it is no archive, or an array is missing, damaged or does not fit.
    """
    try:
        arrays = loaded_archive(path, _KEYS)
    except (OSError, ValueError) as error:
        raise FaceModelError(f"{path} is no face model: it cannot be read as .npz") from error
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise FaceModelError(f"{path} is no face model: it lacks {', '.join(missing)}")
    _require_shapes(path, arrays)
    _require_values(path, arrays)
    return arrays


def _require_shapes(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for key, shape in _KEYS.items():
        found = arrays[key].shape
        fits = len(found) == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, found, strict=True)
        )
        if not fits:
            raise FaceModelError(f"{path} is damaged: {key} has the shape {found}")
    for key, other in _PAIRED:
        if len(arrays[key]) != len(arrays[other]):
            raise FaceModelError(f"{path} is damaged: {key} does not fit {other}")
    for key in ("targets", "unit_deltas"):
        if arrays[key].shape[1] != len(arrays["base"]):
            raise FaceModelError(f"{path} is damaged: {key} does not fit base")


def _require_values(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for key in ("base", "uv", "targets", "unit_deltas"):
        if arrays[key].dtype.kind != "f" or not np.isfinite(arrays[key]).all():
            raise FaceModelError(f"{path} is damaged: a value of {key} is not a number")
    for key, other in (("faces", "base"), ("faces_uv", "uv"), ("face_group", "group_names")):
        if arrays[key].dtype.kind not in "iu":
            raise FaceModelError(f"{path} is damaged: {key} holds no whole numbers")
        require_range(path, key, arrays[key], len(arrays[other]))
    groups = {str(name) for name in arrays["group_names"]}
    missing = [group for group in NEEDED_GROUPS if group not in groups]
    if missing:
        raise FaceModelError(f"{path} is incomplete: the group {missing[0]} is missing")
