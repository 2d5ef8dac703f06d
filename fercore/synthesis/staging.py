"""Puts a synthetic person before a camera: head turned, at a distance, with what stands around.

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
    lens_outlines,
    shoulders,
)
from fercore.synthesis.sights import project
from fercore.synthesis.solids import joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.sensors import Camera
    from fercore.synthesis.sights import Sight
    from fercore.synthesis.solids import Solid

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
