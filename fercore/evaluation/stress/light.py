"""Other light on the colour crop: brighter or darker, flatter, from the side, of another colour.

All but gamma act on linear light (IEC 61966-2-1, sRGB), as exposure and lamps do.
Depth is left as it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fercore.evaluation.stress.crops import CROP_SIDE_MM, Crops
from fercore.evaluation.stress.filtering import along_both, gaussian_blur, linear_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    weights = linear_weights(ratio.shape[-1], crops.rgb.shape[1])
    factors = along_both(weights, ratio.astype(np.float32))[..., None]
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
