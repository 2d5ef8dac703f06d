"""From a scan's files to a frame: its picture with registered depth, a rendering, a camera view.

Prediction, preparation and the data sets all make their frontal frames here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.datasets.bu3dfe_scan import Scan
from fercore.datasets.dataset import F2D_VIEW, RENDERED_VIEW
from fercore.datasets.scan_face import scan_face
from fercore.errors import DatasetError
from fercore.geometry import MeshRenderer, OrthographicCamera, Pose
from fercore.io.vrml import read_vrml
from fercore.registration import Registration, register, steady_landmarks, warp_depth
from fercore.structures import Intrinsics, RGBDFrame

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.datasets.dataset import MeshScan
    from fercore.expressions import Expression
    from fercore.faces.detection import FaceLandmarker
    from fercore.geometry import Rendering
    from fercore.structures import FloatArray, Mesh, UInt8Array

WEBCAM = Intrinsics(fx=600.0, fy=600.0, cx=319.5, cy=239.5, width=640, height=480)
NEAREST_MM, FARTHEST_MM = 450.0, 800.0
MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG = 20.0, 12.0, 8.0

_HEAD_MM = 130.0  # from the head's centre to its farthest edge: keeps it inside the picture
_PLAIN_SHARE = 0.5  # of the views keep the renderer's plain grey background


def camera_view(renderer: MeshRenderer, rng: np.random.Generator) -> RGBDFrame:
    """Return one view (480, 640) with a drawn head turn, place, distance and background."""
    distance_mm = rng.uniform(NEAREST_MM, FARTHEST_MM)
    limits_deg = np.array([MAX_YAW_DEG, MAX_PITCH_DEG, MAX_ROLL_DEG])
    yaw_deg, pitch_deg, roll_deg = rng.uniform(-limits_deg, limits_deg).tolist()
    room_mm = np.array([WEBCAM.cx / WEBCAM.fx, WEBCAM.cy / WEBCAM.fy]) * distance_mm - _HEAD_MM
    right_mm, up_mm = (rng.uniform(-1, 1, 2) * room_mm.clip(0)).tolist()
    pose = Pose.turned(yaw_deg, pitch_deg, roll_deg, (right_mm, up_mm, 0.0))
    rendering = renderer.pinhole(WEBCAM, pose, distance_mm)
    return RGBDFrame(_with_background(rendering, rng), rendering.depth_m, WEBCAM, 0.0, 0)


def _with_background(rendering: Rendering, rng: np.random.Generator) -> UInt8Array:
    """Return the colours before a soft, coloured background, or as they are."""
    colours = rng.uniform(10, 245, (2, 2, 3)).astype(np.float32)
    if rng.uniform() < _PLAIN_SHARE:
        return rendering.rgb
    height, width = rendering.depth_m.shape
    background = cv2.resize(colours, (width, height), interpolation=cv2.INTER_LINEAR)
    seen = np.isfinite(rendering.depth_m)[..., None]
    return np.where(seen, rendering.rgb, background.astype(np.uint8))


@dataclass(frozen=True, slots=True)
class RegisteredScan:
    """A scan's frontal picture and its depth map, before and after registration."""

    rgb: UInt8Array  # (512, 512, 3)
    depth_m: FloatArray  # (512, 512), as rendered, NaN where unknown
    registered_m: FloatArray  # (512, 512), aligned to rgb, NaN where unknown; holes open
    registration: Registration


@dataclass(frozen=True, slots=True)
class FrontalFrame:
    """A scan from the front, and how that came about."""

    frame: RGBDFrame
    view: str  # F2D_VIEW: the data set's own picture; RENDERED_VIEW: the mesh, rendered
    registration: Registration | None  # None: rendered, so colour and depth agree by themselves
    remark: str  # why it is not what one would expect; empty when it is


def register_scan(
    scan: Scan, landmarker: FaceLandmarker, mesh: Mesh | None = None, threads: int = 0
) -> RegisteredScan:
    """Read a scan and register its depth map to its picture.

    Raises:
        MeshError: the mesh is missing or unusable.
        DatasetError: the picture is missing or unusable.
    """
    face = scan_face(scan.mesh(), scan.name).mesh if mesh is None else mesh
    picture = scan.picture_rgb()
    camera = OrthographicCamera.framing(face.vertices_mm, len(picture))
    rendering = MeshRenderer(face, threads).orthographic(camera)
    registration = register(
        picture,
        rendering.depth_m,
        camera.mm_per_pixel,
        steady_landmarks(landmarker.landmarks, picture),
        steady_landmarks(landmarker.landmarks, rendering.rgb),
    )
    moved = warp_depth(rendering.depth_m, registration.transform)
    return RegisteredScan(picture, rendering.depth_m, moved, registration)


def frontal_frame(
    scan: MeshScan, mesh: Mesh, landmarker: FaceLandmarker, threads: int = 0
) -> FrontalFrame:
    """Return a scan's picture with its registered depth map, else the rendering of its mesh.

    `mesh` is the scan's, cleaned. Only BU-3DFE has frontal pictures; where a scan of it
    lacks one that can be used, the remark says so.
    """
    if not isinstance(scan, Scan):
        return FrontalFrame(scan_rendering(scan, mesh, threads), RENDERED_VIEW, None, "")
    try:
        found = register_scan(scan, landmarker, mesh, threads)
    except DatasetError as error:
        remark = f"rendered picture, for {error}"
        return FrontalFrame(scan_rendering(scan, mesh, threads), RENDERED_VIEW, None, remark)
    frame = RGBDFrame(found.rgb, found.registered_m, None, 0.0, 0, scan.id.expression, scan.name)
    registration = found.registration
    kept = f"registration kept its start: {registration.reason}" if registration.reason else ""
    remark = "; ".join(filter(None, (registration.landmarks_doubt, kept)))
    return FrontalFrame(frame, F2D_VIEW, registration, remark)


def scan_frame(scan: MeshScan, landmarker: FaceLandmarker) -> tuple[RGBDFrame, str]:
    """Return a scan's picture with its registered depth map, and a remark.

    This is what training sees. A scan without usable picture gives the frontal
    rendering of its mesh instead; the remark says so, or that the registration
    fell back to its start, and is empty otherwise.

    Raises:
        MeshError: the mesh is missing or unusable.
    """
    face = scan_face(scan.mesh(), scan.name)
    found = frontal_frame(scan, face.mesh, landmarker)
    return replace(found.frame, remark=face.remark), found.remark


def picture_frame(scan: Scan) -> RGBDFrame:
    """Return the frontal picture of a scan without mesh, without depth.

    Raises:
        DatasetError: the picture is missing or unusable.
    """
    return RGBDFrame(scan.picture_rgb(), None, None, 0.0, 0, scan.id.expression, scan.name)


def rendered_scan(scan: MeshScan) -> RGBDFrame:
    """Return the frontal rendering of a scan's mesh, in grey shades where it has no colours.

    Raises:
        MeshError: the mesh is unusable.
    """
    face = scan_face(scan.mesh(), scan.name)
    return replace(scan_rendering(scan, face.mesh), remark=face.remark)


def scan_rendering(scan: MeshScan, mesh: Mesh, threads: int = 0) -> RGBDFrame:
    """Return the frontal rendering of a scan's cleaned mesh."""
    sample = scan.sample
    return _rendering(mesh, sample.id, sample.expression, sample.number or 0, threads)


def mesh_frame(path: Path) -> RGBDFrame:
    """Return the frontal rendering of any VRML mesh of a face, in any unit and axes.

    Raises:
        MeshError: the file is unusable.
    """
    face = scan_face(read_vrml(path), path.name)
    return replace(_rendering(face.mesh, path.name), remark=face.remark)


def _rendering(
    mesh: Mesh, name: str, truth: Expression | None = None, number: int = 0, threads: int = 0
) -> RGBDFrame:
    camera = OrthographicCamera.framing(mesh.vertices_mm)
    rendering = MeshRenderer(mesh, threads).orthographic(camera)
    return RGBDFrame(
        rendering.rgb,
        rendering.depth_m,
        None,
        0.0,
        number,
        truth,
        name,
        has_colour=mesh.is_coloured,
    )
