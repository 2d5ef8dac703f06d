"""BU-3DFE on disk: which scans there are.

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

from fercore.datasets.bu3dfe_scan import Scan
from fercore.datasets.dataset import (
    SYNTHETIC,
    NotThisDatasetError,
    Terms,
    described,
    stranger,
    terms_of,
)
from fercore.errors import DatasetError, MeshError
from fercore.io.bu3dfe_files import (
    EXAMPLE_NAME,
    FILE_KINDS,
    FoundFiles,
    ScanId,
    parse_file_name,
    search,
)
from fercore.io.vrml import read_vrml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fercore.datasets.dataset import Sample
    from fercore.faces.detection import FaceLandmarker
    from fercore.structures import RGBDFrame

__all__ = ["REGISTERED_VERTICES", "Bu3dfe", "Duplicate", "Scan"]

REGISTERED_VERTICES = 5996
"""Vertices of every mesh of the registered re-release; originals have 8 to 11 thousand."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A second copy of a scan's files, which is not used."""

    name: str  # of the scan
    used: Path  # folder of the copy that is used, or the one file
    ignored: Path  # the other


class Bu3dfe:
    """The scans of a folder tree, of one subject's folder, or of one scan's file.

    A `MeshDataset`. `landmarker` helps `frame` to register depth to pictures; without one
    it uses mediapipe's and closes it in `close`.

    Raises:
        NotThisDatasetError: the path holds no scan.
        DatasetError: it does not exist.
    """

    def __init__(self, root: Path | str, landmarker: FaceLandmarker | None = None) -> None:
        self.root = Path(root)
        self._landmarker = landmarker
        self._owned: FaceLandmarker | None = None
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
            raise NotThisDatasetError(_nothing_found(self.root, found))

    @property
    def name(self) -> str:
        """The data set's name; synthetic subjects in its layout say so."""
        found = self.licence
        return "synthetic, in BU-3DFE's layout" if found == SYNTHETIC else found.name

    @property
    def description(self) -> str:
        """What was found, in a few words."""
        return described(self.name, self.root, self.samples())

    @property
    def terms(self) -> str:
        """Under which terms the data may be used, in one sentence."""
        return self.licence.sentence

    @property
    def licence(self) -> Terms:
        """BU-3DFE's; synthetic subjects in its layout have codes of their own."""
        return terms_of(self.subjects())

    def scans(self) -> list[Scan]:
        """Return all scans, sorted by subject, expression (neutral first) and level."""
        return list(self._scans)

    def samples(self) -> list[Sample]:
        """Return the samples of all scans, in the same order; neutral ones have no level."""
        return [scan.sample for scan in self._scans]

    def frame(self, sample: Sample) -> RGBDFrame:
        """Return a scan's picture with its registered depth map, or what there is of both.

        Without a usable picture it is the frontal rendering of the mesh, without a mesh the
        picture alone.

        Raises:
            MeshError: the mesh is unusable.
            DatasetError: there is no such sample, or nothing of it to be seen.
        """
        from fercore.datasets.frames import picture_frame, scan_frame

        scan = next((scan for scan in self._scans if scan.name == sample.id), None)
        if scan is None:
            raise stranger(self.root, sample)
        if scan.f3d is None:
            return picture_frame(scan)
        return scan_frame(scan, self._open_landmarker())[0]

    def close(self) -> None:
        """Release the landmarker that `frame` opened; may be called twice."""
        owned, self._owned = self._owned, None
        if owned is not None:
            owned.close()

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

    def _open_landmarker(self) -> FaceLandmarker:
        if self._landmarker is not None:
            return self._landmarker
        if self._owned is None:
            from fercore.faces.detection import MediapipeFaceLandmarker

            self._owned = MediapipeFaceLandmarker()
        return self._owned

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
        raise NotThisDatasetError(
            f"{root} is not named like a file of BU-3DFE, such as {EXAMPLE_NAME}"
        )
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
