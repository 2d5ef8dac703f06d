"""Depth cameras: what each delivers of a true depth map, aligned to its colour picture.

Surfaces that the second eye does not see are lost, nearer surfaces bleed over their
outline, and details finer than the matching window are averaged away.

Stereo (Intel RealSense D400): depth is Z = f B / d, so an error of the disparity d becomes
one of Z² / (f B), growing with the square of the distance. Disparity comes in steps of 1/32
pixel, is shared by the neighbours in the matching window, bends a little between whole pixels,
and is missing where one of the two eyes or the colour camera is blocked, where nothing comes
back from the projector (dark hair, far walls, surfaces at a grazing angle), where a highlight
blinds it, and nearer than the largest disparity searched. Coded light (SR305) has the same
geometry with a projector as the second eye, reads stripes, and depends on the light that comes
back far more. `SCANNER` is BU-3DFE's: clean, frontal, orthographic.

Sources: Grunnet-Jepsen, Sweetser, Woodfill, "Tuning depth cameras for best performance" (Intel
RealSense documentation): resolutions, noise, nearest distance f B / 126, 0.08 pixel of noise
on a well lit face as in between its 0.05 and 0.1; the same authors with Khuong and Tong,
"Subpixel linearity improvement for Intel RealSense depth camera D400 series": the bend; data
sheets of the D400 family and SR305, and cameras' own calibration as users report it (`rs-
enumerate-devices -c`): focal lengths, baselines, offsets of the colour camera, ranges; Zabatani
et al., "Intel RealSense SR300 coded light depth camera" (PAMI 42(10), 2020): range and step.
Thresholds of holes, the width of bleeding edges and the noise of coded light are ours, set by
eye to look like recordings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.synthesis.exposure import smooth_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.sights import Sight

SCANNER = "scanner"

_SUBPIXEL_STEPS = 32
_CORRELATION_PX = 2.0  # sigma of the noise that neighbours in a matching window share
_WINDOW_PX = 1.2  # sigma over which the matching window averages the surface
_GAP_PX = 1.0  # a step of disparity between two surfaces
_CLUMPS_PX = 5.0  # size of the holes where too little light comes back
_BLINDING = 0.5  # highlight in which nothing is found
_ALIGNMENT_PX, _ALIGNMENT_SCALE = 0.8, 0.002  # standard deviations


def hidden_from(depth_m: FloatArray, focal_px: float, offset_m: float) -> NDArray[np.bool_]:
    """Tell which pixels (H, W) a second camera, `offset_m` to the picture's right, does not see.

    Something nearer stands in between. `depth_m` is inf where nothing is.
    """
    if offset_m == 0:
        return np.zeros(depth_m.shape, bool)
    mirrored = depth_m[:, ::-1] if offset_m < 0 else depth_m
    columns = np.arange(mirrored.shape[1], dtype=np.float32)
    there = columns - np.float32(focal_px * abs(offset_m)) / mirrored
    # Nearer things shift farther: whoever lands left of its left neighbour stands before it.
    ahead = np.minimum.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    hidden = np.zeros(there.shape, bool)
    hidden[:, :-1] = ahead[:, 1:] < there[:, :-1]
    return hidden[:, ::-1] if offset_m < 0 else hidden


def bleed(
    nearness: FloatArray, reach_px: float, jump: float, where: NDArray[np.bool_]
) -> FloatArray:
    """Let near surfaces grow over far ones by `reach_px`, where asked and the gap exceeds `jump`.

    `nearness` (H, W) grows towards the camera, such as disparity.
    """
    size = 2 * round(reach_px) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    grown = np.asarray(cv2.dilate(nearness, kernel), np.float32)
    return np.where(where & (grown - nearness > jump), grown, nearness)


def averaged(nearness: FloatArray, sigma_px: float, jump: float) -> FloatArray:
    """Average over the matching window (sigma in pixels), but not across gaps of `jump`."""
    smooth = np.asarray(cv2.GaussianBlur(nearness, (0, 0), sigma_px), np.float32)
    return np.where(np.abs(smooth - nearness) < jump / 2, smooth, nearness)


def outline_share(nearness: FloatArray, reach_px: float, jump: float) -> FloatArray:
    """Return 1 beside gaps of `jump`, falling to 0 at `reach_px` (H, W)."""
    thin = cv2.morphologyEx(nearness, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edge = (np.asarray(thin) > jump).astype(np.float32)
    size = 2 * round(reach_px) + 1
    return np.asarray(cv2.blur(cv2.dilate(edge, np.ones((3, 3))), (size, size)), np.float32)


def resampled(image: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return an image (H, W) at another size (width, height), each pixel its nearest's value."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def shifted(depth_m: FloatArray, right_px: float, down_px: float, scale: float) -> FloatArray:
    """Return a depth map (H, W) moved and scaled about its middle; NaN comes in at the edges."""
    height, width = depth_m.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    start = middle - scale * middle + (right_px, down_px)
    matrix = np.array([[scale, 0, start[0]], [0, scale, start[1]]])
    moved = cv2.warpAffine(
        depth_m,
        matrix,
        (width, height),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    )
    return np.asarray(moved, np.float32)


@dataclass(frozen=True, slots=True)
class DepthSensor:
    """One kind of depth camera, at the resolution its maker recommends."""

    focal_px: float  # of the depth picture
    baseline_m: float  # from the depth picture's eye to the other eye or the projector
    offset_m: float  # of the depth picture's eye to the right of the colour camera
    nearest_m: float
    farthest_m: float
    noise_px: float  # standard deviation of the disparity on a well lit surface facing the camera
    bend_px: float  # how far disparity strays between whole pixels
    step_m: float  # of the depth values delivered
    edge_px: float  # how far edges bleed, in pixels of the depth picture
    least_return: float  # share of the projector's light, at half a metre, that must come back
    is_coded_light: bool = False

    def disparity_px(self, depth_m: FloatArray) -> FloatArray:
        """Return the disparity (H, W), 0 where nothing is."""
        return np.asarray(np.float32(self.focal_px * self.baseline_m) / depth_m, np.float32)


@dataclass(frozen=True, slots=True)
class Camera:
    """A colour camera with its depth sensor, and where people sit before it."""

    sensor: DepthSensor
    focals_px: tuple[float, float]  # of the colour picture at 640x480 and at 1280x720
    nearest_face_m: float
    farthest_face_m: float


_D415 = DepthSensor(900.0, 0.055, 0.015, 0.40, 10.0, 0.08, 0.04, 1e-3, 4.0, 0.10)
_D435 = DepthSensor(424.0, 0.050, 0.015, 0.17, 10.0, 0.08, 0.04, 1e-3, 3.0, 0.10)
_D455 = DepthSensor(424.0, 0.095, -0.059, 0.32, 10.0, 0.08, 0.04, 1e-3, 3.0, 0.10)
_D405 = DepthSensor(645.0, 0.018, 0.0, 0.07, 1.5, 0.08, 0.04, 1e-4, 3.0, 0.10)
_SR305 = DepthSensor(475.0, 0.026, 0.026, 0.20, 1.5, 0.025, 0.0, 1.25e-4, 1.5, 0.07, True)

CAMERAS: dict[str, Camera] = {
    "d415": Camera(_D415, (615.0, 920.0), 0.45, 0.90),
    "d435": Camera(_D435, (610.0, 915.0), 0.35, 0.85),
    "d455": Camera(_D455, (378.0, 632.0), 0.40, 0.75),
    "d405": Camera(_D405, (430.0, 645.0), 0.25, 0.50),
    "sr305": Camera(_SR305, (617.0, 925.0), 0.30, 0.80),
}
"""Depth cameras by the name that rows of a cache carry."""

CAMERA_NAMES = (*CAMERAS, SCANNER)


def aged(sensor: DepthSensor, rng: np.random.Generator) -> DepthSensor:
    """Draw one specimen in one room: noisier or calmer, quicker or slower to give up."""
    noise, light, edge, bend = np.exp(rng.normal(0, (0.3, 0.35, 0.25, 0.5)))
    return replace(
        sensor,
        noise_px=sensor.noise_px * float(noise),
        bend_px=sensor.bend_px * float(bend),
        edge_px=sensor.edge_px * float(edge),
        least_return=sensor.least_return * float(light),
    )


def measure(
    sensor: DepthSensor, sight: Sight, focal_px: float, rng: np.random.Generator
) -> FloatArray:
    """Return the depth map (H, W) in metres a sensor delivers, NaN where it knows nothing.

    It is aligned to the colour picture, of focal length `focal_px`, as well as cameras manage:
    off by about a pixel.
    """
    height, width = sight.depth_m.shape
    scale = sensor.focal_px / focal_px
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    depth_m, facing, infrared, glint = (
        resampled(image, size)
        for image in (sight.depth_m, sight.facing, sight.infrared, sight.glint)
    )
    disparity = _matched(sensor, sensor.disparity_px(depth_m), rng)
    returned = _over_window(sensor, _returned(sensor, depth_m, facing, infrared))
    glint = _over_window(sensor, glint)
    known = _is_found(sensor, disparity, returned, glint, rng)
    known &= ~hidden_from(depth_m, sensor.focal_px, sensor.baseline_m)
    measured = _as_depth(sensor, disparity + _noise(sensor, disparity, returned, rng))
    known &= (measured >= sensor.nearest_m) & (measured <= sensor.farthest_m)
    seen = resampled(np.where(known, measured, np.float32(np.nan)), (width, height))
    # What the depth picture's eye does not see, no alignment can bring back.
    seen[hidden_from(sight.depth_m, focal_px, sensor.offset_m)] = np.nan
    return _misaligned(seen, rng)


def _matched(sensor: DepthSensor, disparity: FloatArray, rng: np.random.Generator) -> FloatArray:
    ragged = smooth_noise(disparity.shape, 3.0, 3.0, rng) > -0.4
    grown = bleed(disparity, sensor.edge_px, _GAP_PX, ragged)
    # Coded light reads every pixel for itself; stereo compares windows.
    sigma_px = 0.6 if sensor.is_coded_light else _WINDOW_PX
    return averaged(grown, sigma_px, _GAP_PX)


def _returned(
    sensor: DepthSensor, depth_m: FloatArray, facing: FloatArray, infrared: FloatArray
) -> FloatArray:
    """Return how much of the projector's light comes back: 1 from a white wall at half a metre."""
    # Stereo cameras make up for distance by exposure, and room light helps them.
    falls = 2.0 if sensor.is_coded_light else 0.7
    return np.asarray(infrared * facing * np.minimum(0.5 / depth_m, 2) ** falls, np.float32)


def _over_window(sensor: DepthSensor, image: FloatArray) -> FloatArray:
    """Average over what decides a match: a window in stereo, hardly more than a pixel else."""
    sigma_px = 0.8 if sensor.is_coded_light else _CORRELATION_PX
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def _is_found(
    sensor: DepthSensor,
    disparity: FloatArray,
    returned: FloatArray,
    glint: FloatArray,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Tell where the sensor finds a match."""
    clumps = smooth_noise(disparity.shape, _CLUMPS_PX, _CLUMPS_PX, rng)
    fine = smooth_noise(disparity.shape, 1.0, 1.0, rng)
    edges = outline_share(disparity, 2 * sensor.edge_px, _GAP_PX)
    wanted = sensor.least_return * np.exp(0.35 * clumps + 0.15 * fine + 2.0 * edges)
    return np.asarray((returned > wanted) & (glint + 0.1 * fine < _BLINDING) & (disparity > 0))


def _noise(
    sensor: DepthSensor,
    disparity: FloatArray,
    returned: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Return errors of the disparity (H, W)."""
    if sensor.is_coded_light:
        # Stripes run down the picture, and a dim one is read less well.
        fine = smooth_noise(disparity.shape, 0.6, 2.5, rng)
        weakness = 1 / np.sqrt(np.clip(returned, 0.15, 1.0))
        return np.asarray(sensor.noise_px * fine * weakness, np.float32)
    fine = smooth_noise(disparity.shape, _CORRELATION_PX, _CORRELATION_PX, rng)
    weakness = np.clip(0.6 / np.maximum(returned, 0.01), 1.0, 2.5) ** 0.5
    bend = sensor.bend_px * np.sin(2 * np.pi * disparity)
    return np.asarray(sensor.noise_px * fine * weakness + bend, np.float32)


def _as_depth(sensor: DepthSensor, disparity: FloatArray) -> FloatArray:
    """Return depth (H, W) in the sensor's own steps, inf where nothing is."""
    steps = disparity
    if not sensor.is_coded_light:
        steps = np.round(disparity * _SUBPIXEL_STEPS) / _SUBPIXEL_STEPS
    depth_m = np.float32(sensor.focal_px * sensor.baseline_m) / np.maximum(steps, 1e-3)
    return np.asarray(np.round(depth_m / sensor.step_m) * sensor.step_m, np.float32)


def _misaligned(depth_m: FloatArray, rng: np.random.Generator) -> FloatArray:
    right_px, down_px = np.clip(rng.normal(0, _ALIGNMENT_PX, 2), -2, 2).tolist()
    return shifted(depth_m, right_px, down_px, 1 + float(rng.normal(0, _ALIGNMENT_SCALE)))
