"""Repairs and derived quantities of triangle meshes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fercore.errors import MeshError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array, Mesh


def vertex_normals(vertices_mm: FloatArray, triangles: Int32Array) -> FloatArray:
    """Return unit normals (V, 3) float32, area-weighted over the triangles at each vertex.

    Vertices at the same place share one normal, so that texture seams and duplicate
    vertices do not show. A vertex without any area gets (0, 0, 1).
    """
    welded = _weld(vertices_mm)
    area_normals = _area_normals(vertices_mm, triangles)
    sums = np.zeros((int(welded.max(initial=-1)) + 1, 3))
    for corner in range(3):
        for axis in range(3):
            sums[:, axis] += np.bincount(
                welded[triangles[:, corner]], weights=area_normals[:, axis], minlength=len(sums)
            )
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = np.divide(sums, lengths, out=np.tile([0.0, 0.0, 1.0], (len(sums), 1)), where=lengths > 0)
    return unit[welded].astype(np.float32)


def largest_component(mesh: Mesh) -> Mesh:
    """Return the connected part with the largest surface, without the vertices it does not use.

    Vertices at the same place count as connected: scanners write duplicates along seams.

    Raises:
        MeshError: the mesh has no triangles or a vertex is not finite.
    """
    labels = component_labels(mesh)
    return kept_triangles(mesh, labels[mesh.triangles[:, 0]] == largest_label(mesh, labels))


def largest_label(mesh: Mesh, labels: NDArray[np.int32]) -> int:
    """Return which of the parts that `component_labels` numbers has the largest surface."""
    areas = np.linalg.norm(_area_normals(mesh.vertices_mm, mesh.triangles), axis=1)
    return int(np.bincount(labels[mesh.triangles[:, 0]], weights=areas).argmax())


def kept_triangles(mesh: Mesh, kept: NDArray[np.bool_]) -> Mesh:
    """Return the triangles (T,) that are kept, without the vertices that they do not use."""
    used, compact = np.unique(mesh.triangles[kept], return_inverse=True)
    return replace(
        mesh,
        vertices_mm=mesh.vertices_mm[used],
        triangles=compact.reshape(-1, 3).astype(np.int32),
        uv_triangles=None if mesh.uv_triangles is None else mesh.uv_triangles[kept],
        vertex_rgb=None if mesh.vertex_rgb is None else mesh.vertex_rgb[used],
    )


def require_usable(mesh: Mesh) -> None:
    """Check that the mesh has a surface to look at.

    Raises:
        MeshError: the mesh has no triangles or a vertex is not finite.
    """
    name = ascii(mesh.texture_name)[1:-1] if mesh.texture_name else "the mesh"
    if not len(mesh.triangles):
        raise MeshError(f"The mesh of {name} has no triangles; use another scan.")
    if not np.isfinite(mesh.vertices_mm).all():
        raise MeshError(f"The mesh of {name} has vertices that are not numbers; repair the file.")


def component_labels(mesh: Mesh) -> NDArray[np.int32]:
    """Return for each vertex (V,) the number of the connected part it belongs to, from 0.

    Vertices at the same place count as connected; one that no triangle uses is a part alone.

    Raises:
        MeshError: the mesh has no triangles or a vertex is not finite.
    """
    require_usable(mesh)
    welded = _weld(mesh.vertices_mm)
    corners = welded[mesh.triangles]
    rows = corners[:, [0, 1]].ravel()
    columns = corners[:, [1, 2]].ravel()
    count = int(welded.max()) + 1
    edges = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    labels: NDArray[np.int32] = connected_components(edges, directed=False)[1]
    return labels[welded]


def _weld(vertices_mm: FloatArray) -> NDArray[np.intp]:
    """Return for each vertex the number of its place; equal places share a number."""
    rows = np.ascontiguousarray(vertices_mm + 0.0, dtype=np.float32)
    places = rows.view(np.dtype((np.void, rows.dtype.itemsize * 3))).ravel()
    numbers: NDArray[np.intp] = np.unique(places, return_inverse=True)[1]
    return numbers.reshape(-1)


def _area_normals(vertices_mm: FloatArray, triangles: Int32Array) -> NDArray[np.float64]:
    corners = vertices_mm[triangles].astype(np.float64)
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
