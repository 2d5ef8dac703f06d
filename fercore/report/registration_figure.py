"""The paper's Figure 2 for a scan: depth over grey before and after registration, and the result.

Made by `fercore inspect ROOT --overlay SCAN`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.datasets.frames import RegisteredScan, register_scan
from fercore.errors import FercoreError
from fercore.faces.detection import MediapipeFaceLandmarker
from fercore.geometry import fill_interior_holes

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.datasets.bu3dfe import Scan
    from fercore.structures import FloatArray, UInt8Array

_GAP, _HEADER, _FOOTER = 16, 44, 40  # pixels
_INK, _FAINT_INK, _PAPER = (34, 34, 34), (110, 110, 110), (255, 255, 255)
_DEPTH_SHARE = 0.5  # of depth in the overlays; the rest is the picture's grey


def write_overlay(scan: Scan, path: Path) -> None:
    """Register a scan and draw it as three panels into a PNG file.

    Raises:
        MeshError: the mesh is missing or unusable.
        DatasetError: the picture is missing or unusable.
        FercoreError: the file cannot be written.
    """
    with MediapipeFaceLandmarker() as landmarker:
        found = register_scan(scan, landmarker)
    encoded, content = cv2.imencode(".png", figure(found, scan.name)[..., ::-1])
    try:
        path.write_bytes(content.tobytes())
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror or error}); choose another --output."
        ) from error
    assert encoded


def figure(found: RegisteredScan, name: str) -> UInt8Array:
    """Return the three panels with their captions, (H, W, 3) RGB."""
    before, after = fill_interior_holes(found.depth_m), fill_interior_holes(found.registered_m)
    low, high = _depth_range(after)
    panels = [
        ("(a) depth over grey, before registration", _over(found.rgb, before, low, high)),
        ("(b) after registration", _over(found.rgb, after, low, high)),
        (
            f"(c) registered depth, {1000 * (high - low):.0f} mm from dark to bright",
            _coloured(after, low, high),
        ),
    ]
    height, width = found.rgb.shape[:2]
    page = np.full((_HEADER + height + _FOOTER, 3 * width + 4 * _GAP, 3), _PAPER, np.uint8)
    for number, (caption, panel) in enumerate(panels):
        left = _GAP + number * (width + _GAP)
        page[_HEADER : _HEADER + height, left : left + width] = panel
        _write(page, caption, left, _HEADER + height + 26, _INK)
    _write(page, f"{name}   {_verdict(found)}", _GAP, 28, _FAINT_INK)
    return page


def _verdict(found: RegisteredScan) -> str:
    registration = found.registration
    motion = registration.transform
    if registration.landmarks_doubt:
        return f"start from {registration.started_from}: {registration.remark}"
    if registration.fell_back:
        return f"kept the start from {registration.started_from}: {registration.reason}"
    return (
        f"start from {registration.started_from}, then {registration.edge_shift_px:.1f} px at "
        f"the face's edge by mutual information; in all scale {motion.scale:.3f}, "
        f"{motion.angle_deg:+.1f} degrees"
    )


def _depth_range(depth_m: FloatArray) -> tuple[float, float]:
    known = depth_m[np.isfinite(depth_m)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, [0.5, 99.5])
    return float(low), max(float(high), float(low) + 1e-4)


def _coloured(depth_m: FloatArray, low: float, high: float) -> UInt8Array:
    """Return the depth map (H, W) in viridis, near is bright; white where unknown."""
    nearness = np.clip((high - depth_m) / (high - low), 0, 1)
    level = np.nan_to_num(255 * nearness).astype(np.uint8)
    colours = cv2.applyColorMap(level, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    seen = np.isfinite(depth_m)[..., None]
    return np.asarray(np.where(seen, colours, 255), np.uint8)


def _over(rgb: UInt8Array, depth_m: FloatArray, low: float, high: float) -> UInt8Array:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    share = _DEPTH_SHARE * np.isfinite(depth_m)[..., None]
    mixed = (1 - share) * grey + share * _coloured(depth_m, low, high)
    return np.asarray(mixed.round(), np.uint8)


def _write(
    page: UInt8Array, text: str, left: int, baseline: int, ink: tuple[int, int, int]
) -> None:
    cv2.putText(page, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.55, ink, 1, cv2.LINE_AA)
