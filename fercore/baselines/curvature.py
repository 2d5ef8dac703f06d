"""Principal curvatures of a mesh by the cubic fit, and what is derived from them.

Goldfeather and Interrante, "A novel cubic-order algorithm for approximating principal
direction vectors" (ACM ToG 23, 2004): in a vertex's tangent frame the surface is
z = A/2 x² + B xy + C/2 y² + D x³ + E x² y + F x y² + G y³, fitted to the places and to the
normals of the neighbours; the curvatures are the eigenvalues of [[A, B], [B, C]].
Curvature is positive where the surface is convex, as at the tip of the nose.

Primitive surface features, after Wang et al. 2006, tell which kinds of surface a face consists
of: every vertex gets one of 12 labels of Haralick's topographic primal sketch, from the signs of
its curvatures and its slope towards the camera, and seven regions of the face are described by
how much of their area has each label. Thresholds and regions are our choice: the abstract states
neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.baselines.posed_scans import ScanFeatures, ScanGeometry
    from fercore.structures import FloatArray, Int32Array

NEIGHBOURS = 48
LARGEST_CURVATURE = 0.3
"""Per millimetre; what is sharper is an edge of the mesh, and clipped."""

_FACING = 0.2  # cosine; a neighbour turned further away lies on another surface, such as a lip
_BATCH = 1024  # vertices; larger ones leave the cache and are slower
_SMALLEST_PIVOT = 1e-9

PRIMITIVES = (
    *("peak", "pit", "ridge", "ravine", "ridge saddle", "ravine saddle", "flat"),
    *("convex hill", "concave hill", "convex saddle hill", "concave saddle hill", "slope hill"),
)
"""Labels: what faces the camera, then what slopes away."""

REGIONS = (
    *("right eye and brow", "left eye and brow", "glabella and nose"),
    *("right cheek", "left cheek", "mouth", "chin"),
)
"""Parts of the face; right and left are the subject's own."""

NOWHERE = -1
"""Region of a vertex that lies outside the expressive part of the face."""

_STEEP = np.tan(np.radians(20.0))
_FLAT_PER_MM = 0.01  # less curvature than this counts as none; more than a scanner's noise gives
_ABOVE_BROWS_MM, _SIDE_MM = 15.0, 65.0
_CHEEK_MM = 10.0  # how far a cheek lies outside the line from eye to corner of the mouth


@dataclass(frozen=True, slots=True)
class Curvature:
    """Principal curvatures of V vertices, per millimetre, clipped at `LARGEST_CURVATURE`."""

    largest: FloatArray  # (V,)
    smallest: FloatArray  # (V,), at most `largest`

    @property
    def shape_index(self) -> FloatArray:
        """(V,) in 0..1: pit 0, valley 0.25, saddle or flat 0.5, ridge 0.75, peak 1 (Koenderink)."""
        total, difference = self.largest + self.smallest, self.largest - self.smallest
        return np.asarray(0.5 + np.arctan2(total, difference) / np.pi, np.float32)

    @property
    def curvedness(self) -> FloatArray:
        """How strongly bent (V,), per millimetre."""
        return np.asarray(np.sqrt((self.largest**2 + self.smallest**2) / 2), np.float32)

    @property
    def mean(self) -> FloatArray:
        """Mean curvature (V,), per millimetre."""
        return np.asarray((self.largest + self.smallest) / 2, np.float32)


@lru_cache(maxsize=1)
def curvature_of(scan: ScanGeometry) -> Curvature:
    """Return the curvatures at a scan's vertices, fitted once for all that ask."""
    return fit_curvature(scan.vertices_mm, scan.normals)


def fit_curvature(vertices_mm: FloatArray, normals: FloatArray) -> Curvature:
    """Fit the curvatures at all vertices (V, 3) from places and outward unit normals (V, 3).

    A neighbour whose normal points elsewhere does not count. Where too few are left to
    determine the fit, curvature is near 0.
    """
    places, directions = vertices_mm.astype(np.float64), normals.astype(np.float64)
    count = min(NEIGHBOURS + 1, len(places))
    nearest = cKDTree(places).query(places, k=count)[1][:, 1:]
    fits = [
        _fit(places, directions, rows, nearest[rows])
        for rows in np.array_split(np.arange(len(places)), len(places) // _BATCH + 1)
    ]
    smallest, largest = np.concatenate(fits).T.clip(-LARGEST_CURVATURE, LARGEST_CURVATURE)
    return Curvature(largest.astype(np.float32), smallest.astype(np.float32))


def trusted(triangles: Int32Array, count: int) -> FloatArray:
    """Return how far to trust the curvature at each of `count` vertices, (count,) in 0..1.

    A vertex on an open border has neighbours on one side only: 0; next to one: 0.5; else 1.
    """
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    edges = coo_array((np.ones(len(sides)), tuple(sides.T)), shape=(count, count)).tocsr()
    both_ways = (edges + edges.T).tocoo()
    border = np.zeros(count, bool)
    border[both_ways.coords[0][both_ways.data == 1]] = True
    beside = (both_ways @ border.astype(np.float64)) > 0
    return np.where(border, 0.0, np.where(beside, 0.5, 1.0)).astype(np.float32)


def tangent_axes(normals: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for unit normals (N, 3) the head's x axis in the tangent plane, and one across.

    Both are (N, 3), of unit length; with the normal they make a right-handed frame.
    """
    away = np.where(np.abs(normals[:, :1]) < 0.95, [[1.0, 0.0, 0.0]], [[0.0, 0.0, -1.0]])
    across = np.cross(normals, away)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.cross(across, normals), across


def describe_primitives(scan: ScanGeometry) -> ScanFeatures:
    """Return `primitives` (7, 12): which share of each region's area has each label."""
    labels = primitive_labels(curvature_of(scan), scan.normals)
    regions = face_regions(scan)
    inside = regions != NOWHERE
    cells = regions[inside] * len(PRIMITIVES) + labels[inside]
    areas = _areas_mm2(scan)[inside]
    sums = np.bincount(cells, weights=areas, minlength=len(REGIONS) * len(PRIMITIVES))
    table = sums.reshape(len(REGIONS), len(PRIMITIVES))
    shares = table / table.sum(axis=1, keepdims=True).clip(1e-6)
    return {"primitives": shares.astype(np.float32)}


def primitive_labels(curvature: Curvature, normals: FloatArray) -> NDArray[np.int64]:
    """Return which of `PRIMITIVES` each vertex is, (V,), from curvatures and normals (V, 3)."""
    large, small = (
        np.where(np.abs(values) < _FLAT_PER_MM, 0.0, values)
        for values in (curvature.largest, curvature.smallest)
    )
    faces = np.hypot(normals[:, 0], normals[:, 1]) < _STEEP * np.abs(normals[:, 2])
    saddle = (large > 0) & (small < 0)
    rather_ridge = saddle & (large >= -small)
    convex, concave = ~saddle & (large > 0), ~saddle & (small < 0)
    tests = {
        "peak": faces & (small > 0),
        "pit": faces & (large < 0),
        "ridge": faces & convex,
        "ravine": faces & concave,
        "ridge saddle": faces & rather_ridge,
        "ravine saddle": faces & saddle,
        "flat": faces,
        "convex hill": convex,
        "concave hill": concave,
        "convex saddle hill": rather_ridge,
        "concave saddle hill": saddle,
    }
    numbers = [PRIMITIVES.index(name) for name in tests]
    return np.select(list(tests.values()), numbers, PRIMITIVES.index("slope hill"))


def face_regions(scan: ScanGeometry) -> NDArray[np.int64]:
    """Return which of `REGIONS` each vertex lies in (V,): that of the nearest of their middles."""
    named = scan.named_mm
    seeds = _seeds(scan)
    places = np.concatenate([np.array(points)[:, :2] for points in seeds.values()])
    numbers = np.repeat(np.arange(len(REGIONS)), [len(seeds[name]) for name in REGIONS])
    nearest = numbers[cKDTree(places).query(scan.vertices_mm[:, :2])[1]]
    x, y = scan.vertices_mm[:, 0], scan.vertices_mm[:, 1]
    brows = max(named[f"{side} brow middle"][1] for side in ("right", "left"))
    expressive = (np.abs(x) < _SIDE_MM) & (y < brows + _ABOVE_BROWS_MM) & (y > named["chin"][1])
    return np.where(expressive, nearest, NOWHERE)


def _fit(
    places: NDArray[np.float64],
    normals: NDArray[np.float64],
    rows: NDArray[np.int64],
    nearest: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the smallest and largest curvature (n, 2) at the vertices `rows` (n,)."""
    frame = np.stack([*tangent_axes(normals[rows]), normals[rows]], axis=-1)  # (n, 3, 3)
    steps = (places[nearest] - places[rows, None]) @ frame  # (n, k, 3)
    turned = normals[nearest] @ frame
    radius = np.linalg.norm(steps[..., :2], axis=-1).mean(axis=1).clip(1e-6)[:, None, None]
    matrix, wanted = _equations(steps / radius, turned)
    square = matrix.transpose(0, 2, 1) @ matrix
    trace = np.trace(square, axis1=1, axis2=2)[:, None, None] + 1e-6
    square += _SMALLEST_PIVOT * trace * np.eye(7)
    solved = np.linalg.solve(square, matrix.transpose(0, 2, 1) @ wanted[..., None])[..., 0]
    a, b, c = (solved[:, :3] / radius[:, 0]).T
    middle, spread = (a + c) / 2, np.hypot((a - c) / 2, b)
    return np.stack([-middle - spread, -middle + spread], axis=1)


def _equations(
    steps: NDArray[np.float64], turned: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the equations (n, 3k, 7) of k neighbours and their right sides (n, 3k)."""
    x, y, z = np.moveaxis(steps, -1, 0)
    counts = turned[..., 2] > _FACING
    height = np.where(counts, turned[..., 2], 1.0)
    zero, xx, xy, yy = np.zeros_like(x), x * x, x * y, y * y
    place = [xx / 2, xy, yy / 2, xx * x, xx * y, x * yy, yy * y]
    slope_x = [x, y, zero, 3 * xx, 2 * xy, yy, zero]
    slope_y = [zero, x, y, zero, xx, 2 * xy, 3 * yy]
    matrix = np.concatenate([np.stack(row, axis=-1) for row in (place, slope_x, slope_y)], axis=1)
    right = np.concatenate([z, -turned[..., 0] / height, -turned[..., 1] / height], axis=1)
    weights = np.tile(counts, 3)
    return matrix * weights[..., None], right * weights


def _seeds(scan: ScanGeometry) -> dict[str, list[FloatArray]]:
    """Return the middles of each of `REGIONS`, (3,) each."""
    named = scan.named_mm
    brows, eyes, cheeks = {}, {}, {}
    for side, sign in (("right", -1), ("left", 1)):
        brows[side] = named[f"{side} brow middle"]
        eyes[side] = (named[f"{side} eye outer"] + named[f"{side} eye inner"]) / 2
        cheeks[side] = (eyes[side] + named[f"mouth {side}"]) / 2
        cheeks[side] = cheeks[side] + np.array([sign * _CHEEK_MM, 0, 0], np.float32)
    nose = (named["nose root"] + named["nose base"]) / 2
    lips = (named["mouth upper"] + named["mouth lower"]) / 2
    chin = named["chin"]
    return {
        "right eye and brow": [brows["right"], eyes["right"]],
        "left eye and brow": [brows["left"], eyes["left"]],
        "glabella and nose": [nose, (brows["right"] + brows["left"]) / 2],
        "right cheek": [cheeks["right"]],
        "left cheek": [cheeks["left"]],
        "mouth": [lips],
        "chin": [chin, (chin + named["mouth lower"]) / 2],
    }


def _areas_mm2(scan: ScanGeometry) -> NDArray[np.float64]:
    """Return a third of the area of the triangles at each vertex, (V,)."""
    corners = scan.vertices_mm[scan.triangles].astype(np.float64)
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(sides, axis=1) / 6
    corner, shares = scan.triangles.ravel(), np.repeat(areas, 3)
    summed = np.bincount(corner, weights=shares, minlength=len(scan.vertices_mm))
    return summed.astype(np.float64)
