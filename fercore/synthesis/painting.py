"""Paints a subject's skin, eyes and teeth as one picture in texture space.

The model has texture coordinates but no colours. Everything here is drawn on the
unfolded face, relative to its landmarks, so that it moves with the skin it lies on:
raised brows carry their hairs along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.synthesis.canvas import (
    COARSE,
    EYES,
    FACE_SIZE,
    PALETTE_HEIGHT,
    PALETTE_WIDTH,
    TILES,
    blob,
    enlarged,
    moved,
    noise,
    smooth_outline,
    stroke,
    tile,
)
from fercore.synthesis.skin_and_hair import Ground, brows, lashes, scalp, stubble

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.appearance import Skin
    from fercore.synthesis.canvas import Canvas

_SKIN_GLOSS_ON_HEAD = 0.9  # makes up for the head's duller material: as on the face's tile
_LIMBUS = 0.125  # radius of the iris on the sclera's tile


def paint(canvas: Canvas, skin: Skin, photo: UInt8Array | None = None) -> UInt8Array:
    """Return the subject's palette (1024, 1536, 4) uint8.

    `photo` (H, W, 3) is the photographed skin that lies beneath, as sRGB. Of the palette,
    three channels are reflectance R, G, B, coded with a gamma of 2.2; the fourth is the
    strength of highlights, 128 for the material's usual.
    """
    rng = np.random.default_rng(skin.texture_seed)
    palette = np.zeros((PALETTE_HEIGHT, PALETTE_WIDTH, 4), np.float32)
    palette[..., 3] = 128 / 255
    ground = Ground(canvas, skin, photo)
    tile(palette, "M_Face")[:] = _face(canvas, skin, ground, rng)
    head, bare = _head(canvas, skin, ground, rng)
    tile(palette, "M_BackHead")[..., :3] = head
    if canvas.skin_on_head:
        tile(palette, "M_BackHead")[..., 3] = _SKIN_GLOSS_ON_HEAD * bare
    tile(palette, "M_GumsTongue")[..., :3] = _gums(rng)
    tile(palette, "M_Teeth")[..., :3] = teeth(skin, rng)
    tile(palette, "M_ScleraLeft")[..., :3] = _eye(skin, rng)
    if canvas.teeth_are_bands:
        tile(palette, "M_TeethBand")[..., :3] = teeth_band(skin, rng)
    palette[..., :3] = np.clip(palette[..., :3], 0, 1) ** np.float32(1 / 2.2)
    return np.asarray(255 * np.clip(palette, 0, 1) + 0.5, np.uint8)


def _face(canvas: Canvas, skin: Skin, ground: Ground, rng: np.random.Generator) -> FloatArray:
    melanin, haemoglobin = _soft_pigments(canvas, skin, rng)
    lips = _lip_mask(canvas)
    melanin += (0.15 + skin.lip_darkness) * lips + _spots(canvas, skin, rng)
    haemoglobin += 1.35 * skin.lip_redness * lips
    pores = noise(rng, FACE_SIZE, 1.1)
    haemoglobin += 0.10 * pores + 0.05 * noise(rng, FACE_SIZE, 4.0)
    melanin += 0.035 * pores
    colour = ground.face(melanin, haemoglobin)
    gloss = _face_gloss(canvas, lips) * (1 + 0.25 * pores)
    hair = np.array(skin.hair_colour, np.float32)
    for cover in (
        stubble(canvas, skin, rng),
        brows(canvas, skin, rng),
        scalp(canvas.face_mm, canvas, skin, FACE_SIZE, rng),
    ):
        colour += cover[..., None] * (hair - colour)
        gloss *= 1 - cover
    lids = lashes(canvas, skin)[..., None]
    colour += lids * (0.4 * hair - colour)
    return np.concatenate([colour, gloss[..., None]], axis=2)


def _face_gloss(canvas: Canvas, lips: FloatArray) -> FloatArray:
    """Return the strength of highlights (1024, 1024): oilier in the middle, moist lips."""
    points = canvas.landmarks * (COARSE / FACE_SIZE)
    middle = 0.6 * blob(points[30], 10, 12) + 0.35 * blob(moved(points[27], 0, -25), 40, 14)
    return np.asarray(0.30 + 0.25 * enlarged(middle) + 0.14 * lips, np.float32)


def _soft_pigments(
    canvas: Canvas, skin: Skin, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return extra melanin and haemoglobin (1024, 1024) of the face's large areas."""
    points = canvas.landmarks * (COARSE / FACE_SIZE)
    melanin = 0.10 * skin.blotches * (1 + skin.melanin) * noise(rng, COARSE, 18.0)
    haemoglobin = 0.16 * skin.blotches * noise(rng, COARSE, 9.0)
    for eye, corner, jaw in ((EYES[0], 48, 3), (EYES[1], 54, 13)):
        middle = points[eye].mean(axis=0)
        cheek = 0.40 * middle + 0.25 * points[corner] + 0.35 * points[jaw]
        haemoglobin += 0.38 * skin.blush * blob(cheek, 20, 15)
        around = blob(moved(middle, 0, 3), 17, 10)
        melanin += (0.10 + 0.35 * skin.eye_shadow) * (0.5 + 0.3 * skin.melanin) * around
        haemoglobin += (0.12 + 0.2 * skin.eye_shadow) * blob(moved(middle, 0, 5), 14, 6)
    haemoglobin += 0.30 * skin.blush * blob(points[30], 9, 7)
    haemoglobin += 0.15 * skin.blush * blob(moved(points[8], 0, -4), 12, 8)
    melanin += 0.10 * blob(0.5 * (points[33] + points[51]), 9, 4)
    lines = _age_lines(points) * skin.age_lines
    melanin += 0.5 * lines
    haemoglobin += 0.35 * lines
    return enlarged(melanin), enlarged(haemoglobin)


def _age_lines(points: FloatArray) -> FloatArray:
    """Return the soft darkening (256, 256) of forehead, cheek and lid lines."""
    lines = np.zeros((COARSE, COARSE), np.float32)
    up = points[27] - points[30]
    for step in (0.9, 1.35, 1.8):
        row = 0.25 * points[19:25] + 0.75 * points[19:25].mean(axis=0)
        row[:, 0] = points[19:25, 0]
        stroke(lines, moved(row + step * up, 0, 2), 0.5)
    for wing, corner, side in ((31, 48, -1), (35, 54, 1)):
        start, end = moved(points[wing], 3 * side, -2), moved(points[corner], 5 * side, 2)
        bend = moved(0.5 * (start + end), 4 * side, -2)
        stroke(lines, np.stack([start, bend, end]), 1.0)
    for eye in EYES:
        lower = moved(points[eye][3:][::-1], 0, 6)
        stroke(lines, lower, 0.5)
    return np.asarray(cv2.GaussianBlur(lines, (0, 0), 1.2))


def _lip_mask(canvas: Canvas) -> FloatArray:
    """Return 1 on the lips with a soft edge; the lips' unseen insides count too."""
    outline = canvas.landmarks[48:60]
    centre = outline.mean(axis=0)
    mask = np.zeros((FACE_SIZE, FACE_SIZE), np.uint8)
    cv2.fillPoly(mask, [smooth_outline(centre + 1.03 * (outline - centre))], 255)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 3.0), np.float32) / 255


def _spots(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return extra melanin (1024, 1024) of freckles around the nose and of a few moles."""
    spots = np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    middle = canvas.landmarks[[29, 31, 35, 40, 47]].mean(axis=0)
    for _ in range(int(260 * skin.freckles)):
        place = rng.normal(middle, (170, 70))
        _dot(spots, place, rng.uniform(1.0, 2.6), float(rng.uniform(0.15, 0.6)))
    for _ in range(int(rng.integers(0, 6))):
        place = rng.uniform((200, 150), (824, 820))
        _dot(spots, place, rng.uniform(2.0, 4.5), 1.4)
    return np.asarray(cv2.GaussianBlur(spots, (0, 0), 1.0))


def _dot(image: FloatArray, place: NDArray[np.float64], radius: float, strength: float) -> None:
    column, row = (round(16 * float(value)) for value in place)
    cv2.circle(image, (column, row), round(16 * radius), strength, -1, cv2.LINE_AA, 4)


def _head(
    canvas: Canvas, skin: Skin, ground: Ground, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return the head's tile (512, 512, 3), and how bare its skin is (512, 512)."""
    size = TILES["M_BackHead"][2]
    grain = noise(rng, size, 1.5)
    colour = ground.head(0.05 * grain, 0.08 * grain)
    cover = scalp(canvas.head_mm, canvas, skin, size, rng)[..., None]
    colour += cover * (np.array(skin.hair_colour, np.float32) - colour)
    mouth = np.asarray(cv2.resize(canvas.head_mouth, (size, size)))[..., None]
    colour += mouth * (np.array([0.22, 0.05, 0.045], np.float32) - colour)
    return np.asarray(colour), 1 - cover[..., 0]


def _gums(rng: np.random.Generator) -> FloatArray:
    size = TILES["M_GumsTongue"][2]
    red = np.array([0.40, 0.115, 0.105], np.float32)
    return np.asarray(red * (1 + 0.08 * noise(rng, size, 2.0)[..., None]), np.float32)


def _eye(skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return the eyeball's tile: iris and pupil seen through a clear cornea."""
    size = TILES["M_ScleraLeft"][2]
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    across, down = columns / (size - 1) - 0.5, rows / (size - 1) - 0.5
    radius = np.hypot(across, down) / _LIMBUS
    fibres = _fibres(rng, np.arctan2(down, across))
    white = np.array([0.58, 0.54, 0.51]) - 0.10 * np.clip(radius[..., None] - 1.4, 0, 1) * (
        0.4,
        1,
        1,
    )
    tone = np.interp(radius, (0.4, 0.75, 1.0), (1.15, 1.0, 0.42)) * fibres
    iris = np.array(skin.iris_colour) * tone[..., None]
    iris_cover = np.clip((1.0 - radius) / 0.08 + 0.5, 0, 1)[..., None]
    pupil_cover = np.clip((skin.pupil - radius) / 0.08 + 0.5, 0, 1)[..., None]
    colour = white + iris_cover * (iris - white)
    return np.asarray(colour + pupil_cover * (0.004 - colour), np.float32)


def _fibres(rng: np.random.Generator, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    fibres = np.ones_like(angle)
    for waves in (7, 13, 23, 37):
        fibres += 0.10 * np.sin(waves * angle + rng.uniform(0, 2 * np.pi))
    return fibres


_GUM = np.array([0.36, 0.12, 0.11], np.float32)
# Edges between teeth along the arch, from the middle outwards, as shares of half the band.
_UPPER_EDGES = (0.0, 0.155, 0.285, 0.42, 0.55, 0.68, 0.84, 1.0)
_LOWER_EDGES = (0.0, 0.105, 0.22, 0.345, 0.48, 0.62, 0.80, 1.0)
_GAP = 0.012  # half width of the dark gap
_GUM_LINE = 0.62  # height of the gums over the teeth's edge, as share of the band


def teeth(skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return the tile (256, 256, 3) of a model that has every tooth, linear RGB."""
    size = TILES["M_Teeth"][2]
    shade = _shade(skin)
    return np.asarray(shade * (1 + 0.03 * noise(rng, size, 3.0)[..., None]), np.float32)


def teeth_band(skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return the tile (256, 256, 3) with a row of upper teeth over one of lower teeth."""
    size = TILES["M_TeethBand"][2]
    along = np.abs(np.linspace(-1, 1, size))[None, :]
    height = np.linspace(0, 1, size // 2)[:, None]
    upper = _row(along, 1 - height, _UPPER_EDGES, skin)  # gums above
    lower = _row(along, height, _LOWER_EDGES, skin)
    grain = 1 + 0.03 * noise(rng, size, 3.0)[..., None]
    return np.asarray(np.concatenate([upper, lower]) * grain, np.float32)


def _shade(skin: Skin) -> NDArray[np.float64]:
    white, yellow = np.array([0.74, 0.71, 0.63]), np.array([0.66, 0.57, 0.40])
    return np.asarray(white + skin.tooth_shade * (yellow - white))


def _row(
    along: NDArray[np.float64],
    to_gums: NDArray[np.float64],
    edges: tuple[float, ...],
    skin: Skin,
) -> NDArray[np.float64]:
    """Return one row (128, 256, 3); `to_gums` runs from the teeth's edge to the roots, 0..1."""
    sizes = np.diff(edges)
    tooth = np.clip(np.searchsorted(edges, along, side="right") - 1, 0, len(sizes) - 1)
    within = (along - np.array(edges)[tooth]) / sizes[tooth]
    arch = 1 - (2 * within - 1) ** 2  # gums reach down between teeth
    gum_line = _GUM_LINE - 0.10 * (1 - arch)
    gums = np.clip((to_gums - gum_line) / 0.03 + 0.5, 0, 1)[..., None]
    distance = np.minimum(within, 1 - within) * sizes[tooth]
    gap = np.clip(1.3 - distance / _GAP, 0, 1) * (along > 0.02) + 0.5 * (along <= 0.02)
    rounded = 0.82 + 0.18 * np.sqrt(np.clip(arch, 0, 1))
    enamel = _shade(skin) * (rounded * (1 - 0.40 * gap) + 0 * to_gums)[..., None]
    return np.asarray(enamel + gums * (_GUM - enamel))
