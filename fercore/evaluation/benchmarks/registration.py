"""How far off the registration is, on pairs of depth and colour whose motion is known.

For each scan the textured F3D mesh is rendered; the colour picture gets a light, a
gain, noise and a background of its own and is moved by a known similarity. The face
goes on beyond the scan's edge by a varying distance, as ears, hair and neck do, so
that no clean silhouette gives the place away. Only the registration knows nothing
of the motion.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage

from fercore.datasets.bu3dfe import Bu3dfe
from fercore.errors import DatasetError, MeshError
from fercore.faces.detection import MediapipeFaceLandmarker
from fercore.geometry import (
    MeshRenderer,
    OrthographicCamera,
    Rendering,
    Similarity,
    fill_interior_holes,
    largest_component,
)
from fercore.registration import Registration, register, steady_landmarks
from fercore.registration.registering import edge_distance, face_outline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.datasets.bu3dfe import Scan
    from fercore.faces.detection import FaceLandmarker
    from fercore.structures import FloatArray, Mesh, UInt8Array

SIZE = 512
MAX_SCALE, MAX_ANGLE_DEG, MAX_SHIFT_PX = 0.10, 8.0, 20.0
_LONGEST_REACH_PX = 70.0  # how far the face may go on beyond the scan's edge


@dataclass(frozen=True, slots=True)
class KnownPair:
    """A depth map and a colour picture of one face, and the motion between them."""

    name: str
    rendering: Rendering
    mm_per_pixel: float
    picture_rgb: UInt8Array  # (512, 512, 3)
    motion: Similarity  # from the depth map's pixels to the picture's


@dataclass(frozen=True, slots=True)
class PairResult:
    """What the registration of one pair came to."""

    name: str
    edge_error_px: float  # mean distance at the face's outline
    start_error_px: float  # the same, before mutual information
    seconds: float  # landmarks in both pictures included
    registration: Registration


def measure_registration(root: Path, pairs: int = 56, seed: int = 0) -> Iterator[PairResult]:
    """Yield the result of each pair; scans are taken in turn, evenly over the tree.

    Raises:
        DatasetError: the tree holds no textured mesh.
    """
    scans = _textured(Bu3dfe(root), pairs)
    landmarker = MediapipeFaceLandmarker()
    try:
        for number in range(pairs):
            scan, mesh = scans[number % len(scans)]
            yield _result(make_pair(scan.name, mesh, seed, number), landmarker)
    finally:
        landmarker.close()


def make_pair(name: str, mesh: Mesh, seed: int, number: int) -> KnownPair:
    """Return the pair of a textured mesh; equal seeds and numbers give equal pairs."""
    rng = np.random.default_rng([seed, number])
    face = largest_component(mesh)
    camera = OrthographicCamera.framing(face.vertices_mm, SIZE)
    rendering = MeshRenderer(face).orthographic(camera)
    motion = _draw_motion(rng)
    scene = _scene(rendering, camera.mm_per_pixel, rng)
    moved = cv2.warpAffine(scene, motion.matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    return KnownPair(name, rendering, camera.mm_per_pixel, _photographed(moved, rng), motion)


def _textured(dataset: Bu3dfe, count: int) -> list[tuple[Scan, Mesh]]:
    scans = dataset.scans()
    chosen = [scans[i] for i in np.linspace(0, len(scans) - 1, min(count, len(scans))).astype(int)]
    found = []
    for scan in chosen:
        try:
            mesh = scan.mesh()
        except MeshError:
            continue
        if mesh.texture_rgb is not None and mesh.uv_triangles is not None:
            found.append((scan, mesh))
    if not found:
        raise DatasetError(f"{dataset.root} holds no textured mesh; give a complete BU-3DFE tree.")
    return found


def _result(pair: KnownPair, landmarker: FaceLandmarker) -> PairResult:
    started = time.perf_counter()
    registration = register(
        pair.picture_rgb,
        pair.rendering.depth_m,
        pair.mm_per_pixel,
        steady_landmarks(landmarker.landmarks, pair.picture_rgb),
        steady_landmarks(landmarker.landmarks, pair.rendering.rgb),
    )
    seconds = time.perf_counter() - started
    outline = face_outline(fill_interior_holes(pair.rendering.depth_m))
    error = edge_distance(outline, registration.transform, pair.motion)
    start_error = edge_distance(outline, registration.start, pair.motion)
    return PairResult(pair.name, error, start_error, seconds, registration)


def _draw_motion(rng: np.random.Generator) -> Similarity:
    scale = 1 + rng.uniform(-MAX_SCALE, MAX_SCALE)
    angle_deg = rng.uniform(-MAX_ANGLE_DEG, MAX_ANGLE_DEG)
    right, down = rng.uniform(-MAX_SHIFT_PX, MAX_SHIFT_PX, 2)
    middle = (SIZE - 1) / 2
    return Similarity.about((middle, middle), scale, angle_deg, (float(right), float(down)))


def _scene(rendering: Rendering, mm_per_pixel: float, rng: np.random.Generator) -> FloatArray:
    """Light the face anew and set it before a background (H, W, 3), 0..255."""
    depth_m = fill_interior_holes(rendering.depth_m)
    lit = rendering.rgb * _light(depth_m, mm_per_pixel, rng)[..., None] * _uneven(rng, 0.85, 1.15)
    inner = ndimage.binary_erosion(np.isfinite(depth_m), iterations=2)
    distance, nearest = ndimage.distance_transform_edt(~inner, return_indices=True)
    onward = cv2.GaussianBlur(lit[tuple(nearest)].astype(np.float32), (0, 0), 3)
    background = rng.uniform(20, 235, 3) * _uneven(rng, 0.8, 1.2)
    reach = _uneven(rng, 0, _LONGEST_REACH_PX, cells=6)[..., 0]
    around = np.where((distance < reach)[..., None], onward * _uneven(rng, 0.7, 1.1, 8), background)
    return np.where(inner[..., None], lit, around).astype(np.float32)


def _light(depth_m: FloatArray, mm_per_pixel: float, rng: np.random.Generator) -> FloatArray:
    """Return the brightness (H, W) of the surface under one lamp and ambient light."""
    known = np.isfinite(depth_m)
    height = np.where(known, -1000 * depth_m / mm_per_pixel, 0)
    height = np.where(known, height, np.median(height[known])).astype(np.float32)
    down, right = np.gradient(cv2.GaussianBlur(height, (0, 0), 1.0))
    normals = np.stack([-right, down, np.ones_like(right)], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    lamp = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.2, 0.8), 1.0])
    ambient = rng.uniform(0.35, 1.0)  # 1: no shading at all, the hardest for depth
    diffuse: NDArray[np.float64] = np.clip(normals @ (lamp / np.linalg.norm(lamp)), 0, None)
    return (ambient + 1.1 * (1 - ambient) * diffuse).astype(np.float32)


def _photographed(scene: NDArray[np.float32], rng: np.random.Generator) -> UInt8Array:
    """Return the scene with a gain, a tone curve and noise of its own."""
    linear = np.clip(scene * rng.uniform(0.7, 1.15) / 255, 0, 1)
    picture = 255 * linear ** rng.uniform(0.8, 1.25)
    noisy = picture + rng.normal(0, rng.uniform(2, 8), picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _uneven(rng: np.random.Generator, low: float, high: float, cells: int = 3) -> FloatArray:
    """Return a smooth field (H, W, 1) of random values."""
    coarse = rng.uniform(low, high, (cells, cells)).astype(np.float32)
    field = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, np.float32)[..., None]
