"""Light on a synthetic face: where rays meet surfaces, and what a camera makes of it.

Light arrives from a fixed fan of directions in front of the face. Which of them each
vertex sees is found once per scan by ray casting; any studio set-up is then a set of
weights over the fan, so soft shadows of nose, brows and lids cost one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import open3d as o3d

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

_DIRECTIONS = 30
_LOWEST_Z = -0.15  # lamps stand beside and in front of the sitter, hardly behind
_CLEARANCE_MM = 0.6  # shadow rays start this far off the surface
# hc/k over the wavelengths (600, 545, 450 nm) where R, G and B see, per 1e6 kelvin.
_WIEN_PER_MIRED = 1.4388e7 / np.array([600.0, 545.0, 450.0]) * 1e-6
_BOUNCE = 0.05  # light that other skin throws back into shadows


@dataclass(frozen=True, slots=True)
class Hits:
    """Where rays met one surface, N times."""

    rays: NDArray[np.bool_]  # (R,), N of them true
    distance: FloatArray  # (N,), in lengths of the ray's direction
    numbers: NDArray[np.int64]  # (N,), the triangle
    weights: FloatArray  # (N, 3), barycentric


@dataclass(frozen=True, slots=True)
class Shaded:
    """What leaves a surface at N hits towards the camera, and what a depth sensor meets there."""

    light: FloatArray  # (N, 3), linear RGB
    facing: FloatArray  # (N,), cosine between surface and line of sight, 0..1
    infrared: FloatArray  # (N,), reflectance near 850 nm, 0..1
    glint: FloatArray  # (N,), highlight of a lamp beside the camera


def glance(normals: FloatArray, direction: FloatArray) -> FloatArray:
    """Return the cosines (N,), at least 0, between normals (N, 3) and a unit vector or N of them.

    The normals need not be of length 1.
    """
    lengths = np.sqrt(np.einsum("nk,nk->n", normals, normals))
    towards = np.broadcast_to(direction, normals.shape)
    cosines = np.einsum("nk,nk->n", normals, towards) / np.maximum(lengths, np.float32(1e-6))
    return np.asarray(np.maximum(cosines, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """What falls on a face; directions are unit vectors towards the lamp."""

    radiance: FloatArray  # (30, 3), linear RGB of the light from each direction of the fan
    key_direction: FloatArray  # (3,)
    key_colour: FloatArray  # (3,), linear RGB
    shine: float  # strength of highlights, 0.3..1.2


@dataclass(frozen=True, slots=True)
class Lighting(Light):
    """One studio set-up with its camera."""

    exposure: float  # gain on top of the camera's automatic exposure, 0.75..1.3
    white_balance: FloatArray  # (3,), gains
    contrast: float  # 0.9..1.15
    noise: float  # standard deviation, grey levels
    blur: float  # sigma, pixels
    background: FloatArray  # (3,), sRGB 0..1


def sample_lighting(rng: np.random.Generator) -> Lighting:
    """Draw a studio-like set-up: one soft key lamp, a weaker fill, light from all around."""
    side = float(rng.choice((-1.0, 1.0)))
    key = _direction(side * rng.uniform(5, 55), rng.uniform(5, 50))
    fill = _direction(-side * rng.uniform(10, 60), rng.uniform(-15, 30))
    key_colour, fill_colour = _lamp(rng), _lamp(rng)
    softness = float(rng.uniform(3.0, 10.0))
    radiance = (
        _lobe(key, softness) * key_colour * rng.uniform(0.6, 1.1)
        + _lobe(fill, 3.0) * fill_colour * rng.uniform(0.2, 0.6)
        + rng.uniform(0.25, 0.55) * _lamp(rng) * _surroundings()
    )
    return Lighting(
        radiance=radiance.astype(np.float32),
        key_direction=key,
        key_colour=key_colour,
        shine=float(rng.uniform(0.3, 1.2)),
        exposure=float(rng.uniform(0.75, 1.3)),
        white_balance=rng.uniform(0.97, 1.03, 3).astype(np.float32),
        contrast=float(rng.uniform(0.9, 1.15)),
        noise=float(rng.uniform(0.6, 2.5)),
        blur=float(rng.uniform(0.45, 0.95)),
        background=_background(rng),
    )


def room_light(rng: np.random.Generator) -> Light:
    """Draw the light of some room: an environment, and a lamp or window at any side.

    The key lamp is anything from faint to eight times the environment, from a soft window to
    a bare bulb; lamps and environment have colours of their own, from 2500 K to 9000 K.
    """
    side = float(rng.choice((-1.0, 1.0)))
    key = _direction(side * 95 * rng.beta(1.2, 1.2), rng.uniform(-15, 65))
    key_colour = lamp_colour(float(rng.uniform(2500, 9000)))
    strength = float(np.exp(rng.uniform(np.log(0.15), np.log(2.4))))
    radiance = strength * _lobe(key, float(rng.uniform(2.0, 22.0))) * key_colour
    radiance += rng.uniform(0.3, 0.9) * _environment(rng)
    return Light(
        radiance=radiance.astype(np.float32),
        key_direction=key,
        key_colour=(key_colour * np.float32(min(strength, 1.2))).astype(np.float32),
        shine=float(rng.uniform(0.2, 1.3)),
    )


def lamp_colour(kelvin: float) -> FloatArray:
    """Return a black body's linear RGB (3,), green 1, white at 6500 K (Wien's law)."""
    mired = 1e6 / kelvin - 1e6 / 6500
    colour = np.exp(-_WIEN_PER_MIRED * mired)
    return np.asarray(colour / colour[1], np.float32)


def _environment(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return weights (30, 3) of a smooth environment, brighter and tinted to some sides."""
    colour = lamp_colour(float(rng.uniform(3000, 8500)))
    slope = rng.normal((0.0, 0.25, 0.0), 0.35)  # more light from above
    bounce = np.clip(1 + fan() @ rng.normal(0, 0.15, (3, 3)), 0.5, 1.5)
    weights = np.clip(1 + fan() @ slope, 0.1, None)[:, None]
    weights = weights / (weights * np.maximum(fan()[:, 2:], 0)).sum()
    return np.asarray(weights * bounce * colour)


def even_lighting(rng: np.random.Generator) -> Lighting:
    """Draw the scanner's own light: two flashes, nearly shadowless, no noise."""
    left, right = _direction(-35.0, 15.0), _direction(35.0, 15.0)
    both = _lobe(left, 3.0) * rng.uniform(0.5, 0.6) + _lobe(right, 3.0) * rng.uniform(0.5, 0.6)
    return Lighting(
        radiance=((both + 0.45 * _surroundings()) * _lamp(rng)).astype(np.float32),
        key_direction=_direction(0.0, 15.0),
        key_colour=np.ones(3, np.float32),
        shine=0.35,
        exposure=float(rng.uniform(0.95, 1.15)),
        white_balance=np.ones(3, np.float32),
        contrast=1.0,
        noise=0.0,
        blur=0.5,
        background=np.zeros(3, np.float32),
    )


@lru_cache(maxsize=1)
def fan() -> FloatArray:
    """Return the unit vectors (30, 3) towards the light, evenly spread (Fibonacci spiral)."""
    index = np.arange(_DIRECTIONS) + 0.5
    z = 1 - index / _DIRECTIONS * (1 - _LOWEST_Z)
    angle = index * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - z**2)
    spiral = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
    return np.asarray(spiral, np.float32)


def visible_light(
    scene: o3d.t.geometry.RaycastingScene, vertices_mm: FloatArray, normals: FloatArray
) -> FloatArray:
    """Return the cosine (V, 30) at which each vertex sees each direction, 0 in shadow."""
    cosines = np.maximum(normals @ fan().T, 0)
    vertex, direction = np.nonzero(cosines > 0.02)
    rays = np.empty((len(vertex), 6), np.float32)
    rays[:, :3] = (vertices_mm + _CLEARANCE_MM * normals)[vertex]
    rays[:, 3:] = fan()[direction]
    shadowed = scene.test_occlusions(o3d.core.Tensor.from_numpy(rays), nthreads=1).numpy()
    cosines[vertex[shadowed], direction[shadowed]] = 0
    return np.asarray(cosines, np.float32)


def irradiance(light: Light, visible: FloatArray) -> FloatArray:
    """Return the linear RGB (V, 3) that reaches each vertex."""
    direct = visible @ light.radiance
    return np.asarray(direct + _BOUNCE * light.radiance.sum(axis=0) / 4, np.float32)


def develop(
    light: FloatArray,
    covered: NDArray[np.bool_],
    lighting: Lighting,
    rng: np.random.Generator,
) -> UInt8Array:
    """Turn linear RGB (N, 3) of the covered pixels (H, W) into the camera's picture (H, W, 3)."""
    gains = (_exposure(light, lighting) * lighting.white_balance).astype(np.float32)
    coded = (1 - np.exp(-light * gains)) ** np.float32(1 / 2.2)
    picture = _backdrop(lighting, covered.shape)
    picture[covered] = 0.5 + np.float32(lighting.contrast) * (coded - np.float32(0.5))
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), lighting.blur)) * np.float32(255)
    if lighting.noise:
        picture += np.float32(lighting.noise) * rng.standard_normal(picture.shape, np.float32)
    return np.clip(picture + np.float32(0.5), 0, 255).astype(np.uint8)


def _exposure(light: FloatArray, lighting: Lighting) -> float:
    """Return the gain: cameras lift dark faces, but only part of the way."""
    mean = float(light.mean()) if light.size else 1.0
    return float(lighting.exposure * 1.35 * (0.30 / max(mean, 1e-3)) ** 0.45)


def _backdrop(lighting: Lighting, shape: tuple[int, ...]) -> FloatArray:
    fall_off = np.linspace(1.06, 0.90, shape[0], dtype=np.float32)[:, None, None]
    return np.repeat(fall_off * lighting.background, shape[1], axis=1)


def _direction(azimuth_deg: float, elevation_deg: float) -> FloatArray:
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    flat = np.cos(elevation)
    return np.array([flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)], np.float32)


def _lobe(direction: FloatArray, sharpness: float) -> NDArray[np.float64]:
    """Return weights (30, 1) of a soft lamp that gives irradiance 1 on a surface facing it."""
    cosines = fan().astype(np.float64) @ direction
    weights = np.exp(sharpness * (cosines - 1))
    return np.asarray(weights / (weights * np.maximum(cosines, 0)).sum())[:, None]


def _surroundings() -> NDArray[np.float64]:
    """Return weights (30, 1) of light from all around, more of it from above."""
    weights = 1 + 0.5 * fan()[:, 1:2].astype(np.float64)
    return np.asarray(weights / (weights * np.maximum(fan()[:, 2:], 0)).sum())


def _lamp(rng: np.random.Generator) -> FloatArray:
    """Return a lamp's colour (3,), from warm to cool, green nearly fixed."""
    warmth = rng.uniform(-0.06, 0.06)
    return np.array([1 + warmth, 1.0, 1 - warmth], np.float32)


def _background(rng: np.random.Generator) -> FloatArray:
    grey = rng.uniform(0.08, 0.85)
    return np.clip(grey + rng.uniform(-0.06, 0.06, 3), 0, 1).astype(np.float32)
