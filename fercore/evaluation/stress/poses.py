"""Turned heads: the textured meshes before a camera, at a fixed distance, at growing angles.

A picture cannot be turned, so these are rendered from the scans anew, found by the
face detector and cut out like any camera's picture. Severity 0 looks straight at the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fercore.errors import DatasetError, FercoreError
from fercore.runtime.processes import in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Generator
    from pathlib import Path

    from fercore.datasets.bu3dfe import Scan
    from fercore.faces.detection import FaceDetector
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import FloatArray, UInt8Array

DISTANCE_MM = 600.0  # from the camera to the head's centre

_worker_detectors: list[FaceDetector] = []


@dataclass(frozen=True, slots=True)
class Turn:
    """Turning the head about one axis."""

    name: str
    unit: str
    severities: tuple[float, ...]  # degrees, 0 included

    def angles_deg(self, severity: float) -> tuple[float, float]:
        """Return yaw and pitch."""
        return (severity, 0.0) if self.name == "yaw" else (0.0, severity)


TURNS = (
    Turn("yaw", "degrees", (-45, -30, -15, 0, 15, 30, 45)),  # + to the picture's right
    Turn("pitch", "degrees", (-30, -15, 0, 15, 30)),  # + down
)


@dataclass(frozen=True, slots=True)
class View:
    """A rendered face; without arrays where there is none."""

    rgb: UInt8Array | None  # (S, S, 3)
    depth_m: FloatArray | None  # (D, D), metres, NaN where unknown
    unusable: str = ""  # why the scan cannot be rendered; empty: it can

    @property
    def found(self) -> bool:
        """Whether a face was found in the rendered picture."""
        return self.rgb is not None


def find_scans(root: Path, names: Collection[str]) -> list[Scan]:
    """Return the scans of these names, in their order.

    Raises:
        DatasetError: the tree holds no scan, or lacks one of these.
    """
    from fercore.datasets.bu3dfe import Bu3dfe

    scans = {scan.name: scan for scan in Bu3dfe(root).scans()}
    missing = [name for name in names if name not in scans]
    if missing:
        raise DatasetError(
            f"{root} lacks {len(missing)} of the {len(names)} scans that the cache was made of, "
            f"such as {missing[0]}; give --scans the tree that was prepared."
        )
    return [scans[name] for name in names]


def render(
    scans: list[Scan],
    angles_deg: list[tuple[float, float]],
    parameters: Preprocessing,
    workers: int,
) -> Generator[View, None, None]:
    """Yield the views of all scans at the first (yaw, pitch), then at the second, and so on."""
    jobs = [(scan, *angles) for angles in angles_deg for scan in scans]
    return in_order(partial(_work, parameters), jobs, workers)


def view_of(
    scan: Scan,
    yaw_deg: float,
    pitch_deg: float,
    parameters: Preprocessing,
    detector: FaceDetector,
) -> View:
    """Render a scan's head, turned, find its face and cut it out; never raises for bad data."""
    from fercore.datasets.frames import WEBCAM
    from fercore.datasets.scan_face import scan_face
    from fercore.faces.cropping import crop_face
    from fercore.geometry import MeshRenderer, Pose
    from fercore.structures import RGBDFrame

    try:
        mesh = scan_face(scan.mesh(), scan.name).mesh
    except FercoreError as error:
        return View(None, None, str(error))
    if not mesh.is_coloured:
        return View(None, None, f"{scan.name} has no texture to render")
    pose = Pose.turned(yaw_deg, pitch_deg)
    rendering = MeshRenderer(mesh, threads=1).pinhole(WEBCAM, pose, DISTANCE_MM)
    boxes = detector.detect(rendering.rgb)
    if not boxes:
        return View(None, None)
    frame = RGBDFrame(rendering.rgb, rendering.depth_m, WEBCAM, 0.0, 0)
    pair = crop_face(frame, boxes[0], parameters)
    return View(pair.rgb, pair.depth_m)


def _work(parameters: Preprocessing, job: tuple[Scan, float, float]) -> View:
    if not _worker_detectors:
        from fercore.faces.detection import MediapipeFaceDetector

        _worker_detectors.append(MediapipeFaceDetector())
    return view_of(*job, parameters, _worker_detectors[0])
