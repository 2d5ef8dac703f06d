"""Reads a face model of either kind: ICT-FaceKit or the MakeHuman head."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from fercore.errors import FaceModelError
from fercore.synthesis.ict_model import load_ict_model
from fercore.synthesis.makehuman_model import load_makehuman_model
from fercore.synthesis.morphable_face import FaceModel

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FaceModel", "load_face_model"]

_OF_MAKEHUMAN = {"targets.npy", "unit_deltas.npy", "target_names.npy"}


def load_face_model(path: Path, skins: Path | None = None) -> FaceModel:
    """Read `ict_face_model.npz`, ICT-FaceKit's folder `FaceXModel/` or `makehuman_head.npz`.

    `skins` is a folder of MakeHuman skin textures. The MakeHuman head finds `makehuman_skins`
    beside its own file; ICT-FaceKit uses photographs only where they are given.

    Raises:
        FaceModelError: nothing is there, or it is not a complete face model.
    """
    if not path.exists():
        raise FaceModelError(
            f"no face model at {path}: give ict_face_model.npz, makehuman_head.npz "
            "or ICT-FaceKit's folder FaceXModel"
        )
    if _is_makehuman(path):
        return load_makehuman_model(path, skins)
    return load_ict_model(path, skins)


def _is_makehuman(path: Path) -> bool:
    """Tell by the names in the archive; what is no archive is refused by the reader of ICT."""
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(_OF_MAKEHUMAN & set(archive.namelist()))
    except (OSError, zipfile.BadZipFile):
        return False
