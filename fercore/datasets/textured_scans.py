"""Data sets whose samples are textured meshes without a picture of their own.

Their frames are rendered as BU-3DFE's are: from the front, orthographically.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.datasets.dataset import BOTH, Modality, Sample, described, stranger
from fercore.errors import DatasetError
from fercore.io.bnt import read_bnt
from fercore.io.files import files_below, files_beside
from fercore.io.images import with_texture
from fercore.io.vrml import read_vrml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fercore.datasets.dataset import Terms
    from fercore.structures import Mesh, RGBDFrame

DEPTH_ONLY = frozenset((Modality.DEPTH,))


@dataclass(frozen=True, slots=True)
class TexturedScan:
    """One mesh and its texture."""

    sample: Sample
    mesh_file: Path  # .wrl, or .bnt
    texture: Path | None  # None: there is none beside the mesh

    @property
    def name(self) -> str:
        """The sample's id."""
        return self.sample.id

    def mesh(self) -> Mesh:
        """Read the mesh, with its texture where that can be read.

        Raises:
            MeshError: it is missing or unusable.
        """
        if self.mesh_file.suffix.lower() == ".bnt":
            mesh = read_bnt(self.mesh_file)
        else:
            mesh = read_vrml(self.mesh_file, texture=self.texture is None)
        if self.texture is None or mesh.uv is None:
            return mesh
        return with_texture(mesh, self.texture)


class TexturedScans:
    """The scans that a reader found below a path; a `MeshDataset`."""

    def __init__(
        self, root: Path, terms: Terms, scans: Sequence[TexturedScan], problems: Sequence[str]
    ) -> None:
        self.root = root
        self.name = terms.name
        self.terms, self.licence = terms.sentence, terms
        self.problems = tuple(problems)
        self._scans = {scan.name: scan for scan in scans}

    @property
    def description(self) -> str:
        """What was found, in a few words."""
        return described(self.name, self.root, self.samples())

    def scans(self) -> list[TexturedScan]:
        """Return all scans, sorted by subject, expression and number."""
        return list(self._scans.values())

    def samples(self) -> list[Sample]:
        """Return the samples of all scans, in the same order."""
        return [scan.sample for scan in self._scans.values()]

    def frame(self, sample: Sample) -> RGBDFrame:
        """Return the frontal rendering of a sample's mesh, shaded grey where it has no texture.

        Raises:
            MeshError: the mesh is unusable.
            DatasetError: there is no such sample.
        """
        from fercore.datasets.frames import rendered_scan

        scan = self._scans.get(sample.id)
        if scan is None:
            raise stranger(self.root, sample)
        return rendered_scan(scan)

    def close(self) -> None:
        """Do nothing: nothing stays open."""


def files_at(root: Path, name: str, problems: list[str]) -> Iterator[Path]:
    """Return the files of a folder tree, or those that belong to one file; absolute.

    Raises:
        DatasetError: the path does not exist; `name` is the data set's.
    """
    # Names of folders above the root count too where the root is a subject's own folder.
    absolute = Path(os.path.abspath(root))
    if absolute.is_dir():
        return files_below(absolute, problems)
    if absolute.is_file():
        return files_beside(absolute)
    raise DatasetError(f"{root} does not exist; give {name}'s folder or one of its files")


def modalities(texture: Path | None) -> frozenset[Modality]:
    """Return what a mesh with this texture shows."""
    return DEPTH_ONLY if texture is None else BOTH
