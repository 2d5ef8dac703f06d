"""One scan of BU-3DFE: its files, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.datasets.dataset import Modality, Sample
from fercore.errors import DatasetError, MeshError
from fercore.io.bu3dfe_files import FILE_KINDS, HeadPose, Landmarks, ScanId, read_bnd, read_pse
from fercore.io.images import read_rgb, with_texture
from fercore.io.vrml import read_vrml

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.structures import Mesh, UInt8Array

PICTURE_SIZE = (512, 512)
"""Height and width of every `_F2D.bmp`."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The files of one scan; None where there is none."""

    id: ScanId
    f3d: Path | None  # cropped mesh
    texture: Path | None  # `_F3D.bmp`: two views of the head side by side; not the RGB picture
    bnd: Path | None  # landmarks, in the frame of f3d
    f2d: Path | None  # frontal colour picture: the RGB picture
    raw: Path | None  # uncropped mesh, in a frame of its own: never mix it with bnd
    pse: Path | None  # head pose, in the frame of raw

    @property
    def name(self) -> str:
        """Such as `F0001_AN01WH`."""
        return self.id.name

    @property
    def sample(self) -> Sample:
        """Who shows what, in the terms of all data sets."""
        identity = self.id
        return Sample(
            id=identity.name,
            subject=identity.subject,
            expression=identity.expression,
            level=identity.level or None,
            modalities=self._modalities(),
            ancestry=identity.ancestry,
        )

    def files(self) -> dict[str, Path | None]:
        """Return the file of each of `FILE_KINDS`."""
        paths = (self.f3d, self.texture, self.bnd, self.f2d, self.raw, self.pse)
        return dict(zip(FILE_KINDS, paths, strict=True))

    def missing(self) -> list[str]:
        """Return those of `FILE_KINDS` that were not found."""
        return [kind for kind, path in self.files().items() if path is None]

    def folder(self) -> Path:
        """Return the folder of the mesh, or of the first file that there is."""
        return next(path.parent for path in self.files().values() if path is not None)

    def mesh(self) -> Mesh:
        """Read the F3D mesh, with its texture where that can be read.

        Raises:
            MeshError: there is none, or it is unusable.
        """
        if self.f3d is None:
            raise MeshError(self._absence("F3D.wrl"))
        if self.texture is None:
            return read_vrml(self.f3d)
        mesh = read_vrml(self.f3d, texture=False)
        return with_texture(mesh, self.texture) if mesh.uv is not None else mesh

    def picture_rgb(self) -> UInt8Array:
        """Read the frontal colour picture, (512, 512, 3).

        Raises:
            DatasetError: there is none, it cannot be read, or it has another size.
        """
        return read_rgb(self._require(self.f2d, "F2D.bmp"), PICTURE_SIZE)

    def landmarks(self) -> Landmarks:
        """Read the 83 landmarks of the F3D mesh.

        Raises:
            DatasetError: there are none, or they cannot be read.
        """
        return read_bnd(self._require(self.bnd, "F3D.bnd"))

    def pose(self) -> HeadPose:
        """Read the head pose of the RAW mesh.

        Raises:
            DatasetError: there is none, or it cannot be read.
        """
        return read_pse(self._require(self.pse, "RAW.pse"))

    def _modalities(self) -> frozenset[Modality]:
        rgb = self.f2d is not None or (self.f3d is not None and self.texture is not None)
        shown = {Modality.RGB: rgb, Modality.DEPTH: self.f3d is not None}
        return frozenset(modality for modality, there in shown.items() if there)

    def _require(self, path: Path | None, kind: str) -> Path:
        if path is None:
            raise DatasetError(self._absence(kind))
        return path

    def _absence(self, kind: str) -> str:
        return f"{self.name}_{kind} is missing from {self.folder()}"
