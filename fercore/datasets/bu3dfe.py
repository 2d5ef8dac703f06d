"""BU-3DFE on disk: which scans there are, and their meshes, pictures and landmarks.

Any folder tree will do, and so will one subject's folder or one scan's file: scans
are known by their file names, not by their folders. The registered re-release,
whose meshes all have 5,996 vertices, is read in the same way.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.errors import DatasetError, MeshError
from fercore.io.images import read_rgb
from fercore.io.landmarks import HeadPose, Landmarks, read_bnd, read_pse
from fercore.io.scan_names import (
    EXAMPLE_NAME,
    FILE_KINDS,
    FoundFiles,
    ScanId,
    parse_file_name,
    search,
)
from fercore.io.vrml import read_vrml, with_texture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fercore.structures import Mesh, UInt8Array

PICTURE_SIZE = (512, 512)
"""Height and width of every `_F2D.bmp`."""

REGISTERED_VERTICES = 5996
"""Vertices of every mesh of the registered re-release; originals have 8 to 11 thousand."""


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

    def _require(self, path: Path | None, kind: str) -> Path:
        if path is None:
            raise DatasetError(self._absence(kind))
        return path

    def _absence(self, kind: str) -> str:
        return f"{self.name}_{kind} is missing from {self.folder()}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A second copy of a scan's files, which is not used."""

    name: str  # of the scan
    used: Path  # folder of the copy that is used, or the one file
    ignored: Path  # the other


class Bu3dfe:
    """The scans of a folder tree, of one subject's folder, or of one scan's file.

    Raises:
        DatasetError: the path does not exist or holds no scan.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        found = _find(self.root)
        self.problems = tuple(found.problems)  # sentences about what cannot be read
        self._meshes = _meshes_by_folder(found)
        self._registered: dict[Path, bool] = {}
        self._duplicates = [Duplicate(scan.name, *paths) for scan, *paths in found.twins]
        self._scans = [
            self._assemble(scan, found.by_scan[scan])
            for scan in sorted(found.by_scan, key=ScanId.order)
            if any(found.by_scan[scan].values())
        ]
        if not self._scans:
            raise DatasetError(_nothing_found(self.root, found))

    def scans(self) -> list[Scan]:
        """Return all scans, sorted by subject, expression (neutral first) and level."""
        return list(self._scans)

    def subjects(self) -> list[str]:
        """Return the codes of all subjects, sorted."""
        return sorted({scan.id.subject for scan in self._scans})

    def duplicates(self) -> list[Duplicate]:
        """Return the copies that are ignored because another one is used.

        The original is preferred to the registered copy, then the more complete copy,
        then the one higher up in the tree, then the first by name.
        """
        return list(self._duplicates)

    def find(self, scan: str) -> Scan:
        """Return the scan of a name such as `F0001_AN01WH`, or of one of its files.

        Raises:
            DatasetError: there is no such scan.
        """
        if os.path.isfile(scan):
            return Bu3dfe(scan).scans()[0]
        wanted = Path(scan).name.upper()
        for candidate in self._scans:
            if wanted == candidate.name or wanted.startswith(f"{candidate.name}_"):
                return candidate
        example = self._scans[0].name
        raise DatasetError(f"{self.root} holds no scan {scan}; names look like {example}")

    def _is_registered(self, folder: Path) -> bool:
        """Tell whether the folder belongs to the registered re-release."""
        if folder not in self._registered:
            counts = _vertex_counts(self._meshes.get(folder, []))
            self._registered[folder] = next(iter(counts), 0) == REGISTERED_VERTICES
        return self._registered[folder]

    def _assemble(self, scan: ScanId, copies: dict[Path, dict[str, Path]]) -> Scan:
        """Choose one copy; folders without a mesh of their own only add what it lacks."""
        with_mesh = [folder for folder, kinds in copies.items() if "F3D.wrl" in kinds]
        folders = sorted(with_mesh or copies, key=lambda folder: self._rank(folder, copies))
        files = dict(copies[folders[0]])
        rivals = folders[1:]
        for folder in sorted(set(copies) - set(folders)):
            if files.keys() & copies[folder].keys():
                rivals.append(folder)
            files = {**copies[folder], **files}
        self._duplicates += [Duplicate(scan.name, folders[0], rival) for rival in rivals]
        return Scan(scan, *(files.get(kind) for kind in FILE_KINDS))

    def _rank(
        self, folder: Path, copies: dict[Path, dict[str, Path]]
    ) -> tuple[bool, int, int, str]:
        registered = len(copies) > 1 and self._is_registered(folder)
        return (registered, -len(copies[folder]), len(folder.parts), str(folder))


def _find(root: Path) -> FoundFiles:
    if os.path.isdir(root):
        return search(root)
    if not os.path.isfile(root):
        raise DatasetError(
            f"{root} does not exist; give BU-3DFE's folder, one subject's folder or one scan's file"
        )
    parsed = parse_file_name(root.name)
    if parsed is None:
        raise DatasetError(f"{root} is not named like a file of BU-3DFE, such as {EXAMPLE_NAME}")
    beside = FoundFiles()
    for entry in sorted(root.parent.iterdir()):
        other = parse_file_name(entry.name)
        if other is not None and other[0] == parsed[0]:
            beside.add(entry)
    return beside


def _nothing_found(root: Path, found: FoundFiles) -> str:
    passed_over = f" ({found.problems[0]})" if found.problems else ""
    return (
        f"{root} holds no scan of BU-3DFE: files named like {EXAMPLE_NAME} are expected "
        f"in it or in the folders below it{passed_over}"
    )


def _meshes_by_folder(found: FoundFiles) -> dict[Path, list[Path]]:
    meshes: dict[Path, list[Path]] = {}
    for copies in found.by_scan.values():
        for folder, kinds in copies.items():
            if "F3D.wrl" in kinds:
                meshes.setdefault(folder, []).append(kinds["F3D.wrl"])
    return meshes


def _vertex_counts(meshes: Iterable[Path]) -> Iterator[int]:
    """Yield the number of vertices of every mesh that can be read, one at a time."""
    for path in meshes:
        with contextlib.suppress(MeshError):
            yield len(read_vrml(path, texture=False).vertices_mm)
