"""Samples as a face scanner delivers them: studio light, no background, clean depth.

This is BU-3DFE's kind of depth, orthographic and nearly without noise; the picture agrees
with it as well as a registration does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.geometry import NOMINAL_DISTANCE_M
from fercore.synthesis.depth_artefacts import shifted
from fercore.synthesis.lighting import sample_lighting
from fercore.synthesis.picture import LitSurface, frontal_frame
from fercore.synthesis.scanner import scanner_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.face_model import FaceModel
    from fercore.synthesis.picture import Frame, Looks

_MISREGISTRATION_PX = 0.7  # standard deviation


@dataclass(frozen=True, slots=True)
class ScanSample:
    """A scan's frontal picture and depth map."""

    rgb: UInt8Array  # (512, 512, 3)
    depth_m: FloatArray  # (512, 512), metres, NaN off the face
    landmarks_px: NDArray[np.float64]  # (68, 2), columns and rows


def scanned(
    model: FaceModel, vertices_mm: FloatArray, looks: Looks, rng: np.random.Generator
) -> ScanSample:
    """Return a scan of the face model's vertices (V, 3)."""
    scanner = scanner_for(model)
    surface = LitSurface(vertices_mm, scanner, looks)
    frame = frontal_frame(vertices_mm[scanner.cropped.vertices], rng)
    rgb = surface.picture(frame, sample_lighting(rng), rng)
    is_scanned = np.isin(scanner.opaque_triangles, scanner.cropped.vertices).all(axis=1)
    depth_m = _depth(surface, frame, is_scanned)
    right_px, down_px = rng.normal(0, _MISREGISTRATION_PX, 2).tolist()
    landmarks_px = frame.project(vertices_mm[model.landmarks68])
    return ScanSample(rgb, shifted(depth_m, right_px, down_px, 1.0), landmarks_px)


def _depth(surface: LitSurface, frame: Frame, is_scanned: NDArray[np.bool_]) -> FloatArray:
    """Return the depth map (H, W) of the scanned triangles, as orthographic ones are given."""
    rays = frame.rays()
    hits, _ = surface.cast(rays)
    depth_m = np.full(len(rays), np.nan, np.float32)
    towards = rays[hits.rays, :3] + hits.distance[:, None] * rays[hits.rays, 3:]
    height_mm = (towards - frame.centre_mm) @ frame.axes[2]
    seen = np.where(is_scanned[hits.numbers], NOMINAL_DISTANCE_M - height_mm / 1000, np.nan)
    depth_m[hits.rays] = seen
    return depth_m.reshape(frame.height, frame.width)
