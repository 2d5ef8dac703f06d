"""What each system of the paper's Table 2 sees of a scan, in one picture.

Made by `fercore inspect ROOT --systems SCAN`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from PIL import Image

from fercore.baselines.attribute_maps import (
    MAPS,
    SCATTERED,
    SCATTERED_SIZE,
    attribute_maps,
    describe_maps,
    grey_map,
    renderer_of,
    window_camera,
)
from fercore.baselines.curvature import (
    NOWHERE,
    PRIMITIVES,
    REGIONS,
    curvature_of,
    face_regions,
    primitive_labels,
)
from fercore.baselines.mesh_descriptors import (
    CIRCLE_MM,
    PATCH_SIZE,
    PATCH_STEP_MM,
    RING_MM,
)
from fercore.baselines.picture_descriptors import describe_patches
from fercore.baselines.posed_scans import posed_scan
from fercore.baselines.recipes import Landmarking
from fercore.baselines.scattering import ANGLES, SCALES, scattering
from fercore.baselines.segments import SEGMENTS
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.baselines.posed_scans import ScanGeometry
    from fercore.datasets.bu3dfe import Scan
    from fercore.structures import FloatArray, UInt8Array

_PANEL, _GAP, _CAPTION = 224, 12, 26  # pixels
_INK, _PAPER = (34, 34, 34), 255
_COLOURS = 64  # of the file's palette, to keep it small
_BLUE, _ORANGE, _GREEN = (0, 114, 178), (213, 94, 0), (0, 158, 115)
_CIRCLED = ("right eye outer", "left brow middle", "mouth left", "mouth upper")


def write_systems(scan: Scan, path: Path) -> None:
    """Draw what the systems of Table 2 see of a scan into a PNG file.

    Raises:
        FercoreError: the mesh or its points cannot be used, or the file cannot be written.
    """
    page = Image.fromarray(figure_of_systems(posed_scan(scan, Landmarking(), None)))
    try:
        page.quantize(_COLOURS).save(path, "PNG", optimize=True)
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror or error}); choose another --output."
        ) from error


def figure_of_systems(scan: ScanGeometry) -> UInt8Array:
    """Return two rows of panels with their captions, (H, W, 3) RGB."""
    patches = describe_patches(scan)
    rows = (
        (
            ("segments-svm: 48 segments", _segments(scan)),
            ("landmark-lda: the points", _points(scan)),
            ("primitive-lda: labels, regions", _primitives(scan)),
            ("sfam-bbn: texture", _patches(scan, np.asarray(patches["texture"]), 3.0)),
            ("sfam-bbn: range", _patches(scan, np.asarray(patches["range"]), 12.0)),
        ),
        (
            ("descriptors-svm: 9 circles", _circles(scan)),
            ("scattering-svm: four maps", _scattered(scan)),
            ("its order 1, of normal y", _first_order(scan)),
            ("maps-vgg19-svm, maps-vit-svm: six maps", _six_maps(scan)),
        ),
    )
    bands = [_band([_captioned(words, panel) for words, panel in row]) for row in rows]
    width = max(band.shape[1] for band in bands)
    return np.concatenate([_widened(band, width) for band in bands])


def _segments(scan: ScanGeometry) -> UInt8Array:
    panel = _face(scan)
    for one, other in SEGMENTS:
        start, end = _pixels(np.stack([scan.named_mm[one], scan.named_mm[other]]))
        cv2.line(panel, start, end, _BLUE, 1, cv2.LINE_AA)
    return panel


def _points(scan: ScanGeometry) -> UInt8Array:
    panel = _face(scan)
    for pixel in _pixels(scan.points_mm):
        cv2.circle(panel, pixel, 2, _ORANGE, -1, cv2.LINE_AA)
    return panel


def _primitives(scan: ScanGeometry) -> UInt8Array:
    """Return the labels as colours, lines where one region ends and the next begins."""
    labels, regions = primitive_labels(curvature_of(scan), scan.normals), face_regions(scan)
    hues = (np.arange(len(PRIMITIVES)) * 180 // len(PRIMITIVES)).astype(np.uint8)
    colours = np.stack([hues, np.full_like(hues, 110), np.full_like(hues, 235)], axis=1)
    palette = cv2.cvtColor(colours[None], cv2.COLOR_HSV2RGB)[0]
    label = _numbers(scan, labels, len(PRIMITIVES))
    region = _numbers(scan, regions - NOWHERE, len(REGIONS) + 1)
    panel = _face(scan)
    panel[region > 0] = palette[label[region > 0]]
    edge = cv2.morphologyEx(region.clip(0).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2)))
    panel[edge > 0] = _INK
    return panel


def _patches(scan: ScanGeometry, patches: NDArray[np.generic], largest: float) -> UInt8Array:
    """Return patches (P, 15, 15) in their places; grey from -largest to largest."""
    panel = np.full((_PANEL, _PANEL, 3), 225, np.uint8)
    side = round(PATCH_SIZE * PATCH_STEP_MM / window_camera(_PANEL).mm_per_pixel / 2)
    names = sorted(scan.named_mm)
    places = _pixels(np.stack([scan.named_mm[name] for name in names]))
    for patch, (column, row) in zip(patches, places, strict=True):
        grey = np.clip(127.5 * (1 + np.asarray(patch, np.float32) / largest), 0, 255)
        small = cv2.resize(grey.astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)
        top, left = max(row - side // 2, 0), max(column - side // 2, 0)
        part = panel[top : top + side, left : left + side]
        part[:] = small[: part.shape[0], : part.shape[1], None]
    return panel


def _circles(scan: ScanGeometry) -> UInt8Array:
    panel = _face(scan)
    per_pixel = window_camera(_PANEL).mm_per_pixel
    ring = RING_MM * np.exp(2j * np.pi * np.arange(8) / 8)
    for name in _CIRCLED:
        for step in (0, *ring):
            centre = scan.named_mm[name] + np.array([np.real(step), np.imag(step), 0])
            radius = round(CIRCLE_MM / per_pixel)
            cv2.circle(panel, _pixels(centre[None])[0], radius, _GREEN, 1, cv2.LINE_AA)
    return panel


def _scattered(scan: ScanGeometry) -> UInt8Array:
    maps = attribute_maps(scan, SCATTERED, _PANEL // 2)
    lowest = np.array([-1, -1, -1, 0], np.float32)[:, None, None]
    grey = np.nan_to_num(255 * (maps - lowest) / (1 - lowest), nan=0).astype(np.uint8)
    return _grey(np.block([[grey[0], grey[1]], [grey[2], grey[3]]]))


def _first_order(scan: ScanGeometry) -> UInt8Array:
    """Return the first moduli: a row for each scale, a column for each angle."""
    slopes = np.nan_to_num(attribute_maps(scan, ("normal y",), SCATTERED_SIZE))
    found = scattering(torch.from_numpy(slopes))[0, 1 : 1 + SCALES * ANGLES].numpy()
    table = found.reshape(SCALES, ANGLES, *found.shape[1:])
    table = table / table.max(axis=(1, 2, 3), keepdims=True)
    sheet = np.block([[np.pad(cell, 1) for cell in row] for row in table])
    size = (_PANEL, _PANEL * SCALES // ANGLES)
    bright = cv2.resize((255 * sheet).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    margin = (_PANEL - size[1]) // 2
    return _grey(np.pad(bright, ((margin, margin), (0, 0)), constant_values=_PAPER))


def _six_maps(scan: ScanGeometry) -> UInt8Array:
    size = _PANEL // 2
    maps = [
        cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA)
        for one in np.asarray(describe_maps(scan)["maps"])
    ]
    half = len(MAPS) // 2
    return _grey(np.block([maps[:half], maps[half:]]))


def _numbers(scan: ScanGeometry, numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the numbers 0..count-1 that vertices carry, (V,), as the window sees them; else -1."""
    shares = np.eye(count, dtype=np.float32)[numbers]
    seen = renderer_of(scan).orthographic_values(window_camera(_PANEL), shares)
    return np.where(np.isnan(seen[..., 0]), -1, np.nan_to_num(seen).argmax(axis=-1))


def _face(scan: ScanGeometry) -> UInt8Array:
    """Return the frontal picture, grey and pale, to draw on."""
    return _grey((128 + grey_map(scan, _PANEL) // 2).astype(np.uint8))


def _pixels(points_mm: FloatArray | NDArray[np.float64]) -> list[tuple[int, int]]:
    places = np.rint(window_camera(_PANEL).project(np.asarray(points_mm, np.float32)))
    return [(int(column), int(row)) for column, row in places]


def _grey(levels: UInt8Array) -> UInt8Array:
    return np.repeat(levels[..., None], 3, axis=-1)


def _captioned(words: str, panel: UInt8Array) -> UInt8Array:
    page = np.full((panel.shape[0] + _CAPTION, panel.shape[1] + _GAP, 3), _PAPER, np.uint8)
    page[: panel.shape[0], : panel.shape[1]] = panel
    place = (0, panel.shape[0] + 17)
    cv2.putText(page, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return page


def _band(panels: list[UInt8Array]) -> UInt8Array:
    return np.concatenate(panels, axis=1)


def _widened(band: UInt8Array, width: int) -> UInt8Array:
    missing = ((0, 0), (0, width - band.shape[1]), (0, 0))
    return np.pad(band, missing, constant_values=_PAPER)
