"""The texture of a synthetic scan: two oblique views side by side, as scanners store it.

The left half shows the face from the image's left, upright; the right half shows it from
the right, turned by 180°. A triangle takes its colours from the view that sees it better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.lighting import even_lighting
from fercore.synthesis.picture import Frame
from fercore.synthesis.scanner import VIEW_YAW_DEG, view_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.picture import LitSurface
    from fercore.synthesis.scanner import ScanSurface

VIEW_SIZE = 512
_MARGIN_PIXELS = 4


@dataclass(frozen=True, slots=True)
class Atlas:
    """One scan's texture and the two views it is made of."""

    rgb: UInt8Array  # (512, 1024, 3)
    frames: tuple[Frame, Frame]  # from the left, from the right

    def uv(self, surface: ScanSurface, vertices_mm: FloatArray) -> FloatArray:
        """Return the texture coordinates (U, 2) of a scan surface, v upward.

        `vertices_mm` (V, 3) are the surface's vertices, in the frame the views were taken in.
        """
        places = np.stack([self._places(view, vertices_mm) for view in range(2)])
        chosen = places[surface.uv_views, surface.uv_vertices]
        scaled = (chosen + 0.5) / (2 * VIEW_SIZE, VIEW_SIZE)
        return np.clip(scaled * (1, -1) + (0, 1), 0, 1).astype(np.float32)

    def _places(self, view: int, vertices_mm: FloatArray) -> NDArray[np.float64]:
        """Return columns and rows (V, 2) in the atlas at which one view shows the vertices."""
        places = self.frames[view].project(vertices_mm)
        if view == 0:
            return places
        return (VIEW_SIZE - 1 - places) + (VIEW_SIZE, 0)


def take_atlas(lit: LitSurface, scanned_mm: FloatArray, rng: np.random.Generator) -> Atlas:
    """Photograph the surface from both sides; `scanned_mm` (V, 3) fits into either view."""
    frames = (_frame(scanned_mm, -VIEW_YAW_DEG), _frame(scanned_mm, VIEW_YAW_DEG))
    lighting = even_lighting(rng)
    left, right = (lit.picture(frame, lighting, rng) for frame in frames)
    return Atlas(np.ascontiguousarray(np.hstack([left, right[::-1, ::-1]])), frames)


def _frame(scanned_mm: FloatArray, yaw_deg: float) -> Frame:
    axes = view_axes(yaw_deg)
    seen = scanned_mm @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    reach = float((high - low)[:2].max())
    return Frame(
        axes=axes,
        centre_mm=(low + high) / 2 @ axes,
        mm_per_pixel=reach / (VIEW_SIZE - 2 * _MARGIN_PIXELS),
        width=VIEW_SIZE,
        height=VIEW_SIZE,
    )
