"""All that is done to prepared face crops, each with its unit and its severities.

A perturbation takes crops, a severity and one generator for each face, and returns
changed crops. It is pure: the same arguments give the same crops. Severity 0 is exactly
the identity; where severities have both signs, both directions get worse. What changes colour
acts on linear light (IEC 61966-2-1, sRGB), as exposure and lamps do, all but gamma; what goes
wrong with depth alone is in `depth_faults`.

| name             | unit               | what                                               |
|------------------|--------------------|----------------------------------------------------|
| gain             | stops              | exposure of the colour picture                     |
| gamma            | log2(exponent)     | tone curve of the colour picture                   |
| side-light       | share              | light from one lamp at the side, by the normals    |
| colour-cast      | mired              | lamp warmer (+) or bluer (-) than the balance      |
| depth-noise      | mm                 | RMS of smooth noise                                |
| depth-noise-D415 | m                  | a RealSense camera at a distance; also D435, D455  |
| depth-holes      | holes              | round holes in depth, 20 mm wide                   |
| depth-loss       | share              | known pixels of depth lost, in clumps              |
| ...-filled       | as before          | the two, enclosed gaps filled as live crops are    |
| blur             | px                 | sigma of the colour crop's blur                    |
| resolution       | halvings           | of the face's side in pixels, colour and depth     |
| occlusion        | share              | face covered, in colour and depth                  |
| occlusion-colour | share              | the same, in colour alone                          |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.evaluation.stress.crops import (
    CROP_SIDE_MM,
    Crops,
    along_both,
    area_weights,
    enlarged,
    gaussian_blur,
    generators,
)
from fercore.evaluation.stress.depth_faults import (
    D415,
    D435,
    D455,
    add_noise,
    camera_noise,
    filled,
    lose_depth,
    punch_holes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

LAMP_AZIMUTH_DEG = 70.0  # of the side light, from the optical axis to the left or right
LAMP_ELEVATION_DEG = 20.0  # above the face, as lamps and windows mostly are
WAVELENGTHS_NM = (600.0, 545.0, 450.0)  # where the channels R, G, B see; roughly sRGB's primaries
_SECOND_RADIATION_NM_K = 1.4388e7  # hc/k
_SMOOTHING_PX = 1.0  # of the relief before its normals are taken: speckle is no shape
_DIMMEST = 0.05  # least mean irradiance that auto-exposure makes up for


def to_linear(rgb: UInt8Array) -> FloatArray:
    """Return linear light 0..1 of sRGB values (...)."""
    value = np.arange(256) / 255
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear: FloatArray = table.astype(np.float32)[rgb]
    return linear


def from_linear(linear: FloatArray) -> UInt8Array:
    """Return the sRGB values of linear light (...), clipped to 0..1 as a sensor does."""
    light = linear.clip(0, 1)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    encoded: UInt8Array = np.rint(value * 255).astype(np.uint8)
    return encoded


def change_gain(crops: Crops, stops: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Multiply the light by 2**stops; negative is darker. Draws nothing."""
    return crops._replace(rgb=from_linear(to_linear(crops.rgb) * np.float32(2**stops)))


def change_gamma(crops: Crops, octaves: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Raise the sRGB values (0..1) to the power 2**octaves; positive darkens middle tones.

    It is a camera's tone curve that changes, so this acts on encoded values. Draws nothing.
    """
    table = np.rint(255 * (np.arange(256) / 255) ** (2**octaves)).astype(np.uint8)
    return crops._replace(rgb=table[crops.rgb])


def cast_colour(crops: Crops, mired: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Light the face by a lamp `mired` warmer than the camera is balanced for; negative: bluer.

    Under Wien's law a change of 1/T multiplies each wavelength's light by a fixed factor,
    whatever T was; the factors are scaled so that green stays. From daylight (6500 K) to
    an incandescent lamp (2700 K) it is 217 mired. Draws nothing.
    """
    inverse_nm = 1 / np.array(WAVELENGTHS_NM) - 1 / WAVELENGTHS_NM[1]
    factors = np.exp(-_SECOND_RADIATION_NM_K * inverse_nm * mired * 1e-6)
    return crops._replace(rgb=from_linear(to_linear(crops.rgb) * factors.astype(np.float32)))


def light_from_side(crops: Crops, share: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Let `share` (0..1) of the light come from one lamp at the side; left or right is drawn.

    The picture is taken as lit evenly from all around. That light is dimmed to 1 - share
    and a distant lamp adds Lambertian shading by the normals of the depth map, so the
    relief decides what turns dark. The face's mean irradiance stays, as auto-exposure
    keeps it. Where depth is unknown the surface is taken to face the camera; cast
    shadows (the nose's on the cheek) are not computed.
    """
    normals = surface_normals(crops.depth_m)
    lamps = np.stack([_lamp(draw) for draw in draws])  # N, 3
    irradiance = (normals * lamps[:, None, None]).sum(-1).clip(0)  # N, D, D
    known = np.isfinite(crops.depth_m)
    known |= ~known.any((1, 2), keepdims=True)
    mean = (irradiance * known).sum((1, 2)) / known.sum((1, 2))
    ratio = 1 - share + share * irradiance / np.maximum(mean, _DIMMEST)[:, None, None]
    factors = enlarged(ratio.astype(np.float32), crops.rgb.shape[1])[..., None]
    return crops._replace(rgb=from_linear(to_linear(crops.rgb) * factors))


def surface_normals(depth_m: FloatArray) -> FloatArray:
    """Return unit normals (N, D, D, 3) of depth crops: x right, y down, z towards the camera.

    (0, 0, 1) where depth is unknown. A pixel is `CROP_SIDE_MM` / D wide.
    """
    known = np.isfinite(depth_m)
    weight = gaussian_blur(known.astype(np.float32), _SMOOTHING_PX)
    total = gaussian_blur(np.where(known, depth_m, np.float32(0)), _SMOOTHING_PX)
    smooth_m = np.where(weight > 0.1, total / np.maximum(weight, 0.1), np.nan)
    pitch_m = CROP_SIDE_MM / 1000 / depth_m.shape[-1]
    down, right = np.gradient(smooth_m, pitch_m, axis=(1, 2))  # of distance: away from the camera
    faces_camera = np.isnan(down) | np.isnan(right) | ~known
    slopes = np.stack([right, down, np.ones_like(down)], axis=-1)
    slopes[faces_camera] = (0, 0, 1)
    normals: FloatArray = slopes / np.linalg.norm(slopes, axis=-1, keepdims=True)
    return normals.astype(np.float32)


def _lamp(draw: np.random.Generator) -> NDArray[np.float64]:
    """Return the unit vector towards the lamp (3,), in the axes of `surface_normals`."""
    azimuth, elevation = math.radians(LAMP_AZIMUTH_DEG), math.radians(LAMP_ELEVATION_DEG)
    side = 1 if draw.random() < 0.5 else -1
    level = math.cos(elevation)
    return np.array(
        [side * level * math.sin(azimuth), -math.sin(elevation), level * math.cos(azimuth)]
    )


COVER_DISTANCE_M = 0.04  # from the nearest covered point of the face to what covers it


def blur_colour(crops: Crops, sigma_px: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Blur colour by a Gaussian, sigma in pixels of the colour crop. Draws nothing."""
    return crops._replace(rgb=from_linear(gaussian_blur(to_linear(crops.rgb), sigma_px)))


def lower_resolution(crops: Crops, halvings: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Take the face with a side of S / 2**halvings pixels in colour and in depth.

    S is the colour crop's side; depth suffers once its own side is not reached any more.
    Both are enlarged again as `fercore.faces.cropping` does. Draws nothing.
    """
    side = max(1, round(crops.rgb.shape[1] / 2**halvings))
    return Crops(_coarse_colour(crops, side), _coarse_depth(crops.depth_m, side))


def cover(crops: Crops, share: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Hold a flat disc of one drawn colour before that share (0..1) of the face.

    The face is where depth is known, the disc's centre a drawn point of it; a larger
    disc keeps colour and centre. It stands `COVER_DISTANCE_M` before what it covers.
    """
    depth_m, rgb = crops.depth_m.copy(), crops.rgb.copy()
    for face_m, picture, draw in zip(depth_m, rgb, draws, strict=True):
        centre, radius = _disc(np.isfinite(face_m), share, draw)
        picture[_within(len(picture), centre, radius)] = draw.integers(0, 256, 3)
        hidden = _within(len(face_m), centre, radius)
        if np.isfinite(face_m[hidden]).any():
            face_m[hidden] = np.nanmin(face_m[hidden]) - np.float32(COVER_DISTANCE_M)
    return Crops(rgb, depth_m)


def cover_colour(crops: Crops, share: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Cover as `cover` does, but in colour alone: glare, paint or a shadow has no relief."""
    return crops._replace(rgb=cover(crops, share, draws).rgb)


def _coarse_colour(crops: Crops, side: int) -> NDArray[np.uint8]:
    size = crops.rgb.shape[1]
    if side >= size:
        return crops.rgb
    coarse = along_both(area_weights(size, side), to_linear(crops.rgb))
    return from_linear(enlarged(coarse, size))


def _coarse_depth(depth_m: FloatArray, side: int) -> FloatArray:
    size = depth_m.shape[-1]
    if side >= size:
        return depth_m
    known = np.isfinite(depth_m)
    weights = area_weights(size, side)
    share = along_both(weights, known.astype(np.float32))
    total = along_both(weights, np.where(known, depth_m, np.float32(0)))
    coarse = np.where(share >= 0.5, total / np.maximum(share, 0.5), np.float32(np.nan))
    nearest = (np.arange(size) + 0.5) * side // size
    index = nearest.astype(np.int64)
    enlarged: FloatArray = coarse[:, index[:, None], index].astype(np.float32)
    return enlarged


def _disc(
    face: NDArray[np.bool_], share: float, draw: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Return centre (row, column) and radius, in sides of the crop; a negative radius covers none.

    A crop without depth counts as face everywhere.
    """
    points = (np.argwhere(face if face.any() else ~face) + 0.5) / len(face)
    centre = points[int(draw.random() * len(points))]
    distances = np.sort(np.hypot(*(points - centre).T))
    covered = round(share * len(points))
    return centre, float(distances[covered - 1]) if covered else -1.0


def _within(size: int, centre: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    row, column = (np.mgrid[:size, :size] + 0.5) / size
    inside: NDArray[np.bool_] = np.hypot(row - centre[0], column - centre[1]) <= radius
    return inside


Change = Callable[[Crops, float, Sequence[np.random.Generator]], Crops]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One way in which crops get worse."""

    name: str
    unit: str  # of the severities
    severities: tuple[float, ...]  # ascending, without 0, which is measured for all at once
    change: Change
    stream: str = ""  # whose draws it shares; empty: its own name's

    def apply(self, crops: Crops, severity: float, seed: int) -> Crops:
        """Return changed crops; arrays that do not change may be the same objects."""
        draws = generators(crops, seed, self.stream or self.name)
        return self.change(crops, severity, draws)


_DISTANCES_M = (0.5, 0.75, 1.0, 1.5, 2.0)
_HOLES = (1, 2, 4, 8, 16)
_LOSSES = (0.1, 0.25, 0.5, 0.75, 0.9)
_COVERED = (0.1, 0.2, 0.3, 0.5)

PERTURBATIONS = (
    Perturbation("gain", "stops", (-6, -4, -2, -1, 1, 2), change_gain),
    Perturbation("gamma", "log2(exponent)", (-1.5, -0.75, 0.75, 1.5), change_gamma),
    Perturbation("side-light", "share", (0.25, 0.5, 0.75, 1.0), light_from_side),
    Perturbation("colour-cast", "mired", (-100, -50, 50, 100, 200), cast_colour),
    Perturbation("depth-noise", "mm", (0.25, 0.5, 1, 2, 4), add_noise),
    *(
        Perturbation(
            f"depth-noise-{camera.name}", "m", _DISTANCES_M, camera_noise(camera), "depth-noise"
        )
        for camera in (D415, D435, D455)
    ),
    Perturbation("depth-holes", "holes", _HOLES, punch_holes),
    Perturbation("depth-holes-filled", "holes", _HOLES, filled(punch_holes), "depth-holes"),
    Perturbation("depth-loss", "share", _LOSSES, lose_depth),
    Perturbation("depth-loss-filled", "share", _LOSSES, filled(lose_depth), "depth-loss"),
    Perturbation("blur", "px", (0.5, 1, 2, 4), blur_colour),
    Perturbation("resolution", "halvings", (1, 1.5, 2, 2.5, 3), lower_resolution),
    Perturbation("occlusion", "share", _COVERED, cover),
    Perturbation("occlusion-colour", "share", _COVERED, cover_colour, "occlusion"),
)
