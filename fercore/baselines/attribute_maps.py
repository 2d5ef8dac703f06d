"""Pictures of what a face's surface is like: height, slope, bending and colour.

Each map shows the posed head from the front through the same window, in millimetres, so that
a pixel means the same place on every head. [37] (after Yang et al. 2015) scatters the normals
and the shape index; [38] (after Li et al. 2015) shows six maps to a pretrained network.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from fercore.baselines.curvature import curvature_of
from fercore.baselines.posed_scans import PICTURE_CAMERA
from fercore.baselines.scattering import scattering
from fercore.geometry.cameras import OrthographicCamera
from fercore.geometry.rendering import MeshRenderer
from fercore.structures import Mesh

if TYPE_CHECKING:
    from fercore.baselines.posed_scans import ScanFeatures, ScanGeometry
    from fercore.structures import FloatArray, UInt8Array

WINDOW_MM = 150.0
WINDOW_CENTRE_Y_MM = -22.0
MAP_SIZE, SCATTERED_SIZE = 224, 96
"""Pixels across the window: what networks expect, and what is scattered."""

MAPS = ("height", "normal x", "normal y", "normal z", "curvature", "texture")
"""The six maps of [38], in the order of `describe_maps`."""

SCATTERED = ("normal x", "normal y", "normal z", "shape index")
"""The four maps of [37], in the order of `describe_scattering`."""

_RANGES = {
    "height": (-40.0, 40.0),  # mm
    "normal x": (-1.0, 1.0),
    "normal y": (-1.0, 1.0),
    "normal z": (-1.0, 1.0),
    "curvature": (-0.1, 0.1),  # per mm, the mean of both
    "shape index": (0.0, 1.0),
}


@lru_cache(maxsize=1)
def describe_maps(scan: ScanGeometry) -> ScanFeatures:
    """Return `maps` (6, 224, 224) uint8; a value's range is fixed, and beside the face it is 0.

    Made once for all networks that look at the scan.

    Raises:
        MeshError: the mesh is empty or not finite.
    """
    values = attribute_maps(scan, MAPS[:-1], MAP_SIZE)
    low, high = np.array([_RANGES[name] for name in MAPS[:-1]], np.float32).T[..., None, None]
    # 0 is kept for what is not there.
    levels = np.rint(1 + 254 * ((values - low) / (high - low)).clip(0, 1))
    surface = np.where(np.isnan(values), 0, levels).astype(np.uint8)
    grey = np.where(surface[0] == 0, 0, grey_map(scan, MAP_SIZE)).astype(np.uint8)
    return {"maps": np.concatenate([surface, grey[None]])}


def describe_scattering(scan: ScanGeometry) -> ScanFeatures:
    """Return log(1 + coefficients) of the maps of `SCATTERED` by name, (417, 6, 6) each.

    Raises:
        MeshError: the mesh is empty or not finite.
    """
    maps = np.nan_to_num(attribute_maps(scan, SCATTERED, SCATTERED_SIZE), nan=0.0)
    coefficients = scattering(torch.from_numpy(maps))
    logarithms = torch.log1p(coefficients.abs()).numpy()
    return dict(zip(SCATTERED, logarithms, strict=True))


def attribute_maps(scan: ScanGeometry, names: tuple[str, ...], size: int) -> FloatArray:
    """Return maps of the surface (len(names), size, size), NaN beside the face.

    Names are those of `MAPS` and `SCATTERED`, without the texture.

    Raises:
        MeshError: the mesh is empty or not finite.
    """
    curvature = curvature_of(scan)
    carried = {
        "height": scan.vertices_mm[:, 2],
        "normal x": scan.normals[:, 0],
        "normal y": scan.normals[:, 1],
        "normal z": scan.normals[:, 2],
        "curvature": curvature.mean,
        "shape index": curvature.shape_index,
    }
    values = np.stack([carried[name] for name in names], axis=1)
    seen = renderer_of(scan).orthographic_values(window_camera(size), values)
    return np.ascontiguousarray(seen.transpose(2, 0, 1))


def grey_map(scan: ScanGeometry, size: int) -> UInt8Array:
    """Return the part of the frontal picture that the window shows, grey, (size, size)."""
    camera = window_camera(size)
    scale = camera.mm_per_pixel / PICTURE_CAMERA.mm_per_pixel
    corner = PICTURE_CAMERA.project(_first_pixel_mm(camera))[0]
    grey = cv2.cvtColor(scan.picture_rgb, cv2.COLOR_RGB2GRAY)
    motion = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown: UInt8Array = cv2.warpAffine(grey, motion, (size, size), flags=flags)
    return shown


def window_camera(size: int) -> OrthographicCamera:
    """Return the camera that sees the window of all maps in size × size pixels."""
    return OrthographicCamera(WINDOW_MM / size, 0.0, WINDOW_CENTRE_Y_MM, size)


@lru_cache(maxsize=1)
def renderer_of(scan: ScanGeometry) -> MeshRenderer:
    """Return what casts rays into the scan, built once for all that look at it.

    Raises:
        MeshError: the mesh is empty or not finite.
    """
    return MeshRenderer(Mesh(scan.vertices_mm, scan.triangles), threads=1)


def _first_pixel_mm(camera: OrthographicCamera) -> FloatArray:
    half = (camera.size - 1) / 2 * camera.mm_per_pixel
    return np.array([[camera.centre_x_mm - half, camera.centre_y_mm + half, 0.0]], np.float32)
