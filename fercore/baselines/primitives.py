"""Primitive surface features after Wang et al. 2006: which kinds of surface a face consists of.

Every vertex gets one of 12 labels of Haralick's topographic primal sketch, from the signs of its
principal curvatures and from its slope towards the camera; seven regions of the face are described
by how much of their area has each label. Thresholds and regions are our choice: the abstract
states neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from fercore.baselines.curvature import curvature_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.baselines.curvature import Curvature
    from fercore.baselines.scan_geometry import ScanFeatures, ScanGeometry
    from fercore.structures import FloatArray

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
    return np.bincount(
        scan.triangles.ravel(), weights=np.repeat(areas, 3), minlength=len(scan.vertices_mm)
    )
