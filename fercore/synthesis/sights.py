"""What a pinhole camera sees of a lit face and the solids around it, before any sensor.

The camera is the origin: x to the picture's right, y up, z against the line of sight, so
that whatever is seen has a negative z. Millimetres, as everywhere in geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.geometry import vertex_normals
from fercore.synthesis.lighting import Shaded, glance, irradiance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Intrinsics
    from fercore.synthesis.lighting import Hits, Light
    from fercore.synthesis.occluders import Solid
    from fercore.synthesis.picture import LitSurface

_SHARPNESS = 30.0  # of a solid's highlights


@dataclass(frozen=True, slots=True)
class Sight:
    """All that light, and a depth sensor's own lamp, find in a picture (H, W)."""

    light: FloatArray  # (H, W, 3), linear RGB
    depth_m: FloatArray  # (H, W), metres along the optical axis, inf where nothing is
    facing: FloatArray  # (H, W), cosine between surface and line of sight, 0..1
    infrared: FloatArray  # (H, W), reflectance near 850 nm, 0..1
    glint: FloatArray  # (H, W), highlight of a lamp beside the camera
    face: NDArray[np.bool_]  # (H, W), where the face model is seen


def blank_sight(height: int, width: int) -> Sight:
    """Return a picture of nothing at all, to be painted on."""
    shape = (height, width)
    return Sight(
        light=np.zeros((*shape, 3), np.float32),
        depth_m=np.full(shape, np.inf, np.float32),
        facing=np.ones(shape, np.float32),
        infrared=np.zeros(shape, np.float32),
        glint=np.zeros(shape, np.float32),
        face=np.zeros(shape, bool),
    )


def look(
    background: Sight,
    camera: Intrinsics,
    surface: LitSurface,
    solid: Solid,
    nearby_mm: FloatArray,
    light: Light,
) -> None:
    """Paint the face and the solids over a background of the camera's size, in place.

    `nearby_mm` (N, 3) are points that surround all there is to be seen: vertices of both.
    """
    window = _window(nearby_mm, camera)
    directions = _directions(camera, window)
    rays = np.zeros((len(directions), 6), np.float32)
    rays[:, 3:] = directions
    towards_eye = -directions / np.linalg.norm(directions, axis=1, keepdims=True)
    on_face, on_solid = surface.cast(rays)
    surface.trace_light_to(on_face)
    if on_solid.rays.any():
        seen = _shade_solid(solid, surface, light, on_solid, towards_eye[on_solid.rays])
        _paint(background, window, on_solid.rays, on_solid.distance, seen)
    if on_face.rays.any():
        seen = surface.shade(light, on_face, towards_eye[on_face.rays])
        _paint(background, window, on_face.rays, on_face.distance, seen)
        background.face[window] = on_face.rays.reshape(background.face[window].shape)


def _shade_solid(
    solid: Solid, surface: LitSurface, light: Light, hits: Hits, towards_eye: FloatArray
) -> Shaded:
    """Return what is seen of a solid at its hits, in the shadow of face and solid."""
    normals = vertex_normals(solid.vertices_mm, solid.triangles)
    used = np.unique(solid.triangles[hits.numbers])
    reaching = np.zeros((len(normals), 3), np.float32)
    visible = surface.visible_light(solid.vertices_mm[used], normals[used])
    reaching[used] = irradiance(light, visible)
    columns = (reaching, normals, solid.reflectance, solid.infrared, solid.gloss)
    table = np.column_stack(columns).astype(np.float32)
    mixed = np.einsum("nc,nck->nk", hits.weights, table[solid.triangles[hits.numbers]])
    facing = glance(mixed[:, 3:6], towards_eye)
    half = light.key_direction + towards_eye
    half = half / np.linalg.norm(half, axis=-1, keepdims=True)
    shine = light.shine * mixed[:, 10] * glance(mixed[:, 3:6], half) ** _SHARPNESS
    return Shaded(
        light=np.asarray(mixed[:, :3] * (mixed[:, 6:9] + shine[:, None] * light.key_colour)),
        facing=facing,
        infrared=mixed[:, 9],
        glint=np.asarray(mixed[:, 10] * facing**_SHARPNESS, np.float32),
    )


def _paint(
    background: Sight,
    window: tuple[slice, slice],
    rays: NDArray[np.bool_],
    distance_mm: FloatArray,
    seen: Shaded,
) -> None:
    chosen = rays.reshape(background.depth_m[window].shape)
    background.light[window][chosen] = seen.light
    background.depth_m[window][chosen] = distance_mm / 1000
    background.facing[window][chosen] = seen.facing
    background.infrared[window][chosen] = seen.infrared
    background.glint[window][chosen] = seen.glint


def project(points_mm: FloatArray, camera: Intrinsics) -> NDArray[np.float64]:
    """Return columns and rows (N, 2) of points (N, 3) in front of the camera."""
    slopes = points_mm[:, :2] / np.maximum(-points_mm[:, 2:], 1.0)
    focal = np.array([camera.fx, -camera.fy])
    return np.asarray(slopes * focal + np.array([camera.cx, camera.cy]), np.float64)


def _window(points_mm: FloatArray, camera: Intrinsics) -> tuple[slice, slice]:
    """Return the rows and columns worth casting rays for."""
    pixels = project(points_mm, camera)
    size = (camera.width, camera.height)
    low = np.floor(pixels.min(axis=0)).clip(0, size).astype(int)
    high = (np.ceil(pixels.max(axis=0)) + 1).clip(low, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _directions(camera: Intrinsics, window: tuple[slice, slice]) -> FloatArray:
    """Return one direction per pixel (R, 3), of length 1 along the optical axis."""
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in window)
    directions = np.empty((len(rows), len(columns), 3), np.float32)
    directions[..., 0] = (columns - camera.cx) / camera.fx
    directions[..., 1] = ((camera.cy - rows) / camera.fy)[:, None]
    directions[..., 2] = -1
    return directions.reshape(-1, 3)
