"""What a face is painted with: skin by pigments or photographed; brows, lashes, stubble, hairline.

A photograph has a tone of its own, from its sitter and its light. It is given the subject's,
as far as the difference in melanin lets its shades stay natural.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.synthesis.appearance import pigment_filter, pigments_of
from fercore.synthesis.canvas import (
    BROWS,
    COARSE,
    EYES,
    FACE_SIZE,
    TILES,
    enlarged,
    moved,
    noise,
    smooth_outline,
    stroke,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.appearance import Skin
    from fercore.synthesis.canvas import Canvas

_REACH = (-0.3, 0.9)  # how much melanin may be taken out of a photograph, or added to it
_PAINT_ON_PHOTO = 0.45  # share of the painted unevenness on skin that brings its own
_BROW_HALF_WIDTH = 13.0  # texels
_BROW_HAIRS = 420


class Ground:
    """A subject's bare skin on the tiles of face and head."""

    def __init__(self, canvas: Canvas, skin: Skin, photo: UInt8Array | None) -> None:
        self._skin = skin
        self._face = _developed(photo, canvas.face_photo, FACE_SIZE)
        self._head = _developed(photo, canvas.head_photo, TILES["M_BackHead"][2])
        self._gain = np.ones(3, np.float32)
        if self._face is not None:
            tone = _tone(self._face, canvas.landmarks)
            self._gain = _gain_to(skin, tone)
            if self._head is None:
                size = TILES["M_BackHead"][2]
                self._head = np.broadcast_to(tone, (size, size, 3))

    def face(self, melanin: FloatArray, haemoglobin: FloatArray) -> FloatArray:
        """Return linear RGB (1024, 1024, 3) with extra amounts (1024, 1024) of pigments."""
        return self._with(self._face, melanin, haemoglobin)

    def head(self, melanin: FloatArray, haemoglobin: FloatArray) -> FloatArray:
        """Return linear RGB (512, 512, 3) with extra amounts (512, 512) of pigments."""
        return self._with(self._head, melanin, haemoglobin)

    def _with(
        self, photo: FloatArray | None, melanin: FloatArray, haemoglobin: FloatArray
    ) -> FloatArray:
        if photo is None:
            return self._skin.reflectance(melanin, haemoglobin)
        share = np.float32(_PAINT_ON_PHOTO)
        return self._gain * photo * pigment_filter(share * melanin, share * haemoglobin)


def _developed(photo: UInt8Array | None, places: FloatArray | None, size: int) -> FloatArray | None:
    """Return the photograph unfolded on a tile (size, size, 3), linear RGB."""
    if photo is None or places is None:
        return None
    height, width = photo.shape[:2]
    fine = np.asarray(cv2.resize(places, (size, size), interpolation=cv2.INTER_LINEAR))
    columns, rows = fine[..., 0] * width - 0.5, (1 - fine[..., 1]) * height - 0.5
    coded = cv2.remap(photo, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray((coded.astype(np.float32) / 255) ** np.float32(2.2))


def _tone(face: FloatArray, landmarks: FloatArray) -> FloatArray:
    """Return the median linear RGB (3,) of both cheeks."""
    patches = []
    for jaw, wing in ((3, 31), (13, 35)):
        column, row = np.round(0.5 * (landmarks[jaw] + landmarks[wing])).astype(int)
        patches.append(face[row - 30 : row + 30, column - 30 : column + 30].reshape(-1, 3))
    return np.asarray(np.median(np.concatenate(patches), axis=0), np.float32)


def _gain_to(skin: Skin, tone: FloatArray) -> FloatArray:
    """Return the factors (3,) that bring a photograph of this tone (3,) near the subject's."""
    melanin, _ = pigments_of(tone)
    more = skin.melanin - melanin
    short = np.array([np.clip(more, *_REACH) - more], np.float32)
    own = skin.reflectance(short, np.zeros(1, np.float32))[0]
    return np.asarray(own / tone, np.float32)


def stubble(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return how much stubble covers the skin (1024, 1024)."""
    if not skin.stubble:
        return np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    zone = _beard_zone(canvas.landmarks * (COARSE / FACE_SIZE))
    hairs = np.clip(0.55 + 0.6 * noise(rng, FACE_SIZE, 1.0), 0, 1.3)
    return np.asarray(0.42 * skin.stubble * enlarged(zone) * hairs, np.float32)


def _beard_zone(points: FloatArray) -> FloatArray:
    """Return 1 on chin, jaw and upper lip (256, 256), with soft edges."""
    left = 0.6 * points[2] + 0.4 * points[48]
    right = 0.6 * points[14] + 0.4 * points[54]
    above_lip = [
        moved(points[54], 8, 0),
        moved(points[35], 3, 5),
        moved(points[33], 0, 4),
        moved(points[31], -3, 5),
        moved(points[48], -8, 0),
    ]
    outline = np.stack([*moved(points[2:15], 0, 8), right, *above_lip, left])
    zone = _filled(np.round(outline).astype(np.int32), 5.0)
    return zone * (1 - _filled(smooth_outline(points[48:60]), 1.5))


def _filled(outline: NDArray[np.int32], softness: float) -> FloatArray:
    image = np.zeros((COARSE, COARSE), np.float32)
    cv2.fillPoly(image, [outline], 1.0)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), softness))


def brows(canvas: Canvas, skin: Skin, rng: np.random.Generator) -> FloatArray:
    """Return how much brow hair covers the skin (1024, 1024)."""
    cover = np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    base = np.zeros_like(cover)
    for brow, side in ((canvas.landmarks[BROWS[0]], -1), (canvas.landmarks[BROWS[1]][::-1], 1)):
        _one_brow(cover, base, _brow_line(brow, skin), side, skin, rng)
    base = np.asarray(cv2.GaussianBlur(base, (0, 0), 5.0))
    hairs = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.7))
    covered = 0.55 * base + 0.95 * hairs
    return np.asarray(np.clip(skin.brow_density * covered, 0, 0.93), np.float32)


def _brow_line(outer_to_inner: FloatArray, skin: Skin) -> FloatArray:
    """Return the brow's middle line (40, 2), outer end first."""
    place = np.linspace(0, 4, 40)
    line = np.stack(
        [
            np.polyval(np.polyfit(np.arange(5), outer_to_inner[:, axis], 3), place)
            for axis in (0, 1)
        ],
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
    # Brows are thickest near the nose and taper to the temple.
    profile = np.interp(np.arange(len(line)), (0, 12, 30, 39), (0.15, 0.6, 1, 0.8))
    half = _BROW_HALF_WIDTH * skin.brow_thickness * profile
    for index in range(len(line) - 1):
        stroke(base, line[index : index + 2], 1.0, max(int(1.5 * half[index]), 1))
    for _ in range(_BROW_HAIRS):
        at = int(rng.integers(len(line)))
        across = float(rng.uniform(-1, 1))
        root = moved(line[at], 0, across * half[at])
        # Hairs grow towards the temple, the inner ones upwards, the upper ones flatter.
        outward = np.interp(at, (0, 30, 39), (1.0, 0.85, 0.3))
        upward = 0.25 + 0.35 * across + 0.6 * (1 - outward)
        length = float(rng.uniform(9, 20)) * (0.5 + 0.5 * half[at] / _BROW_HALF_WIDTH)
        tip = moved(root, length * outward * side, -length * upward)
        stroke(cover, np.stack([root, tip]), float(rng.uniform(0.4, 1.0)))


def lashes(canvas: Canvas, skin: Skin) -> FloatArray:
    """Return the dark margins of the lids (1024, 1024): lashes seen from the front."""
    image = np.zeros((FACE_SIZE, FACE_SIZE), np.float32)
    for eye, order in ((EYES[0], (0, 1, 2, 3)), (EYES[1], (3, 2, 1, 0))):
        points = canvas.landmarks[eye]
        stroke(image, points[list(order)], 1.0, 7)
        lower = points[[0, 5, 4, 3]]
        stroke(image, lower, 0.45, 3)
    return np.asarray(skin.lash_darkness * cv2.GaussianBlur(image, (0, 0), 1.3), np.float32)


def scalp(
    places_mm: FloatArray, canvas: Canvas, skin: Skin, size: int, rng: np.random.Generator
) -> FloatArray:
    """Return how much hair covers each texel (size, size), from its place on the head."""
    side, height = np.abs(places_mm[..., 0]), places_mm[..., 1]
    hairline = canvas.brow_mm + skin.hairline_mm
    temple = np.clip((side - 48) / 24, 0, 1)
    ears = np.clip((side - canvas.ears_mm) / 4, 0, 1)
    line = hairline - temple**2 * (skin.hairline_mm + 18) + 60 * ears
    above = (height - line) / 5
    soft = np.clip(0.5 + above / 2, 0, 1).astype(np.float32)
    smooth = np.asarray(cv2.resize(soft, (size, size), interpolation=cv2.INTER_CUBIC))
    strands = np.asarray(cv2.blur(noise(rng, size, 0.9), (1, 13)))
    ragged = np.clip(1.3 * smooth + 0.8 * strands * (smooth > 0.02) * (smooth < 0.9), 0, 1)
    return np.asarray(ragged * np.clip(0.93 + 0.12 * strands, 0, 0.97), np.float32)
