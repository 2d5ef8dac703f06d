"""Paints a subject's skin, eyes and teeth as one picture in texture space.

The model has texture coordinates but no colours. Everything here is drawn on the
unfolded face, relative to its landmarks, so that it moves with the skin it lies on:
raised brows carry their hairs along. The tiles of the model's materials are packed
into one picture, the *palette*, whose fourth channel says how glossy a place is:

    face 1024 × 1024 | head 512 × 512
                     | gums 256 × 256 | teeth 256 × 256
                     | eye 256 × 256  |
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from fercore.synthesis.scanner import ByIdentity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.appearance import Skin
    from fercore.synthesis.face_model import FaceModel

FACE_SIZE = 1024
_HEIGHT, _WIDTH = 1024, 1536
# Material -> left, top and size of its tile in the palette, pixels.
_TILES: dict[str, tuple[int, int, int]] = {
    "M_Face": (0, 0, FACE_SIZE),
    "M_BackHead": (1024, 0, 512),
    "M_GumsTongue": (1024, 512, 256),
    "M_Teeth": (1280, 512, 256),
    "M_ScleraLeft": (1024, 768, 256),
    "M_ScleraRight": (1024, 768, 256),
}
_LIMBUS = 0.125  # radius of the iris on the sclera's tile
_COARSE = 256  # resolution of everything soft

_BROWS = (slice(17, 22), slice(22, 27))
_EYES = (slice(36, 42), slice(42, 48))


@dataclass(frozen=True, slots=True)
class Canvas:
    """The unfolded model: where its parts lie in the palette."""

    corners: FloatArray  # (T, 3, 2), column and row in the palette of each triangle's corners
    landmarks: FloatArray  # (68, 2), column and row on the face's tile
    face_mm: FloatArray  # (256, 256, 3), place on the neutral face of each coarse texel
    head_mm: FloatArray  # (128, 128, 3), the same for the head's tile
    head_mouth: FloatArray  # (128, 128), 1 inside the mouth
    brow_mm: float  # height of the brows on the neutral face


def canvas_for(model: FaceModel) -> Canvas:
    """Return the model's canvas, worked out once per model and process."""
    return _canvas(ByIdentity(model))


def paint(canvas: Canvas, skin: Skin) -> UInt8Array:
    """Return the subject's palette (1024, 1536, 4) uint8.

    Three channels of reflectance R, G, B, coded with a gamma of 2.2, and the strength of
    highlights, 128 for the material's usual.
    """
    rng = np.random.default_rng(skin.texture_seed)
    palette = np.zeros((_HEIGHT, _WIDTH, 4), np.float32)
    palette[..., 3] = 128 / 255
    _tile(palette, "M_Face")[:] = _face(canvas, skin, rng)
    _tile(palette, "M_BackHead")[..., :3] = _head(canvas, skin, rng)
    _tile(palette, "M_GumsTongue")[..., :3] = _gums(rng)
    _tile(palette, "M_Teeth")[..., :3] = _teeth(skin, rng)
    _tile(palette, "M_ScleraLeft")[..., :3] = _eye(skin, rng)
    palette[..., :3] = np.clip(palette[..., :3], 0, 1) ** np.float32(1 / 2.2)
    return np.asarray(255 * np.clip(palette, 0, 1) + 0.5, np.uint8)


def _tile(palette: FloatArray, material: str) -> FloatArray:
    left, top, size = _TILES[material]
    return palette[top : top + size, left : left + size]


@lru_cache(maxsize=2)
def _canvas(key: ByIdentity[FaceModel]) -> Canvas:
    model = key.value
    corners = _palette_corners(model)
    face = model.triangle_material == model.material_names.index("M_Face")
    head = model.triangle_material == model.material_names.index("M_BackHead")
    landmarks = _texel_of_vertex(model, corners, face)[model.landmarks68]
    mouth = np.zeros((len(model.neutral_mm), 1), np.float32)
    mouth[model.region("mouth_socket")] = 1
    left, _, head_size = _TILES["M_BackHead"]
    scale = 128 / head_size
    return Canvas(
        corners=corners,
        landmarks=landmarks,
        face_mm=_unfolded(
            model.neutral_mm, model, corners * (_COARSE / FACE_SIZE), face, _COARSE
        ),
        head_mm=_unfolded(model.neutral_mm, model, (corners - (left, 0)) * scale, head, 128),
        head_mouth=_unfolded(mouth, model, (corners - (left, 0)) * scale, head, 128)[..., 0],
        brow_mm=float(model.neutral_mm[model.landmarks68[17:27], 1].mean()),
    )


def _palette_corners(model: FaceModel) -> FloatArray:
    uv = model.uv[model.uv_triangles].astype(np.float32)
    # Tiles are unit squares side by side; a corner on an edge belongs to its triangle's tile.
    inside = uv - np.floor(uv.mean(axis=1, keepdims=True))
    corners = np.zeros_like(inside)
    for number, name in enumerate(model.material_names):
        left, top, size = _TILES.get(name, (0, 0, 0))
        chosen = model.triangle_material == number
        corners[chosen, :, 0] = left + inside[chosen, :, 0] * (size - 1)
        corners[chosen, :, 1] = top + (1 - inside[chosen, :, 1]) * (size - 1)
    return corners


def _texel_of_vertex(
    model: FaceModel, corners: FloatArray, chosen: NDArray[np.bool_]
) -> FloatArray:
    texels = np.zeros((len(model.neutral_mm), 2), np.float32)
    texels[model.triangles[chosen]] = corners[chosen]
    return texels


def _unfolded(
    values: FloatArray,
    model: FaceModel,
    corners: FloatArray,
    chosen: NDArray[np.bool_],
    size: int,
) -> FloatArray:
    """Spread per-vertex values (V, C) over a tile (size, size, C)."""
    texels, first = np.unique(corners[chosen].reshape(-1, 2), axis=0, return_index=True)
    vertex = model.triangles[chosen].reshape(-1)[first]
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    spread = LinearNDInterpolator(texels, values[vertex], fill_value=0.0)(columns, rows)
    return np.asarray(spread, np.float32)


# --- the face ---------------------------------------------------------------------------


def _face(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> FloatArray:
    melanin, haemoglobin = _soft_pigments(canvas, skin, rng)
    lips = _lip_mask(canvas)
    melanin += skin.lip_darkness * lips + _spots(canvas, skin, rng)
    haemoglobin += 1.15 * skin.lip_redness * lips
    pores = _noise(rng, FACE_SIZE, 1.1)
    haemoglobin += 0.10 * pores + 0.05 * _noise(rng, FACE_SIZE, 4.0)
    melanin += 0.035 * pores
    colour = skin.reflectance(melanin, haemoglobin)
    gloss = _face_gloss(canvas, lips) * (1 + 0.25 * pores)
    hair = np.array(skin.hair_colour, np.float32)
    for cover in (
        _stubble(canvas, skin, rng),
        _brows(canvas, skin, rng),
        _scalp(canvas.face_mm, canvas, skin, FACE_SIZE, rng),
    ):
        colour += cover[..., None] * (hair - colour)
        gloss *= 1 - cover
    lashes = _lashes(canvas, skin)[..., None]
    colour += lashes * (0.4 * hair - colour)
    return np.concatenate([colour, gloss[..., None]], axis=2)


def _face_gloss(canvas: Canvas, lips: FloatArray) -> FloatArray:
    """Return the strength of highlights (1024, 1024): oilier in the middle, moist lips."""
    points = canvas.landmarks * (_COARSE / FACE_SIZE)
    middle = 0.6 * _blob(points[30], 10, 12) + 0.35 * _blob(points[27] - (0, 25), 40, 14)
    return np.asarray(0.30 + 0.25 * _large(middle) + 0.22 * lips, np.float32)


def _soft_pigments(
    canvas: Canvas, skin: Skin, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return extra melanin and haemoglobin (1024, 1024) of the face's large areas."""
    points = canvas.landmarks * (_COARSE / FACE_SIZE)
    melanin = 0.10 * skin.blotches * (1 + skin.melanin) * _noise(rng, _COARSE, 18.0)
    haemoglobin = 0.16 * skin.blotches * _noise(rng, _COARSE, 9.0)
    for eye, corner, jaw in ((_EYES[0], 48, 3), (_EYES[1], 54, 13)):
        middle = points[eye].mean(axis=0)
        cheek = 0.40 * middle + 0.25 * points[corner] + 0.35 * points[jaw]
        haemoglobin += 0.38 * skin.blush * _blob(cheek, 20, 15)
        around = _blob(middle + (0, 3), 17, 10)
        melanin += (0.10 + 0.35 * skin.eye_shadow) * (0.5 + 0.3 * skin.melanin) * around
        haemoglobin += (0.12 + 0.2 * skin.eye_shadow) * _blob(middle + (0, 5), 14, 6)
    haemoglobin += 0.30 * skin.blush * _blob(points[30], 9, 7)
    haemoglobin += 0.15 * skin.blush * _blob(points[8] - (0, 4), 12, 8)
    melanin += 0.10 * _blob(0.5 * (points[33] + points[51]), 9, 4)
    lines = _age_lines(points) * skin.age_lines
    melanin += 0.5 * lines
    haemoglobin += 0.35 * lines
    return _large(melanin), _large(haemoglobin)


def _age_lines(points: FloatArray) -> FloatArray:
    """Return the soft darkening (256, 256) of forehead, cheek and lid lines."""
    lines = np.zeros((_COARSE, _COARSE), np.float32)
    up = points[27] - points[30]
    for step in (0.9, 1.35, 1.8):
        row = 0.25 * points[19:25] + 0.75 * points[19:25].mean(axis=0)
        row[:, 0] = points[19:25, 0]
        _stroke(lines, row + step * up + (0, 2), 0.5)
    for wing, corner, side in ((31, 48, -1), (35, 54, 1)):
        start, end = points[wing] + (3 * side, -2), points[corner] + (5 * side, 2)
        bend = 0.5 * (start + end) + (4 * side, -2)
        _stroke(lines, np.stack([start, bend, end]), 1.0)
    for eye in _EYES:
        lower = points[eye][3:][::-1] + (0, 6)
        _stroke(lines, lower, 0.5)
    return np.asarray(cv2.GaussianBlur(lines, (0, 0), 1.2))


def _stroke(image: FloatArray, points: FloatArray, strength: float, width: int = 1) -> None:
    fixed = np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(image, [fixed], False, strength, width, cv2.LINE_AA, 4)


def _lip_mask(canvas: Canvas) -> FloatArray:
    """Return 1 on the lips with a soft edge; the lips' unseen insides count too."""
    outline = canvas.landmarks[48:60]
    centre = outline.mean(axis=0)
    mask = np.zeros((FACE_SIZE, FACE_SIZE), np.uint8)
    cv2.fillPoly(mask, [_smooth_outline(centre + 1.03 * (outline - centre))], 255)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 3.0), np.float32) / 255


def _smooth_outline(points: FloatArray) -> NDArray[np.int32]:
    """Return the closed polygon through the points with its corners cut twice (Chaikin)."""
    for _ in range(2):
        after = np.roll(points, -1, axis=0)
        halves = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1)
        points = halves.reshape(-1, 2)
    return np.asarray(np.round(points), np.int32)


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


def _dot(
    image: FloatArray, place: NDArray[np.float64], radius: float, strength: float
) -> None:
    column, row = (round(16 * float(value)) for value in place)
    cv2.circle(image, (column, row), round(16 * radius), strength, -1, cv2.LINE_AA, 4)


def _stubble(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> FloatArray:
    if not skin.stubble:
        return np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    zone = _beard_zone(canvas.landmarks * (_COARSE / FACE_SIZE))
    hairs = np.clip(0.55 + 0.6 * _noise(rng, FACE_SIZE, 1.0), 0, 1.3)
    return np.asarray(0.42 * skin.stubble * _large(zone) * hairs, np.float32)


def _beard_zone(points: FloatArray) -> FloatArray:
    zone = np.zeros((_COARSE, _COARSE), np.float32)
    jaw = np.concatenate([points[2:15] + (0, 8), points[[14]] * 0.6 + points[[54]] * 0.4])
    upper = np.stack([points[54] + (8, 0), points[35] + (3, 5), points[33] + (0, 4)])
    upper = np.concatenate([upper, np.stack([points[31] + (-3, 5), points[48] + (-8, 0)])])
    left = points[[2]] * 0.6 + points[[48]] * 0.4
    cv2.fillPoly(zone, [np.round(np.concatenate([jaw, upper, left])).astype(np.int32)], 1.0)
    zone = np.asarray(cv2.GaussianBlur(zone, (0, 0), 5.0))
    lips = np.zeros_like(zone)
    cv2.fillPoly(lips, [_smooth_outline(points[48:60])], 1.0)
    return np.asarray(zone * (1 - cv2.GaussianBlur(lips, (0, 0), 1.5)), np.float32)


def _brows(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return how much brow hair covers the skin (1024, 1024)."""
    cover = np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    base = np.zeros_like(cover)
    for brow, side in ((canvas.landmarks[_BROWS[0]], -1), (canvas.landmarks[_BROWS[1]][::-1], 1)):
        _one_brow(cover, base, _brow_line(brow, skin), side, skin, rng)
    base = np.asarray(cv2.GaussianBlur(base, (0, 0), 5.0))
    hairs = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.7))
    covered = 0.55 * base + 0.95 * hairs
    return np.asarray(np.clip(skin.brow_density * covered, 0, 0.93), np.float32)


def _brow_line(outer_to_inner: FloatArray, skin: Skin) -> FloatArray:
    """Return the brow's middle line (40, 2), outer end first."""
    place = np.linspace(0, 4, 40)
    line = np.stack(
        [np.polyval(np.polyfit(np.arange(5), outer_to_inner[:, axis], 3), place) for axis in (0, 1)],
        axis=1,
    )
    arch = np.sin(np.pi * place / 4)
    line[:, 1] += 6 - 5 * skin.brow_shift - 7 * skin.brow_lift * arch
    return line.astype(np.float32)


def _one_brow(
    cover: FloatArray,
    base: FloatArray,
    line: FloatArray,
    side: int,
    skin: Skin,
    rng: np.random.Generator,
) -> None:
    # Brows are thickest at two thirds of the way to the nose and taper to the temple.
    half = 13.0 * skin.brow_thickness * np.interp(np.arange(40), (0, 12, 30, 39), (0.15, 0.6, 1, 0.8))
    for index in range(0, 39):
        _stroke(base, line[index : index + 2], 1.0, max(int(1.5 * half[index]), 1))
    for _ in range(420):
        at = int(rng.integers(40))
        across = float(rng.uniform(-1, 1))
        root = line[at] + (0, across * half[at])
        lean = np.interp(at, (0, 30, 39), (1.0, 0.85, 0.3)) * -side
        # Hairs grow towards the temple, the inner ones upwards, lower ones more upwards.
        outward = np.array([-lean, 0.35 * -across - 0.25 - 0.6 * (1 - abs(lean))])
        length = float(rng.uniform(9, 20)) * (0.5 + 0.5 * half[at] / 13)
        tip = root + length * outward * (1, -np.sign(outward[1]) if outward[1] > 0 else 1)
        _stroke(cover, np.stack([root, tip]).astype(np.float32), float(rng.uniform(0.4, 1.0)))


def _lashes(canvas: Canvas, skin: Skin) -> FloatArray:
    """Return the dark margins of the lids (1024, 1024): lashes seen from the front."""
    image = np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    for eye, order in ((_EYES[0], (0, 1, 2, 3)), (_EYES[1], (3, 2, 1, 0))):
        points = canvas.landmarks[eye]
        _stroke(image, points[list(order)], 1.0, 7)
        lower = points[[0, 5, 4, 3]]
        _stroke(image, lower, 0.45, 3)
    return np.asarray(skin.lash_darkness * cv2.GaussianBlur(image, (0, 0), 1.3), np.float32)


# --- everything else --------------------------------------------------------------------


def _head(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> FloatArray:
    size = _TILES["M_BackHead"][2]
    noise = _noise(rng, size, 1.5)
    colour = skin.reflectance(0.05 * noise, 0.08 * noise)
    cover = _scalp(canvas.head_mm, canvas, skin, size, rng)[..., None]
    colour += cover * (np.array(skin.hair_colour, np.float32) - colour)
    mouth = np.asarray(cv2.resize(canvas.head_mouth, (size, size)))[..., None]
    return np.asarray(colour + mouth * (np.array([0.22, 0.05, 0.045], np.float32) - colour))


def _scalp(
    places_mm: FloatArray, canvas: Canvas, skin: Skin, size: int, rng: np.random.Generator
) -> FloatArray:
    """Return how much hair covers each texel (size, size), from its place on the head."""
    side, height = np.abs(places_mm[..., 0]), places_mm[..., 1]
    hairline = canvas.brow_mm + skin.hairline_mm
    temple = np.clip((side - 48) / 24, 0, 1)
    line = hairline - temple**2 * (skin.hairline_mm + 25)
    above = (height - line) / 5
    soft = np.clip(0.5 + above / 2, 0, 1).astype(np.float32)
    smooth = np.asarray(cv2.resize(soft, (size, size), interpolation=cv2.INTER_CUBIC))
    strands = np.asarray(cv2.blur(_noise(rng, size, 0.9), (1, 13)))
    ragged = np.clip(1.3 * smooth + 0.8 * strands * (smooth > 0.02) * (smooth < 0.9), 0, 1)
    return np.asarray(ragged * np.clip(0.93 + 0.12 * strands, 0, 0.97), np.float32)


def _gums(rng: np.random.Generator) -> FloatArray:
    size = _TILES["M_GumsTongue"][2]
    red = np.array([0.40, 0.115, 0.105], np.float32)
    return np.asarray(red * (1 + 0.08 * _noise(rng, size, 2.0)[..., None]), np.float32)


def _teeth(skin: Skin, rng: np.random.Generator) -> FloatArray:
    size = _TILES["M_Teeth"][2]
    white, yellow = np.array([0.74, 0.71, 0.63]), np.array([0.66, 0.57, 0.40])
    shade = white + skin.tooth_shade * (yellow - white)
    return np.asarray(shade * (1 + 0.03 * _noise(rng, size, 3.0)[..., None]), np.float32)


def _eye(skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return the eyeball's tile: iris and pupil seen through a clear cornea."""
    size = _TILES["M_ScleraLeft"][2]
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    across, down = columns / (size - 1) - 0.5, rows / (size - 1) - 0.5
    radius = np.hypot(across, down) / _LIMBUS
    fibres = _fibres(rng, np.arctan2(down, across))
    white = np.array([0.70, 0.66, 0.63]) - 0.10 * np.clip(radius[..., None] - 1.4, 0, 1) * (0.4, 1, 1)
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


def _blob(centre: FloatArray, across: float, along: float) -> FloatArray:
    columns, rows = np.meshgrid(np.arange(_COARSE), np.arange(_COARSE))
    distance = ((columns - centre[0]) / across) ** 2 + ((rows - centre[1]) / along) ** 2
    return np.exp(-0.5 * distance).astype(np.float32)


def _large(image: FloatArray) -> FloatArray:
    return np.asarray(
        cv2.resize(image, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_CUBIC), np.float32
    )


def _noise(rng: np.random.Generator, size: int, sigma: float) -> FloatArray:
    """Return smooth noise (size, size) of unit variance."""
    white = rng.standard_normal((size, size), np.float32)
    smooth = np.asarray(cv2.GaussianBlur(white, (0, 0), sigma))
    return np.asarray(smooth / smooth.std(), np.float32)
