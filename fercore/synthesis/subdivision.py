"""Catmull-Clark subdivision of quad meshes as one matrix.

A coarse mesh is meant to be seen subdivided once. New vertices are fixed weighted means
of old ones, so displacements are subdivided by the same matrix as positions.

Source: Catmull and Clark, "Recursively generated B-spline surfaces on arbitrary
topological meshes", Computer-Aided Design 10(6), 1978; rules at the border as in
Hoppe et al., SIGGRAPH 1994.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, vstack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import Int32Array


@dataclass(frozen=True, slots=True)
class Subdivision:
    """Four small quads for each old one: old vertices first, then edges, then faces."""

    smooth: csr_array[Any]  # (N, V), new places from old ones
    linear: csr_array[Any]  # (N, V), the same without smoothing: for texture coordinates
    quads: Int32Array  # (4 F, 4), of old quad i: 4 i to 4 i + 3


def subdivide(quads: Int32Array, count: int) -> Subdivision:
    """Subdivide quads (F, 4) over `count` vertices once; unused vertices stay where they are."""
    sides = np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2)
    edges, side_edge = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    side_edge = side_edge.reshape(-1, 4)  # (F, 4), edge from corner k to corner k + 1
    of_edge = _means(edges, count)
    of_face = _means(quads, count)
    inner = np.bincount(side_edge.ravel(), minlength=len(edges)) == 2
    edge_smooth = _smoothed_edges(of_edge, of_face, side_edge, inner)
    vertex_smooth = _smoothed_vertices(quads, edges, inner, of_edge, of_face)
    old = diags_array(np.ones(count), format="csr")
    return Subdivision(
        smooth=csr_array(vstack([vertex_smooth, edge_smooth, of_face])).astype(np.float32),
        linear=csr_array(vstack([old, of_edge, of_face])).astype(np.float32),
        quads=_small_quads(quads, side_edge, count, len(edges)),
    )


def _means(groups: NDArray[Any], count: int) -> csr_array[Any]:
    """Return the matrix (G, V) whose rows average the vertices of each group (G, K)."""
    rows = np.repeat(np.arange(len(groups)), groups.shape[1])
    weights = np.full(groups.size, 1 / groups.shape[1])
    return csr_array(coo_array((weights, (rows, groups.ravel())), shape=(len(groups), count)))


def _smoothed_edges(
    of_edge: csr_array[Any],
    of_face: csr_array[Any],
    side_edge: NDArray[np.int64],
    inner: NDArray[np.bool_],
) -> csr_array[Any]:
    faces = np.repeat(np.arange(len(side_edge)), 4)
    beside = coo_array(
        (np.full(side_edge.size, 0.5), (side_edge.ravel(), faces)),
        shape=(len(inner), len(side_edge)),
    )
    of_neighbours = csr_array(beside) @ of_face
    share = diags_array(np.where(inner, 0.5, 0.0))
    return csr_array(share @ of_neighbours + diags_array(np.where(inner, 0.5, 1.0)) @ of_edge)


def _smoothed_vertices(
    quads: Int32Array,
    edges: NDArray[np.int64],
    inner: NDArray[np.bool_],
    of_edge: csr_array[Any],
    of_face: csr_array[Any],
) -> csr_array[Any]:
    count = of_face.shape[1]
    faces = _mean_over(quads, np.arange(len(quads)), count) @ of_face
    middles = _mean_over(edges, np.arange(len(edges)), count) @ of_edge
    borders = np.flatnonzero(~inner)
    along = _mean_over(edges[borders], borders, count, len(edges)) @ of_edge
    valence = np.bincount(edges.ravel(), minlength=count).astype(float)
    at_border = np.isin(np.arange(count), edges[borders])
    inside = (valence > 0) & ~at_border
    n = np.where(inside, valence, 1.0)
    stay = np.where(inside, (n - 3) / n, np.where(at_border, 0.5, 1.0))
    return csr_array(
        diags_array(np.where(inside, 1 / n, 0.0)) @ faces
        + diags_array(np.where(inside, 2 / n, 0.0)) @ middles
        + diags_array(np.where(at_border, 0.5, 0.0)) @ along
        + diags_array(stay)
    )


def _mean_over(
    groups: NDArray[Any], numbers: NDArray[np.int64], count: int, total: int | None = None
) -> csr_array[Any]:
    """Return the matrix (V, total) that averages, at each vertex, the groups around it."""
    columns = np.repeat(numbers, groups.shape[1])
    shape = (count, total if total is not None else len(groups))
    sums = csr_array(coo_array((np.ones(groups.size), (groups.ravel(), columns)), shape=shape))
    around = np.maximum(np.bincount(groups.ravel(), minlength=count), 1)
    return csr_array(diags_array(1 / around) @ sums)


def _small_quads(
    quads: Int32Array, side_edge: NDArray[np.int64], count: int, edges: int
) -> Int32Array:
    after = count + side_edge
    before = np.roll(after, 1, axis=1)
    middle = np.repeat((count + edges + np.arange(len(quads)))[:, None], 4, axis=1)
    small = np.stack([quads, after, middle, before], axis=2)
    return np.asarray(small.reshape(-1, 4), np.int32)
