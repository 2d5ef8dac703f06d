"""Joins eyes, teeth and face into one connected surface.

Scanners deliver one surface, and readers of their files drop what is not connected to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array


def bridges(poses: list[FloatArray], triangles: Int32Array) -> Int32Array:
    """Return triangles (B, 3) that join the separate meshes where they always lie closest.

    `poses` are the vertices (V, 3) in several expressions; `triangles` index them.
    """
    places = np.hstack(poses)
    slivers = []
    joined, rest = _split_components(len(places), triangles)
    while rest:
        tree = cKDTree(places[joined])
        reached = [tree.query(places[part]) for part in rest]
        nearest = int(np.argmin([distances.min() for distances, _ in reached]))
        distances, indices = reached[nearest]
        part = rest.pop(nearest)
        closest = int(distances.argmin())
        slivers.append(_sliver(triangles, int(part[closest]), int(joined[indices[closest]])))
        joined = np.concatenate([joined, part])
    return np.array(slivers, np.int32).reshape(-1, 3)


def _split_components(
    count: int, triangles: Int32Array
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    used = np.unique(triangles).astype(np.int64)
    rows, columns = triangles[:, [0, 1]].ravel(), triangles[:, [1, 2]].ravel()
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1][used]
    sizes = np.bincount(labels)
    order = [label for label in np.argsort(-sizes) if sizes[label]]
    return used[labels == order[0]], [used[labels == label] for label in order[1:]]


def _sliver(triangles: Int32Array, vertex: int, target: int) -> tuple[int, int, int]:
    around = triangles[(triangles == vertex).any(axis=1)][0]
    neighbour = int(around[around != vertex][0])
    return vertex, neighbour, target
