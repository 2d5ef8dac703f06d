"""Made-up rooms behind a head: walls, furniture, shelves, windows, plants, each at its depth.

Nothing here depicts a real place. What matters is that no network can rely on a plain
background, in colour or in depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.synthesis.sights import blank_sight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.lighting import Light
    from fercore.synthesis.sights import Sight

_NEAREST_GAP_M, _FARTHEST_M = 0.25, 4.5
_MOST_THINGS = 14
_COARSE = 24  # most pixels, side of the pictures that blotches are made from


def room(height: int, width: int, head_m: float, light: Light, rng: np.random.Generator) -> Sight:
    """Return a picture (H, W) of a room whose nearest thing stands behind a head at `head_m`."""
    sight = blank_sight(height, width)
    wall_m = float(rng.uniform(head_m + 2 * _NEAREST_GAP_M, _FARTHEST_M))
    colour = _wall(height, width, rng)
    sight.depth_m[:] = wall_m * _slope(height, width, 0.25, rng)
    sight.infrared[:] = 0.5
    things = int(rng.integers(0, _MOST_THINGS)) if rng.random() < 0.85 else 0
    for distance_m in sorted(rng.uniform(head_m + _NEAREST_GAP_M, wall_m, things), reverse=True):
        _add_thing(sight, colour, float(distance_m), rng)
    colour *= _blotches(height, width, float(rng.uniform(0, 0.07)), rng)[..., None]
    if rng.random() < 0.5:  # out of focus
        colour = np.asarray(cv2.GaussianBlur(colour, (0, 0), float(rng.uniform(0.8, 5))))
    sight.light[:] = np.maximum(colour, 0) * _ambient(light, rng)
    sight.facing[:] = 0.8
    return sight


def _ambient(light: Light, rng: np.random.Generator) -> FloatArray:
    """Return the light (3,) at the wall: a brighter or darker part of the same room."""
    whole = light.radiance.sum(axis=0) / 4
    return np.asarray(whole * np.exp(rng.normal(0, 0.7)), np.float32)


def _wall(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    corners = _paint(rng) * rng.uniform(0.6, 1.4, (2, 2, 1))
    colour = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.3:
        colour[int(rng.uniform(0.2, 0.9) * height) :] *= np.float32(rng.uniform(0.3, 1.2))
    if rng.random() < 0.25:
        stripes = np.sin(np.arange(width) * rng.uniform(0.05, 0.6) + rng.uniform(0, 6)) > 0
        colour *= np.where(stripes, 1, rng.uniform(0.6, 0.95))[None, :, None].astype(np.float32)
    return np.asarray(colour, np.float32)


def _paint(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a reflectance (3,): mostly greyish, sometimes strongly coloured."""
    grey = float(np.exp(rng.uniform(np.log(0.03), np.log(0.8))))
    spread = 0.12 if rng.random() < 0.6 else 0.6
    return np.asarray(np.clip(grey * np.exp(rng.normal(0, spread, 3)), 0.01, 0.9))


def _add_thing(
    sight: Sight, colour: FloatArray, distance_m: float, rng: np.random.Generator
) -> None:
    mask = np.zeros(colour.shape[:2], np.uint8)
    kind = int(rng.integers(5))
    if kind == 4:
        _draw_leaves(mask, rng)
    else:
        _draw_outline(mask, rng)
    covered = mask > 0
    shown = _surface(colour.shape[:2], kind, rng)
    colour[covered] = shown[covered]
    slope = _slope(mask.shape[0], mask.shape[1], 0.1, rng)
    sight.depth_m[covered] = (distance_m * slope)[covered]
    sight.infrared[covered] = np.float32(rng.uniform(0.15, 0.9))
    # Screens and window panes answer no projector.
    if kind == 3:
        sight.infrared[covered] = 0.02


def _draw_outline(mask: NDArray[np.uint8], rng: np.random.Generator) -> None:
    height, width = mask.shape
    centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
    size = tuple((rng.uniform(0.06, 0.5, 2) * (width, height)).tolist())
    tilt = float(rng.normal(0, 6)) if rng.random() < 0.7 else float(rng.uniform(0, 180))
    if rng.random() < 0.75:
        corners = cv2.boxPoints((centre, size, tilt))
        cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
    else:
        cv2.ellipse(mask, (centre, size, tilt), 1, -1)


def _draw_leaves(mask: NDArray[np.uint8], rng: np.random.Generator) -> None:
    height, width = mask.shape
    middle = rng.uniform(0, 1, 2) * (width, height)
    for _ in range(int(rng.integers(10, 40))):
        place = tuple((middle + rng.normal(0, 0.08 * width, 2)).tolist())
        size = tuple((rng.uniform(0.01, 0.08, 2) * width).tolist())
        cv2.ellipse(mask, (place, size, float(rng.uniform(0, 180))), 1, -1)


def _surface(shape: tuple[int, ...], kind: int, rng: np.random.Generator) -> FloatArray:
    """Return the reflectance (H, W, 3) of a thing: plain, patterned like books, or luminous."""
    height, width = shape
    plain = _paint(rng)
    if kind == 3:
        return np.full((height, width, 3), plain * rng.uniform(1.5, 8.0), np.float32)
    if kind in (1, 2):
        cells = (int(rng.integers(2, 7)), int(rng.integers(6, 50)))
        tones = plain * np.exp(rng.normal(0, 0.6, (*cells, 3)))
        pattern = cv2.resize(
            np.clip(tones, 0.01, 0.9).astype(np.float32),
            (width, height),
            interpolation=cv2.INTER_NEAREST,
        )
        return np.asarray(pattern, np.float32)
    shade = rng.uniform(0.6, 1.4, (2, 2))[..., None] * plain
    soft = cv2.resize(shade.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft, np.float32)


def _slope(height: int, width: int, most: float, rng: np.random.Generator) -> FloatArray:
    """Return factors (H, W) around 1 of a plane that is turned away."""
    across, down = rng.uniform(-most, most, 2) / 2
    columns = np.linspace(-1, 1, width, dtype=np.float32)
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return np.asarray(1 + np.float32(across) * columns + np.float32(down) * rows, np.float32)


def _blotches(height: int, width: int, strength: float, rng: np.random.Generator) -> FloatArray:
    cells = int(rng.integers(4, _COARSE))
    coarse = rng.normal(1, strength, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
