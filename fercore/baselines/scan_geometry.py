"""What a baseline is given of one scan: the posed mesh, its points and its picture.

A baseline describes a scan by a function `Describe`, called once when the geometry store is
filled; `fercore.baselines.filling.DESCRIBERS` lists them by slug. It is pure: it sees one scan,
never a label, a subject or another scan, so that whatever it returns can leak nothing into a
fold. What is learned from several scans (scalers, PCA, mean shapes, fusion weights) belongs
into the fit, see `fercore.baselines.classifiers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.geometry.cameras import OrthographicCamera
from fercore.structures import FloatArray, UInt8Array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fercore.structures import Int32Array

ScanFeatures = Mapping[str, FloatArray | UInt8Array]
"""Named features of one scan, of the same shapes and types for every scan."""

PICTURE_CAMERA = OrthographicCamera(
    mm_per_pixel=1 / 2.2, centre_x_mm=0.0, centre_y_mm=-10.0, size=512
)
"""How the frontal picture sees the posed head: 233 mm wide, whoever it is."""

INNER_POINTS = 68
"""Points of eyes, brows, nose and lips, which every source of landmarks has."""


@dataclass(frozen=True, eq=False)
class ScanGeometry:
    """One scan in the head's own frame; arrays must not be written to.

    The frame is the same for all scans, whatever expression: x to the image's right, y up, z to
    the camera, millimetres in true scale; the head stands upright and looks along z, the middle
    of the eyes and the nose lies at the origin (the inner corners of the eyes near y = +14, the
    upper lip near y = -42). It is found by the rigid motion, without scale, that brings points of
    the eyes and the nose onto fixed places.

    Two geometries are equal only when they are one: what several baselines need of a scan, such
    as curvatures, can be kept by `functools.lru_cache(maxsize=1)` on a function of the geometry.
    """

    vertices_mm: FloatArray  # (V, 3), the largest part of the scan, without duplicate vertices
    triangles: Int32Array  # (T, 3), indices into vertices_mm, none degenerate
    normals: FloatArray  # (V, 3), unit length, outward: at the tip of the nose towards the camera
    points_mm: FloatArray  # (P, 3), see below
    named_mm: Mapping[str, FloatArray]  # (3,) each, see `fercore.baselines.named_points`
    picture_rgb: UInt8Array  # (512, 512, 3), the textured mesh from the front, grey around it
    is_coloured: bool  # False: the mesh has no colours, the picture only shows its shape

    # points_mm begins with the 68 points in the rows of `fercore.io.bu3dfe_files.GROUPS`: right eye
    # 0-7, left eye 8-15, right brow 16-25, left brow 26-35, nose 36-47, outer lips 48-59, inner
    # lips 60-67; right and left are the subject's own, the right side lies towards negative x.
    # Behind them comes what the source knows of the contour: BU-3DFE's 15 points, or the chin
    # alone. The order within a group is the source's, the same in all scans of a store; no point
    # may be taken for more than a member of its group: use named_mm for that.

    @property
    def inner_points_mm(self) -> FloatArray:
        """The points (68, 3) of eyes, brows, nose and lips."""
        return self.points_mm[:INNER_POINTS]

    def in_picture(self, points_mm: FloatArray) -> NDArray[np.float64]:
        """Return the columns and rows (N, 2) in the picture of posed points (N, 3).

        Whole numbers are the centres of pixels; points may lie outside of the picture.
        """
        return PICTURE_CAMERA.project(points_mm)


Describe = Callable[[ScanGeometry], ScanFeatures]
"""Returns what a baseline keeps of a scan; arrays of float32 or uint8, finite, a few 100 kB.

Raises `fercore.errors.MeshError` with one sentence where the scan cannot be described; its row
in the store then says so, and the scan counts as wrong wherever it is tested.
"""
