"""What the surface is like around each landmark: meshHOG, meshHOS and range patches.

meshHOG and meshHOS are after Li et al. 2015: histograms of the direction of slope, and of the
shape index, over nine overlapping circles of a landmark's neighbourhood. The neighbourhood is
what can be reached along the surface: lips that face each other are not neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from fercore.baselines.attribute_maps import renderer_of
from fercore.baselines.curvature import curvature_of, tangent_axes, trusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.baselines.posed_scans import ScanFeatures, ScanGeometry
    from fercore.structures import FloatArray, Int32Array

RADIUS_MM = 20.0
BINS, CIRCLES = 8, 9

PATCH_SIZE, PATCH_STEP_MM = 15, 2.0
"""Pixels along a side of a patch, and how far apart they are."""

CIRCLE_MM = RADIUS_MM / 4
"""Standard deviation of a circle's Gaussian weights."""

RING_MM = 11.0
"""From a landmark to the centres of the eight outer circles."""

_DETOUR = 1.25  # the way along edges is longer than along the surface
_LARGEST_BIN = 0.2  # as SIFT clips
_DEEPEST_MM = 30.0  # range beyond this is another surface, or none


@dataclass(frozen=True, slots=True)
class _Neighbourhoods:
    """Vertices around P landmarks, in each landmark's tangent frame.

    All are padded to the largest, k, with vertices that have no weight.
    """

    vertices: NDArray[np.int64]  # (P, k)
    frames: NDArray[np.float64]  # (P, 3, 3), columns: the head's x, across, outward
    circles: NDArray[np.float64]  # (P, k, 9), weights


def describe_mesh(scan: ScanGeometry) -> ScanFeatures:
    """Return `mesh_hog` and `mesh_hos`, (68, 72) each: 8 bins × 9 circles at every landmark."""
    around = _neighbourhoods(scan)
    return {"mesh_hog": _slopes(scan, around), "mesh_hos": _shapes(scan, around)}


def range_patches(scan: ScanGeometry, points_mm: FloatArray) -> FloatArray:
    """Return how far the surface stands out around points (P, 3), (P, 15, 15), mean 0, mm.

    Patches lie in the tangent planes, the head's x to the right; where there is no surface, the
    plane itself stands in for it.
    """
    nearest = cKDTree(scan.vertices_mm).query(points_mm)[1]
    frames = _frames(_smoothed_normals(scan, nearest))
    steps = (np.arange(PATCH_SIZE) - (PATCH_SIZE - 1) / 2) * PATCH_STEP_MM
    right, up = np.meshgrid(steps, -steps)
    plane = np.stack([right, up, np.full_like(right, _DEEPEST_MM)], axis=-1)
    origins = points_mm[:, None, None] + np.einsum("hwi,pxi->phwx", plane, frames)
    inwards = np.broadcast_to(-frames[:, None, None, :, 2], origins.shape)
    met = renderer_of(scan).distances(origins.astype(np.float32), inwards.astype(np.float32))
    heights = np.where(met < 2 * _DEEPEST_MM, _DEEPEST_MM - met, 0.0)
    return np.asarray(heights - heights.mean(axis=(1, 2), keepdims=True), np.float32)


def soft_histograms(
    places: NDArray[np.float64], weights: NDArray[np.float64], turning: bool
) -> NDArray[np.float64]:
    """Return each value's weight in 8 bins (..., 8), split between the two nearest centres.

    `places` (...) count bins, 0 the centre of the first; `turning` bins close a circle.
    """
    counted = places if turning else places.clip(0, BINS - 1)
    away = counted[..., None] - np.arange(BINS)
    if turning:
        away = (away + BINS / 2) % BINS - BINS / 2
    return np.asarray(np.maximum(1 - np.abs(away), 0) * weights[..., None], np.float64)


def clipped_unit(histograms: NDArray[np.float64]) -> FloatArray:
    """Return rows (..., F) of unit length in which no bin outweighs all others."""
    unit = histograms / (np.linalg.norm(histograms, axis=-1, keepdims=True) + 1e-9)
    clipped = np.minimum(unit, _LARGEST_BIN)
    return np.asarray(
        clipped / (np.linalg.norm(clipped, axis=-1, keepdims=True) + 1e-9), np.float32
    )


def _slopes(scan: ScanGeometry, around: _Neighbourhoods) -> FloatArray:
    """Return histograms of the direction in which the surface falls, weighted by how steeply."""
    leaning = scan.normals[around.vertices] @ around.frames
    places = np.arctan2(leaning[..., 1], leaning[..., 0]) / (2 * np.pi) * BINS
    steepness = np.hypot(leaning[..., 0], leaning[..., 1])
    return _pooled(soft_histograms(places, steepness, turning=True), around)


def _shapes(scan: ScanGeometry, around: _Neighbourhoods) -> FloatArray:
    """Return histograms of the shape index, weighted by how bent the surface is."""
    curvature = curvature_of(scan)
    places = curvature.shape_index[around.vertices].astype(np.float64) * BINS - 0.5
    bent = curvature.curvedness * (0.5 + 0.5 * trusted(scan.triangles, len(scan.vertices_mm)))
    return _pooled(soft_histograms(places, bent[around.vertices], turning=False), around)


def _pooled(bins: NDArray[np.float64], around: _Neighbourhoods) -> FloatArray:
    sums = around.circles.transpose(0, 2, 1) @ bins  # (P, 9, 8)
    return clipped_unit(sums.reshape(len(sums), -1))


def _neighbourhoods(scan: ScanGeometry) -> _Neighbourhoods:
    points = scan.inner_points_mm
    tree = cKDTree(scan.vertices_mm)
    centres = tree.query(points)[1]
    near = [np.array(found) for found in tree.query_ball_point(points, RADIUS_MM)]
    ways = _ways_mm(scan.vertices_mm, scan.triangles, centres)
    reached = [
        found[ways[row, found] < _DETOUR * RADIUS_MM] if len(found) else found
        for row, found in enumerate(near)
    ]
    vertices = np.full((len(points), max(1, *map(len, reached))), -1)
    for row, found in enumerate(reached):
        vertices[row, : len(found)] = found
    inside = vertices >= 0
    frames = _frames(_smoothed_normals(scan, centres))
    places = (scan.vertices_mm[vertices] - points[:, None]) @ frames
    return _Neighbourhoods(vertices, frames, _circle_weights(places, inside))


def _circle_weights(places: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weights (P, k, 9) of places (P, k, 3) in the circles of their tangent plane."""
    angles = np.arange(CIRCLES - 1) * 2 * np.pi / (CIRCLES - 1)
    ring = RING_MM * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = np.concatenate([np.zeros((1, 2)), ring])
    away = places[..., None, :2] - centres
    weights = np.exp(-(away**2).sum(axis=-1) / (2 * CIRCLE_MM**2))
    return np.asarray(weights * inside[..., None], np.float64)


def _ways_mm(
    vertices_mm: FloatArray, triangles: Int32Array, centres: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the way along edges from centres (P,) to all vertices, (P, V); inf: too far."""
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    sides = np.unique(np.sort(sides, axis=1), axis=0)
    lengths = np.linalg.norm(vertices_mm[sides[:, 0]] - vertices_mm[sides[:, 1]], axis=1)
    count = len(vertices_mm)
    graph = coo_array((lengths.astype(np.float64), tuple(sides.T)), shape=(count, count)).tocsr()
    ways = dijkstra(graph, directed=False, indices=centres, limit=_DETOUR * RADIUS_MM)
    return np.asarray(ways, np.float64)


def _smoothed_normals(scan: ScanGeometry, vertices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean normals (P, 3) around vertices (P,): steadier than their own."""
    near = cKDTree(scan.vertices_mm).query_ball_point(scan.vertices_mm[vertices], RADIUS_MM)
    means = np.array([scan.normals[found].mean(axis=0) for found in near], np.float64)
    lengths = np.linalg.norm(means, axis=1, keepdims=True).clip(1e-6)
    return np.asarray(means / lengths, np.float64)


def _frames(normals: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([*tangent_axes(normals), normals], axis=-1)
