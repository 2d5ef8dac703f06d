"""Opens every file of a BU-3DFE tree and tells what is missing, broken or odd.

Broken is what cannot be read; the known defects of the data set's meshes (small
parts apart from the face, duplicate vertices, non-manifold edges) are named, and
the mesh is usable all the same.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from fercore.datasets.scan_face import scan_face
from fercore.errors import FercoreError
from fercore.geometry import component_labels
from fercore.io.images import find_texture, read_rgb
from fercore.io.vrml import read_vrml
from fercore.runtime.processes import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from fercore.datasets.bu3dfe import Scan
    from fercore.io.bu3dfe_files import Landmarks
    from fercore.structures import Int32Array, Mesh

Content = TypeVar("Content")

PARALLEL_FROM = 16
"""Below this number of scans, starting more processes takes longer than it saves."""


_FAR_LANDMARK_MM = 5.0  # in the middle; a landmark lies on its vertex, or near it


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What opening all files of one scan showed."""

    name: str  # of the scan
    vertices: int | None  # of the F3D mesh; None: there is none to be read
    broken: tuple[str, ...]  # one sentence for each file that cannot be used
    defects: tuple[str, ...]  # one phrase for each known defect; the scan is usable


def check_scans(scans: Sequence[Scan]) -> Iterator[ScanReport]:
    """Yield a report for each scan, in order, on all cores when there are many scans.

    Raises:
        FercoreError: a worker process died.
    """
    processes = min(os.cpu_count() or 1, 8)
    if processes == 1 or len(scans) < PARALLEL_FROM:
        yield from map(check_scan, scans)
        return
    yield from in_order(check_scan, scans, processes)


def check_scan(scan: Scan) -> ScanReport:
    """Open all files of a scan."""
    broken: list[str] = []
    mesh = _attempt(lambda path: read_vrml(path, texture=False), scan.f3d, broken)
    _attempt(lambda path: read_vrml(path, texture=False), scan.raw, broken)
    _attempt(read_rgb, _texture_of(scan, mesh), broken)
    _attempt(lambda _: scan.picture_rgb(), scan.f2d, broken)
    landmarks = _attempt(lambda _: scan.landmarks(), scan.bnd, broken)
    _attempt(lambda _: scan.pose(), scan.pse, broken)
    if mesh is None:
        return ScanReport(scan.name, None, tuple(broken), ())
    face = _attempt(lambda _: scan_face(mesh, scan.name), scan.f3d, broken)
    defects = mesh_defects(mesh)
    if landmarks is not None:
        # Of a scan that had to be converted they lie in another frame, of course.
        defects += _landmark_defects(landmarks, mesh, in_place=face is not None and not face.moved)
    if face is not None and face.remark:
        defects.append(face.remark)
    return ScanReport(scan.name, len(mesh.vertices_mm), tuple(broken), tuple(defects))


def mesh_defects(mesh: Mesh) -> list[str]:
    """Return a phrase for each of the data set's known defects that the mesh has."""
    small_parts, small_vertices = _small_parts(mesh)
    duplicates = len(mesh.vertices_mm) - len(np.unique(mesh.vertices_mm, axis=0))
    phrases = [
        _counted(duplicates, "duplicate vertex", "duplicate vertices"),
        _counted(_non_manifold_edges(mesh), "non-manifold edge", "non-manifold edges"),
    ]
    if small_parts:
        parts = _counted(small_parts, "small part", "small parts")
        vertices = _counted(small_vertices, "vertex", "vertices")
        phrases.insert(0, f"{parts} apart from the face ({vertices})")
    return [phrase for phrase in phrases if phrase]


def missing_files(scans: Sequence[Scan]) -> dict[str, list[str]]:
    """Return, for each kind of file, the names of the scans that lack it."""
    lacking: dict[str, list[str]] = defaultdict(list)
    for scan in scans:
        for kind in scan.missing():
            lacking[kind].append(scan.name)
    return dict(lacking)


def missing_scans(scans: Sequence[Scan]) -> dict[str, list[str]]:
    """Return, for each subject, the codes such as `AN01` that other subjects have and it lacks."""
    held: dict[str, set[str]] = defaultdict(set)
    for scan in scans:
        held[scan.id.subject].add(scan.id.code)
    known = [scan.id.code for scan in sorted(scans, key=lambda scan: scan.id.order()[1:])]
    codes = list(dict.fromkeys(known))
    lacking = {
        subject: [code for code in codes if code not in held[subject]] for subject in sorted(held)
    }
    return {subject: absent for subject, absent in lacking.items() if absent}


def _counted(count: int, one: str, many: str) -> str:
    """Return `3 edges`, `1 edge`, or nothing for none."""
    return f"{count} {one if count == 1 else many}" if count else ""


def _landmark_defects(landmarks: Landmarks, mesh: Mesh, *, in_place: bool) -> list[str]:
    there = landmarks.vertices < len(mesh.vertices_mm)
    phrase = _counted(int((~there).sum()), "landmark", "landmarks")
    defects = [f"{phrase} with a vertex number that the mesh lacks"] if phrase else []
    if there.any() and in_place:
        apart = landmarks.points_mm[there] - mesh.vertices_mm[landmarks.vertices[there]]
        distance = float(np.median(np.linalg.norm(apart, axis=1)))
        if distance > _FAR_LANDMARK_MM:
            defects.append(f"landmarks {distance:.3g} mm from the vertices whose numbers they give")
    return defects


def _attempt(
    read: Callable[[Path], Content], path: Path | None, broken: list[str]
) -> Content | None:
    if path is None:
        return None
    try:
        return read(path)
    except FercoreError as reason:
        broken.append(str(reason))
        return None


def _texture_of(scan: Scan, mesh: Mesh | None) -> Path | None:
    if scan.texture is not None or scan.f3d is None or mesh is None:
        return scan.texture
    return find_texture(scan.f3d, mesh.texture_names)


def _small_parts(mesh: Mesh) -> tuple[int, int]:
    """Count the parts besides the largest, and their vertices."""
    labels = component_labels(mesh)[np.unique(mesh.triangles)]
    _, sizes = np.unique(labels, return_counts=True)
    return len(sizes) - 1, int(sizes.sum() - sizes.max())


def _non_manifold_edges(mesh: Mesh) -> int:
    """Count the edges that more than two triangles share."""
    low_high = np.sort(_edges(mesh), axis=1).astype(np.int64)
    keys = low_high[:, 0] * len(mesh.vertices_mm) + low_high[:, 1]
    _, triangles = np.unique(keys, return_counts=True)
    return int((triangles > 2).sum())


def _edges(mesh: Mesh) -> Int32Array:
    """Return the edges of all triangles, (3 T, 2)."""
    return mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
