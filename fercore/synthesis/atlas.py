"""The texture of a synthetic scan: two oblique views side by side, as scanners store it.

The left half shows the face from the image's left, upright; the right half shows it from
the right, turned by 180°. A triangle takes its colours from the view that sees it better.
Mouth and nostrils, which neither sees well, have a small frontal inset below the chin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.lighting import even_lighting
from fercore.synthesis.picture import Frame
from fercore.synthesis.scanner import (
    FROM_FRONT,
    FROM_LEFT,
    FROM_RIGHT,
    VIEW_YAW_DEG,
    view_axes,
)

if TYPE_CHECKING:
    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.picture import LitSurface
    from fercore.synthesis.scanner import ScanSurface

VIEW_WIDTH, VIEW_HEIGHT = 512, 568
_INSET_WIDTH, _INSET_HEIGHT = 144, 108
_INSET_CORNER = np.array((VIEW_WIDTH - _INSET_WIDTH, VIEW_HEIGHT - _INSET_HEIGHT))
_MARGIN_PIXELS = 4


@dataclass(frozen=True, slots=True)
class Atlas:
    """One scan's texture and the views it is made of."""

    rgb: UInt8Array  # (568, 1024, 3)
    frames: tuple[Frame, Frame, Frame]  # from the left, from the right, from the front

    def uv(self, surface: ScanSurface, vertices_mm: FloatArray) -> FloatArray:
        """Return the texture coordinates (U, 2) of a scan surface, v upward.

        `vertices_mm` (V, 3) are the surface's vertices, in the frame the views were taken in.
        """
        left, right, front = (frame.project(vertices_mm) for frame in self.frames)
        places = np.zeros((3, len(vertices_mm), 2))
        places[FROM_LEFT] = left
        places[FROM_RIGHT] = (2 * VIEW_WIDTH - 1, VIEW_HEIGHT - 1) - right
        places[FROM_FRONT] = front + _INSET_CORNER
        chosen = places[surface.uv_views, surface.uv_vertices]
        scaled = (chosen + 0.5) / (2 * VIEW_WIDTH, VIEW_HEIGHT)
        return np.clip(scaled * (1, -1) + (0, 1), 0, 1).astype(np.float32)


def take_atlas(
    lit: LitSurface, surface: ScanSurface, scanned_mm: FloatArray, rng: np.random.Generator
) -> Atlas:
    """Photograph all of a surface, whose vertices are `scanned_mm` (V, 3)."""
    inset = scanned_mm[surface.uv_vertices[surface.uv_views == FROM_FRONT]]
    frames = (
        _frame(scanned_mm, -VIEW_YAW_DEG, VIEW_WIDTH, VIEW_HEIGHT),
        _frame(scanned_mm, VIEW_YAW_DEG, VIEW_WIDTH, VIEW_HEIGHT),
        _frame(inset, 0.0, _INSET_WIDTH, _INSET_HEIGHT),
    )
    lighting = even_lighting(rng)
    left, right, front = (lit.picture(frame, lighting, rng) for frame in frames)
    rgb = np.ascontiguousarray(np.hstack([left, right[::-1, ::-1]]))
    rgb[-_INSET_HEIGHT:, VIEW_WIDTH - _INSET_WIDTH : VIEW_WIDTH] = front
    return Atlas(rgb, frames)


def _frame(scanned_mm: FloatArray, yaw_deg: float, width: int, height: int) -> Frame:
    """Return the frame that just holds the points, at its top where it is too high."""
    axes = view_axes(yaw_deg)
    seen = scanned_mm @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    usable = np.array([width, min(width, height)]) - 2 * _MARGIN_PIXELS
    mm_per_pixel = float(((high - low)[:2] / usable).max())
    middle = (low + high) / 2
    middle[1] = high[1] - (height / 2 - _MARGIN_PIXELS) * mm_per_pixel
    return Frame(axes, middle @ axes, mm_per_pixel, width, height)
