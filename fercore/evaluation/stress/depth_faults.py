"""What goes wrong with depth alone: noise, as such or as a depth camera makes it, and gaps.

Colour is left as it is. Gaps are left open, as a network meets them when nothing fills
them; `filled` closes those that `fercore.faces.cropping` would have closed at the sensor's
resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fercore.evaluation.stress.crops import CROP_SIDE_MM, Crops, smooth_noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fercore.structures import FloatArray

SUBPIXEL_PX = 0.08  # RMS error of the disparity on a well textured surface
CORRELATION_PX = 2.0  # sigma; stereo matches windows, so the errors of neighbours go together
NOISE_SIGMA_PX = 1.0  # smoothness of the noise given in millimetres, in pixels of the crop
LOSS_SIGMA_PX = 1.0  # smoothness of what decides which pixels are lost: they go in clumps
HOLE_RADIUS_MM = 10.0  # about an eye or a glint on skin


@dataclass(frozen=True, slots=True)
class StereoCamera:
    """A stereo depth camera at its best resolution, by its maker's data sheet."""

    name: str
    width_px: int
    view_deg: float  # horizontal field of view
    baseline_m: float

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width_px / 2 / math.tan(math.radians(self.view_deg / 2))

    def noise_m(self, distance_m: float) -> float:
        """Return the RMS error of depth at a distance, in metres: Z² s / (f B)."""
        return distance_m**2 * SUBPIXEL_PX / (self.focal_px * self.baseline_m)

    def noise_in_crop(self, distance_m: float, crop_px: int) -> tuple[float, float]:
        """Return RMS in metres and smoothness (sigma) in pixels of a crop with that many pixels.

        A pixel of the crop averages the sensor's within it, which lowers the RMS the more
        the narrower the noise's correlation is.
        """
        correlation_m = CORRELATION_PX * distance_m / self.focal_px
        pitch_m = CROP_SIDE_MM / 1000 / crop_px
        averaged_m = math.hypot(correlation_m, pitch_m / math.sqrt(12))
        return self.noise_m(distance_m) * correlation_m / averaged_m, averaged_m / pitch_m


D415 = StereoCamera("D415", 1280, 65.0, 0.055)
D435 = StereoCamera("D435", 848, 87.0, 0.050)
D455 = StereoCamera("D455", 848, 87.0, 0.095)


def add_noise(crops: Crops, rms_mm: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Add Gaussian noise of `rms_mm`, smoothed over a few pixels, to the known depth."""
    noise = smooth_noise(draws, crops.depth_m.shape[-1], NOISE_SIGMA_PX)
    return _plus(crops, noise * (rms_mm / 1000))


def camera_noise(
    camera: StereoCamera,
) -> Callable[[Crops, float, Sequence[np.random.Generator]], Crops]:
    """Return the perturbation that a camera at a distance in metres is."""
    return partial(_seen_by, camera)


def _seen_by(
    camera: StereoCamera, crops: Crops, distance_m: float, draws: Sequence[np.random.Generator]
) -> Crops:
    """Add the noise of a stereo camera `distance_m` from the face; at 0 there is none."""
    size = crops.depth_m.shape[-1]
    rms_m, sigma_px = camera.noise_in_crop(distance_m, size)
    return _plus(crops, smooth_noise(draws, size, sigma_px) * rms_m)


def punch_holes(crops: Crops, count: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Make `count` round holes of `HOLE_RADIUS_MM`, centred on drawn pixels with known depth.

    More holes keep the places of fewer.
    """
    size = crops.depth_m.shape[-1]
    radius_px = HOLE_RADIUS_MM / CROP_SIDE_MM * size
    row, column = np.mgrid[:size, :size]
    depth_m = crops.depth_m.copy()
    for face, draw in zip(depth_m, draws, strict=True):
        known = np.argwhere(np.isfinite(face))
        for _ in range(int(count) if len(known) else 0):
            y, x = known[int(draw.random() * len(known))]
            face[(row - y) ** 2 + (column - x) ** 2 <= radius_px**2] = np.nan
    return crops._replace(depth_m=depth_m)


def lose_depth(crops: Crops, share: float, draws: Sequence[np.random.Generator]) -> Crops:
    """Lose that share (0..1) of the known pixels, in clumps; what is lost stays lost with more."""
    depth_m = crops.depth_m.copy()
    order = smooth_noise(draws, depth_m.shape[-1], LOSS_SIGMA_PX)
    for face, rank in zip(depth_m, order, strict=True):
        known = np.isfinite(face)
        weakest = np.sort(rank[known])[: round(share * int(known.sum()))]
        if len(weakest):
            face[known & (rank <= weakest[-1])] = np.nan
    return crops._replace(depth_m=depth_m)


def filled(
    change: Callable[[Crops, float, Sequence[np.random.Generator]], Crops],
) -> Callable[[Crops, float, Sequence[np.random.Generator]], Crops]:
    """Return a perturbation that closes the gaps of another where known depth surrounds them."""
    return partial(_filled_after, change)


def _filled_after(
    change: Callable[[Crops, float, Sequence[np.random.Generator]], Crops],
    crops: Crops,
    severity: float,
    draws: Sequence[np.random.Generator],
) -> Crops:
    """Interpolate from the rim what was lost; gaps that the crop had before stay open."""
    from fercore.geometry.repairs import fill_interior_holes  # needs cv2 and scipy

    after_m = change(crops, severity, draws).depth_m
    lost = np.isnan(after_m) & np.isfinite(crops.depth_m)
    closed_m = np.stack([fill_interior_holes(face_m) for face_m in after_m])
    return crops._replace(depth_m=np.where(lost, closed_m, after_m))


def _plus(crops: Crops, noise_m: NDArray[np.float64]) -> Crops:
    noisy: FloatArray = (crops.depth_m + noise_m).astype(np.float32)
    return crops._replace(depth_m=noisy)
