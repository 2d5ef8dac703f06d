"""Just enough of a Wavefront OBJ reader for the files of ICT-FaceKit.

Vertices, texture coordinates, materials, triangles and quads; no normals, no
groups, no negative indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import MeshError

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.structures import FloatArray, Int32Array, UInt8Array

PADDING = -1  # fourth corner of a triangle among quads


@dataclass(frozen=True, slots=True)
class WavefrontMesh:
    """A mesh of triangles and quads as the file gives it."""

    vertices: FloatArray  # (V, 3), in the file's unit
    uv: FloatArray  # (U, 2)
    faces: Int32Array  # (F, 4), indices into vertices, the last -1 in a triangle
    faces_uv: Int32Array  # (F, 4), indices into uv, padded alike
    face_material: UInt8Array  # (F,), indices into material_names
    material_names: tuple[str, ...]  # sorted

    def keep_vertices(self, count: int) -> WavefrontMesh:
        """Drop all vertices from `count` on, the faces that use them and their uv."""
        kept = self.faces.max(axis=1) < count
        faces_uv = self.faces_uv[kept]
        used = np.unique(faces_uv[faces_uv != PADDING])
        renumbered: Int32Array = np.searchsorted(used, faces_uv).astype(np.int32)
        return WavefrontMesh(
            vertices=self.vertices[:count],
            uv=self.uv[used],
            faces=self.faces[kept],
            faces_uv=np.where(faces_uv == PADDING, np.int32(PADDING), renumbered),
            face_material=self.face_material[kept],
            material_names=self.material_names,
        )

    def triangulated(self) -> tuple[Int32Array, Int32Array, UInt8Array]:
        """Split quads: triangles (T, 3), uv triangles (T, 3), material per triangle (T,)."""
        halves = np.array([[0, 1, 2], [0, 2, 3]])
        faces = self.faces[:, halves]  # (F, 2, 3)
        faces_uv = self.faces_uv[:, halves]  # (F, 2, 3)
        real = faces.min(axis=2) != PADDING  # (F, 2)
        material = np.repeat(self.face_material[:, None], 2, axis=1)[real]
        return (
            np.ascontiguousarray(faces[real], np.int32),
            np.ascontiguousarray(faces_uv[real], np.int32),
            np.ascontiguousarray(material, np.uint8),
        )


def read_wavefront(path: Path) -> WavefrontMesh:
    """Read a whole OBJ file.

    Raises:
        MeshError: the file holds no mesh, or an index is out of range.
    """
    lines = path.read_bytes().splitlines()
    vertices = _numbers(path, lines, b"v ", 3)
    uv = _numbers(path, lines, b"vt ", 2)
    corners, materials = _faces(path, lines)
    if not corners or not len(vertices):
        raise MeshError(f"{path} holds no mesh: vertices or faces are missing")
    names = tuple(sorted(set(materials)))
    table = np.array(corners, np.int32)  # (F, 4, 2)
    if table[..., 0].max() >= len(vertices) or table[..., 1].max() >= len(uv):
        raise MeshError(f"{path} is damaged: a face refers to a vertex that is not there")
    return WavefrontMesh(
        vertices=vertices,
        uv=uv,
        faces=table[..., 0],
        faces_uv=table[..., 1],
        face_material=np.array([names.index(name) for name in materials], np.uint8),
        material_names=names,
    )


def read_wavefront_vertices(path: Path) -> FloatArray:
    """Read only the vertices (V, 3) of an OBJ file.

    Raises:
        MeshError: a vertex line is malformed.
    """
    return _numbers(path, path.read_bytes().splitlines(), b"v ", 3)


def _numbers(path: Path, lines: list[bytes], key: bytes, width: int) -> FloatArray:
    rows = [line.split()[1 : width + 1] for line in lines if line.startswith(key)]
    try:
        return np.array(rows, dtype=np.float64).reshape(-1, width).astype(np.float32)
    except ValueError as error:
        raise MeshError(f"{path} is damaged: a line `{key.decode()}…` is malformed") from error


def _faces(path: Path, lines: list[bytes]) -> tuple[list[list[tuple[int, int]]], list[str]]:
    corners: list[list[tuple[int, int]]] = []
    materials: list[str] = []
    material = ""
    for line in lines:
        if line.startswith(b"usemtl "):
            material = line.split()[1].decode("ascii", "replace")
        elif line.startswith(b"f "):
            corners.append(_corners(path, line))
            materials.append(material)
    return corners, materials


def _corners(path: Path, line: bytes) -> list[tuple[int, int]]:
    try:
        pairs = [word.split(b"/")[:2] for word in line.split()[1:]]
        corners = [(int(vertex) - 1, int(uv) - 1) for vertex, uv in pairs]
    except ValueError as error:
        raise MeshError(f"{path} is damaged: the face `{line.decode()!s}` is malformed") from error
    if len(corners) not in (3, 4) or min(min(corner) for corner in corners) < 0:
        raise MeshError(f"{path} is damaged: the face `{line.decode()!s}` is malformed")
    return corners if len(corners) == 4 else [*corners, (PADDING, PADDING)]
