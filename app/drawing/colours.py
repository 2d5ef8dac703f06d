"""Colours that keep their meaning for colour-blind eyes, on light and on dark.

Expressions: the palette of Okabe and Ito (Color Universal Design, 2008) without
its yellow and black, which vanish on one of the two themes. Calm: the violet that, to eyes
of every kind, is farthest from all of those (at least 24 in Lab, normal or simulated
colour-blind) and can be seen on both themes. Depth: viridis,
perceptually uniform, bright is near.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.expressions import CALM, Expression

if TYPE_CHECKING:
    from fercore.structures import FaceBox, FloatArray, UInt8Array

VERDICT_COLOURS: dict[str, str] = {
    Expression.ANGER: "#D55E00",
    Expression.DISGUST: "#009E73",
    Expression.FEAR: "#CC79A7",
    Expression.HAPPINESS: "#E69F00",
    Expression.SADNESS: "#0072B2",
    Expression.SURPRISE: "#56B4E9",
    CALM: "#A050FF",
}
NEUTRAL_COLOUR = "#8A8F98"
LEAST_CONTRAST = 3.0  # of lines and marks on their ground (WCAG 2.2, 1.4.11)
UNKNOWN_DEPTH_RGB = (38, 40, 46)

_HALF_RANGE_MM = 75
_STEP_MM = 25
_SPARSE = 3  # every third row and column is enough for a median, and much faster
_MIN_PIXELS = 50 // _SPARSE**2  # fifty of all
_NEAREST, _UNKNOWN = 254, 255  # levels of the colour table


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours such as `#FFFFFF`, 1 (none) to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def legible(colour: str, ground: str) -> str:
    """Return a colour, darkened or lightened until a thin line of it is seen on a ground."""
    target = 0 if _luminance(ground) > 0.18 else 255
    parts = _channels(colour)
    for share in np.linspace(0, 1, 41):
        mixed = [round(part + share * (target - part)) for part in parts]
        found = "#" + "".join(f"{part:02X}" for part in mixed)
        if contrast(found, ground) >= LEAST_CONTRAST:
            return found
    return colour


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _luminance(colour: str) -> float:
    shares = np.array(_channels(colour)) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@dataclass(frozen=True, slots=True)
class DepthScale:
    """The distances between which the depth picture's colours run."""

    near_mm: int
    far_mm: int

    @property
    def middle_mm(self) -> float:
        """The distance half-way."""
        return (self.near_mm + self.far_mm) / 2


def fitted_scale(
    depth_m: FloatArray, box: FaceBox | None, current: DepthScale | None
) -> DepthScale | None:
    """Return a scale around the face (or all there is, without a box) on round millimetres.

    `current` is kept while the face stays near its middle, so that colours do
    not flicker; it is also returned when there is too little depth to tell.
    """
    known = _inside(depth_m, box)[::_SPARSE, ::_SPARSE]
    known = known[np.isfinite(known)]
    if known.size < _MIN_PIXELS:
        return current
    middle_mm = 1000 * float(np.median(known))
    if current is not None and abs(middle_mm - current.middle_mm) <= _STEP_MM:
        return current
    rounded = round(middle_mm / _STEP_MM) * _STEP_MM
    return DepthScale(rounded - _HALF_RANGE_MM, rounded + _HALF_RANGE_MM)


def depth_colours(depth_m: FloatArray, scale: DepthScale) -> UInt8Array:
    """Return a colour picture (H, W, 3) of a depth map (H, W); unknown depth is dark grey."""
    per_metre = 1000 * _NEAREST / (scale.far_mm - scale.near_mm)
    levels = (np.float32(scale.far_mm / 1000) - depth_m) * np.float32(per_metre)
    np.clip(levels, 0, _NEAREST, out=levels)
    np.fmin(levels, _UNKNOWN, out=levels)  # turns NaN, and nothing else, into _UNKNOWN
    picture: UInt8Array = cv2.applyColorMap(levels.astype(np.uint8), _table())
    return picture


def viridis(levels: UInt8Array) -> UInt8Array:
    """Return the RGB colours (H, W, 3) of levels (H, W), 0 dark to 255 bright."""
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)
    return np.ascontiguousarray(bgr[:, :, ::-1])


@cache
def _table() -> UInt8Array:
    """Return the colours (256, 1, 3) of far (0) to near, and of unknown depth."""
    shades = np.linspace(0, 255, _NEAREST + 1).astype(np.uint8)
    colours = [viridis(shades[None])[0], np.array([UNKNOWN_DEPTH_RGB], np.uint8)]
    table: UInt8Array = np.concatenate(colours)[:, None]
    return table


def _inside(depth_m: FloatArray, box: FaceBox | None) -> FloatArray:
    if box is None:
        return depth_m
    rows = slice(max(int(box.y0), 0), max(int(box.y1), 0))
    columns = slice(max(int(box.x0), 0), max(int(box.x1), 0))
    return depth_m[rows, columns]
