"""The parts of a scan that belong to the face: the skin, and what lies in its openings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

from fercore.geometry.meshes import component_labels, kept_triangles, largest_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import Mesh

_BEFORE_MM = 6.0  # a cornea stands so far before the lids around it, and no more
_BEHIND_MM = 60.0  # the gums' far end
_AROUND = 20  # nearest points of the skin, that tell how deep it is there
_NEAR_MM = 40.0  # from the middle of an eyeball or of the teeth to the nearest skin


def without_strays(mesh: Mesh) -> tuple[Mesh, int]:
    """Return the skin of a face with the eyes, teeth and tongue in it, and the triangles left out.

    The skin is the connected part with the largest surface; `mesh` stands before the camera, in
    millimetres. Other parts stay where they lie within the skin's outline and not before it.

    Raises:
        MeshError: the mesh has no triangles or a vertex is not finite.
    """
    labels = component_labels(mesh)
    skin = largest_label(mesh, labels)
    of_triangles = labels[mesh.triangles[:, 0]]
    others = np.setdiff1d(of_triangles, [skin])
    inside = _inside(mesh, labels, skin, others) if len(others) else others
    kept = np.isin(of_triangles, [skin, *inside])
    return kept_triangles(mesh, kept), int((~kept).sum())


def _inside(
    mesh: Mesh, labels: NDArray[np.int32], skin: int, others: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return those of the other parts that lie inside the face."""
    points = mesh.vertices_mm.astype(np.float64)
    on_skin = points[labels == skin]
    numbers = np.searchsorted(others, labels)
    numbers[numbers == len(others)] = 0
    belongs = others[numbers] == labels
    places, members = points[belongs], numbers[belongs]
    count = np.bincount(members, minlength=len(others))
    sums = [np.bincount(members, places[:, axis], len(others)) for axis in range(3)]
    centres = np.stack(sums, axis=1) / count[:, None]
    front = np.full(len(others), -np.inf)
    np.maximum.at(front, members, places[:, 2])
    low, high = on_skin[:, :2].min(axis=0), on_skin[:, :2].max(axis=0)
    distances, nearest = KDTree(on_skin[:, :2]).query(centres[:, :2], k=min(_AROUND, len(on_skin)))
    depth = on_skin[nearest.reshape(len(others), -1), 2].max(axis=1)
    near = distances.reshape(len(others), -1)[:, 0] < _NEAR_MM
    framed = ((centres[:, :2] > low) & (centres[:, :2] < high)).all(axis=1)
    behind = (front < depth + _BEFORE_MM) & (centres[:, 2] > depth - _BEHIND_MM)
    return np.asarray(others[framed & near & behind], np.int32)
