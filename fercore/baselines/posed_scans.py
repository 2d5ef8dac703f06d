"""From a scan's files to its geometry in the head's own frame: points, pose, mesh and picture.

Points are BU-3DFE's own, or found: mediapipe's face mesh is laid over the textured mesh as it is
seen from the front, and the surface below each point is its place. Noise may be added to them,
because the points of synthetic subjects are the same vertices of one model throughout, which
flatters all that builds on points.

A baseline describes a scan by a function `Describe`, called once when the geometry store is
filled; `fercore.baselines.filling.DESCRIBERS` lists them by slug. It is pure: it sees one scan,
never a label, a subject or another scan, so that whatever it returns can leak nothing into a
fold. What is learned from several scans belongs into the fit, see `fercore.baselines.learners`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from fercore.baselines.named_points import frontal_motion, named_points
from fercore.baselines.recipes import BND
from fercore.datasets.bu3dfe_scan import Scan
from fercore.datasets.scan_face import scan_face
from fercore.errors import DatasetError, MeshError
from fercore.geometry import (
    NOMINAL_DISTANCE_M,
    MeshRenderer,
    OrthographicCamera,
    largest_component,
    vertex_normals,
)
from fercore.io.bu3dfe_files import GROUPS
from fercore.registration.registering import steady_landmarks
from fercore.structures import FloatArray, UInt8Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.baselines.recipes import Landmarking
    from fercore.datasets.dataset import MeshScan
    from fercore.datasets.scan_face import ScanFace
    from fercore.faces.detection import FaceLandmarker
    from fercore.structures import Int32Array, Mesh

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

# Of mediapipe's 468 points those that stand for the 68 of eyes, brows, nose and lips, in the rows
# of `GROUPS`, and the chin. The nose has other points than BU-3DFE's: the bridge, wings and base.
_MEDIAPIPE = np.array(
    [
        *(33, 160, 159, 158, 133, 153, 145, 144),  # right eye
        *(362, 385, 386, 387, 263, 373, 374, 380),
        *(70, 63, 105, 66, 107, 55, 65, 52, 53, 46),  # right brow
        *(336, 296, 334, 293, 300, 276, 283, 282, 295, 285),
        *(168, 6, 197, 195, 5, 4, 48, 278, 64, 294, 94, 2),  # nose
        *(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),  # outer lips
        *(78, 81, 13, 311, 308, 402, 14, 178),  # inner lips
        152,
    ]
)
_SCALE = 1.25  # of the face's height: mediapipe wants room around a face
_PICTURE = 512  # pixels
_INTO_MOUTH_MM = 8.0  # behind the outer lips, an inner lip's ray has passed them
_TIP_MM = 25.0  # around the middle of eyes and nose, where the tip of the nose is looked for


def posed_scan(
    scan: MeshScan, landmarking: Landmarking, landmarker: FaceLandmarker | None
) -> ScanGeometry:
    """Return a scan's geometry; `landmarker` is needed for automatic points alone.

    Raises:
        FercoreError: the mesh or the points cannot be used; the message says why.
    """
    face = scan_face(scan.mesh(), scan.name)
    found_mm = _points(scan, face, landmarking, landmarker)
    noisy_mm = found_mm + _noise(scan.name, landmarking.noise_mm, len(found_mm))
    motion = frontal_motion(noisy_mm, scan.name)
    points_mm = motion.apply(noisy_mm)
    mesh = replace(face.mesh, vertices_mm=motion.apply(face.mesh.vertices_mm))
    vertices_mm, triangles = _cleaned(largest_component(mesh))
    return ScanGeometry(
        vertices_mm=vertices_mm,
        triangles=triangles,
        normals=_outward(vertices_mm, vertex_normals(vertices_mm, triangles), scan.name),
        points_mm=points_mm,
        named_mm=named_points(points_mm),
        picture_rgb=MeshRenderer(mesh, threads=1).orthographic(PICTURE_CAMERA).rgb,
        is_coloured=mesh.is_coloured,
    )


def _points(
    scan: MeshScan, face: ScanFace, landmarking: Landmarking, landmarker: FaceLandmarker | None
) -> FloatArray:
    if landmarking.source != BND:
        assert landmarker is not None
        return automatic_points(face.mesh, scan.name, landmarker)
    if not isinstance(scan, Scan):
        raise DatasetError(
            f"{scan.name} has no .bnd file, as only BU-3DFE does; take --landmarks mediapipe."
        )
    if face.moved:
        raise MeshError(
            f"The mesh of {scan.name} was converted ({face.remark}), its .bnd was not; "
            "take --landmarks mediapipe."
        )
    return scan.landmarks().points_mm


def automatic_points(mesh: Mesh, name: str, landmarker: FaceLandmarker) -> FloatArray:
    """Return 69 points (69, 3) found in the mesh as it is seen from the front, in its own frame.

    Raises:
        MeshError: no face is found.
    """
    camera = _framing(mesh)
    rendering = MeshRenderer(mesh, threads=1).orthographic(camera)
    pixels = steady_landmarks(landmarker.landmarks, rendering.rgb, _MEDIAPIPE)
    if pixels is None:
        raise MeshError(f"No face is found in the rendered mesh of {name}.")
    middle = (camera.size - 1) / 2
    x_mm = camera.centre_x_mm + (pixels[:, 0] - middle) * camera.mm_per_pixel
    y_mm = camera.centre_y_mm - (pixels[:, 1] - middle) * camera.mm_per_pixel
    z_mm = 1000 * (NOMINAL_DISTANCE_M - _nearest_known(rendering.depth_m, pixels))
    return _on_the_lips(np.stack([x_mm, y_mm, z_mm], axis=1).astype(np.float32))


def _framing(mesh: Mesh) -> OrthographicCamera:
    vertices_mm = largest_component(mesh).vertices_mm
    low, high = vertices_mm.min(axis=0), vertices_mm.max(axis=0)
    centre = (low + high) / 2
    per_pixel = _SCALE * float(high[1] - low[1]) / _PICTURE
    return OrthographicCamera(per_pixel, float(centre[0]), float(centre[1]), _PICTURE)


def _nearest_known(depth_m: FloatArray, pixels: FloatArray) -> FloatArray:
    """Return the depth (N,) at columns and rows (N, 2), of the nearest pixel that has one."""
    rows, columns = distance_transform_edt(
        np.isnan(depth_m), return_distances=False, return_indices=True
    )
    at = np.rint(pixels).astype(int).clip(0, np.array(depth_m.shape)[::-1] - 1)
    row, column = rows[at[:, 1], at[:, 0]], columns[at[:, 1], at[:, 0]]
    return np.asarray(depth_m[row, column], np.float32)


def _on_the_lips(points_mm: FloatArray) -> FloatArray:
    """Bring inner lips whose ray passed into the open mouth to the depth of the outer ones."""
    outer, inner = points_mm[GROUPS["outer lips"]], points_mm[GROUPS["inner lips"]].copy()
    away = np.linalg.norm(inner[:, None, :2] - outer[None, :, :2], axis=2)
    beside_mm = outer[away.argmin(axis=1), 2]
    passed = inner[:, 2] < beside_mm - _INTO_MOUTH_MM
    inner[passed, 2] = beside_mm[passed]
    moved = points_mm.copy()
    moved[GROUPS["inner lips"]] = inner
    return moved


def _noise(name: str, deviation_mm: float, count: int) -> FloatArray:
    """Draw noise (count, 3) that depends on the scan alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.normal(0.0, 1.0, (count, 3)).astype(np.float32) * np.float32(deviation_mm)


def _cleaned(mesh: Mesh) -> tuple[FloatArray, Int32Array]:
    """Return vertices without duplicates, and the triangles that still have an area."""
    vertices_mm, places = np.unique(mesh.vertices_mm, axis=0, return_inverse=True)
    triangles = places.reshape(-1)[mesh.triangles]
    a, b, c = triangles.T
    return vertices_mm, triangles[(a != b) & (b != c) & (c != a)].astype(np.int32)


def _outward(vertices_mm: FloatArray, normals: FloatArray, name: str) -> FloatArray:
    """Return the normals, turned round where the mesh is wound the other way."""
    central = np.linalg.norm(vertices_mm[:, :2], axis=1) < _TIP_MM
    if not central.any():
        raise MeshError(f"The mesh of {name} has nothing where its points have the nose.")
    facing: NDArray[np.float32] = normals[central, 2]
    return normals if float(facing.mean()) > 0 else -normals
