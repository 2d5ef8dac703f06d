"""Puts a synthetic person before a camera, in a made-up room, with what stands around.

Nothing here depicts a real place. What matters is that no network can rely on a plain
background, in colour or in depth.

Everything ends in the camera's axes (`fercore.synthesis.sights`). A turned head leaves the
shoulders where they are: the neck bends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.geometry.cameras import Pose
from fercore.structures import Intrinsics
from fercore.synthesis.occluders import (
    FaceFrame,
    glasses,
    hand,
    held_thing,
    joined,
    lens_outlines,
    shoulders,
)
from fercore.synthesis.sights import blank_sight, project

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.lighting import Light
    from fercore.synthesis.occluders import Solid
    from fercore.synthesis.sensors import Camera
    from fercore.synthesis.sights import Sight

_NEAREST_GAP_M, _FARTHEST_M = 0.25, 4.5
_MOST_THINGS = 14
_COARSE = 24  # most pixels, side of the pictures that blotches are made from
WIDTH, HEIGHT = 640, 480
LARGEST_YAW_DEG, LARGEST_PITCH_DEG, LARGEST_ROLL_DEG = 30.0, 30.0, 15.0
GLASSES_SHARE, HAND_SHARE, HELD_SHARE = 0.20, 0.08, 0.04
"""Shares of samples with something before the face, each drawn on its own."""

_PIVOT_MM = np.array([0.0, -60.0, -110.0], np.float32)  # top of the neck, from between the eyes
_NECK_BELOW_CHIN_MM, _NECK_SLICE_MM = 28.0, 8.0
_TUCKED_BELOW_MM = (15.0, 50.0)  # under the chin, from where to where
_BUST_MM = 110.0  # radius of what a face model may show of the shoulders
_HEAD_MM = 250.0  # height that must fit into the picture
_SHARP_SHARE = 0.65  # of samples that use the colour camera's sharper picture, where that fits
_WIDE_TURNS = 0.3  # share of heads turned evenly within the limits; others nearly face the camera


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


@dataclass(frozen=True, slots=True)
class Stage:
    """A head before a camera, millimetres in the camera's axes."""

    vertices_mm: FloatArray  # (V, 3), the face model's
    solid: Solid
    lenses: tuple[NDArray[np.float64], ...]  # outlines (N, 3) of glasses, or none
    intrinsics: Intrinsics


def set_stage(
    vertices_mm: FloatArray,
    landmarks68: NDArray[np.int32],
    camera: Camera,
    skin_colour: FloatArray,
    rng: np.random.Generator,
    occluded: bool = True,
) -> Stage:
    """Draw pose, place, clothes and, if `occluded`, what covers the face now and then."""
    turned, neck = _turned(vertices_mm, landmarks68, _drawn_turn(rng))
    distance_mm = 1000 * float(rng.uniform(camera.nearest_face_m, camera.farthest_face_m))
    intrinsics = _intrinsics(camera, distance_mm, rng)
    centre = turned[landmarks68].mean(axis=0)
    shift = _place(intrinsics, distance_mm, rng) - centre
    placed = turned + shift
    face = FaceFrame.of(placed[landmarks68])
    solids = [shoulders(neck + shift, rng)]
    lenses: tuple[NDArray[np.float64], ...] = ()
    wears, shows, holds = rng.random(3) < (GLASSES_SHARE, HAND_SHARE, HELD_SHARE)
    if occluded and wears:
        solids.append(glasses(face, rng))
        lenses = tuple(lens_outlines(face, rng))
    if occluded and shows:
        solids.append(hand(face, skin_colour, rng))
    if occluded and holds:
        solids.append(held_thing(face, rng))
    return Stage(placed, joined(solids), lenses, intrinsics)


def mirror_lenses(stage: Stage, sight: Sight, rng: np.random.Generator) -> None:
    """Let the lenses of glasses darken and mirror a little, in place; some blind depth sensors."""
    is_tinted = rng.random() < 0.08
    darkness = float(rng.uniform(0.4, 0.9) if is_tinted else rng.uniform(0.0, 0.12))
    shine = float(rng.uniform(0.0, 0.25) * sight.light.mean())
    mirrors = rng.random() < 0.25
    for outline in stage.lenses:
        mask = np.zeros(sight.depth_m.shape, np.uint8)
        corners = np.round(16 * project(outline.astype(np.float32), stage.intrinsics))
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1, cv2.LINE_AA, 4)
        behind = (mask > 0) & (sight.depth_m > -outline[:, 2].mean() / 1000)
        sight.light[behind] = sight.light[behind] * np.float32(1 - darkness) + np.float32(shine)
        if mirrors:
            _add_highlight(sight, behind, rng)


def _add_highlight(sight: Sight, lens: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Let a lamp be mirrored in a lens, in colour as for a depth sensor."""
    places = np.argwhere(lens)
    if not len(places):
        return
    row, column = places[int(rng.integers(len(places)))]
    size = max(2.0, float(rng.uniform(0.1, 0.3) * np.ptp(places[:, 1])))
    rows, columns = np.ogrid[: lens.shape[0], : lens.shape[1]]
    spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (0.4 * size**2)) * lens
    strength = rng.uniform(0.3, 4.0) * float(sight.light[lens].mean())
    sight.light[:] += (spot * strength)[..., None].astype(np.float32)
    sight.glint[:] = np.maximum(sight.glint, 2 * spot)


def _drawn_turn(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return yaw, pitch and roll in degrees."""
    limits = np.array([LARGEST_YAW_DEG, LARGEST_PITCH_DEG, LARGEST_ROLL_DEG])
    if rng.random() < _WIDE_TURNS:
        return rng.uniform(-limits, limits)
    return np.clip(rng.normal(0, 0.3 * limits), -limits, limits)


def _turned(
    vertices_mm: FloatArray, landmarks68: NDArray[np.int32], turn_deg: NDArray[np.float64]
) -> tuple[FloatArray, FloatArray]:
    """Return the vertices (V, 3) with the head turned, and the middle of the neck (3,)."""
    rotation = Pose.turned(*turn_deg.tolist()).rotation
    chin = float(vertices_mm[landmarks68[8], 1])
    neck = _neck(vertices_mm, chin)
    vertices_mm = _tucked(vertices_mm, chin, neck)
    heights = vertices_mm[:, 1]
    low = float(heights.min())
    share = np.clip((heights - low) / max(chin - low, 1.0), 0, 1)
    share = (share * share * (3 - 2 * share))[:, None].astype(np.float32)
    head = (vertices_mm - _PIVOT_MM) @ rotation.T + _PIVOT_MM
    return vertices_mm + share * (head - vertices_mm), neck


def _neck(vertices_mm: FloatArray, chin_mm: float) -> FloatArray:
    """Return the middle of the neck (3,) a little below the chin."""
    off = np.abs(vertices_mm[:, 1] - chin_mm + _NECK_BELOW_CHIN_MM)
    slice_ = vertices_mm[off < max(_NECK_SLICE_MM, float(off.min()) + 1)]
    return np.asarray((slice_.min(axis=0) + slice_.max(axis=0)) / 2, np.float32)


def _tucked(vertices_mm: FloatArray, chin_mm: float, neck_mm: FloatArray) -> FloatArray:
    """Return the vertices with the model's own shoulders drawn in, where clothes will be."""
    across = vertices_mm[:, [0, 2]] - neck_mm[[0, 2]]
    radius = np.linalg.norm(across, axis=1)
    below = chin_mm - vertices_mm[:, 1]
    most = np.interp(below, _TUCKED_BELOW_MM, (2 * _BUST_MM, _BUST_MM))
    kept = np.where(below > _TUCKED_BELOW_MM[0], np.minimum(most / np.maximum(radius, 1.0), 1), 1)
    tucked = vertices_mm.copy()
    tucked[:, [0, 2]] = neck_mm[[0, 2]] + across * kept[:, None].astype(np.float32)
    return tucked


def _intrinsics(camera: Camera, distance_mm: float, rng: np.random.Generator) -> Intrinsics:
    """Draw a picture of 640x480, or such a window of a sharper one where the head fits in."""
    focal = camera.focals_px[0]
    if rng.random() < _SHARP_SHARE and camera.focals_px[1] * _HEAD_MM / distance_mm < HEIGHT:
        focal = camera.focals_px[1]
    middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2]) + rng.normal(0, 4, 2)
    return Intrinsics(focal, focal, float(middle[0]), float(middle[1]), WIDTH, HEIGHT)


def _place(
    intrinsics: Intrinsics, distance_mm: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw where in the picture's field the face's centre is (3,)."""
    field = np.array([WIDTH / intrinsics.fx, HEIGHT / intrinsics.fy]) * distance_mm / 2
    room = np.maximum(field - _HEAD_MM / 2, 0) * rng.uniform(-1, 1, 2)
    return np.array([room[0], room[1], -distance_mm], np.float32)
