"""From scans on disk to registered face crops: what `fercore prepare` does.

Each scan gives one row with the data set's own frontal picture, its depth map
registered to it, and as many rendered views as wanted: the textured mesh as a camera in front
of the head would see it. A scan that cannot be used keeps its rows and says why.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fercore.cropping import crop_face
from fercore.datasets.cache_records import (
    CAMERA_VIEW,
    F2D_VIEW,
    FORMAT_VERSION,
    OK,
    CacheRow,
    Manifest,
)
from fercore.datasets.camera_views import camera_view
from fercore.errors import DatasetError, FercoreError
from fercore.geometry import MeshRenderer, OrthographicCamera, largest_component
from fercore.io.vrml import read_vrml
from fercore.provenance import versions
from fercore.registration import Registration, register, steady_landmarks, warp_depth
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.datasets.bu3dfe import Bu3dfe, Scan
    from fercore.detection import FaceDetector, FaceLandmarker
    from fercore.expressions import Expression
    from fercore.preprocessing import Preprocessing
    from fercore.structures import FloatArray, Mesh, UInt8Array

NO_FACE, NO_TEXTURE, UNUSABLE = "no face", "no texture", "unusable"
"""Statuses of rows without arrays, beside `ok`."""

Entry = tuple[CacheRow, "UInt8Array", "FloatArray"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is the same for all scans of a cache."""

    views: int  # rendered views for each scan
    seed: int
    preprocessing: Preprocessing

    @property
    def rows_per_scan(self) -> int:
        """The frontal picture and the rendered views."""
        return 1 + self.views

    def manifest(self, dataset: Bu3dfe) -> Manifest:
        """Return the manifest of the cache that this recipe makes of a data set."""
        names = [scan.name for scan in dataset.scans()]
        return Manifest(
            format_version=FORMAT_VERSION,
            source=dataset.root.resolve().name,
            scans_sha256=hashlib.sha256("\n".join(names).encode()).hexdigest(),
            rows=len(names) * self.rows_per_scan,
            views=self.views,
            seed=self.seed,
            preprocessing=self.preprocessing,
            versions=versions(),
        )


@dataclass(frozen=True, slots=True)
class Models:
    """The face models of one thread."""

    detector: FaceDetector
    landmarker: FaceLandmarker


@dataclass(frozen=True, slots=True)
class RegisteredScan:
    """A scan's frontal picture and its depth map, before and after registration."""

    rgb: UInt8Array  # (512, 512, 3)
    depth_m: FloatArray  # (512, 512), as rendered, NaN where unknown
    registered_m: FloatArray  # (512, 512), aligned to rgb, NaN where unknown; holes open
    registration: Registration


def register_scan(
    scan: Scan, landmarker: FaceLandmarker, mesh: Mesh | None = None, threads: int = 0
) -> RegisteredScan:
    """Read a scan and register its depth map to its picture.

    Raises:
        MeshError: the mesh is missing or unusable.
        DatasetError: the picture is missing or unusable.
    """
    face = largest_component(scan.mesh()) if mesh is None else mesh
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


def scan_frame(scan: Scan, landmarker: FaceLandmarker) -> tuple[RGBDFrame, str]:
    """Return a scan's picture with its registered depth map, and a remark.

    This is what training sees. A scan without usable picture gives the frontal
    rendering of its mesh instead; the remark says so, or that the registration
    fell back to its start, and is empty otherwise.

    Raises:
        MeshError: the mesh is missing or unusable.
    """
    mesh = largest_component(scan.mesh())
    try:
        found = register_scan(scan, landmarker, mesh)
    except DatasetError as error:
        frame = _frontal_rendering(mesh, scan.name, scan.id.expression)
        return frame, f"rendered picture, for {error}"
    remark = found.registration.reason
    frame = RGBDFrame(found.rgb, found.registered_m, None, 0.0, 0, scan.id.expression, scan.name)
    return frame, f"registration kept its start: {remark}" if remark else ""


def mesh_frame(path: Path) -> RGBDFrame:
    """Return the frontal rendering of any VRML mesh of a face, in BU-3DFE's axes.

    Raises:
        MeshError: the file is unusable.
    """
    return _frontal_rendering(largest_component(read_vrml(path)), path.name, None)


def _frontal_rendering(mesh: Mesh, name: str, truth: Expression | None) -> RGBDFrame:
    camera = OrthographicCamera.framing(mesh.vertices_mm)
    rendering = MeshRenderer(mesh).orthographic(camera)
    return RGBDFrame(rendering.rgb, rendering.depth_m, None, 0.0, 0, truth, name)


def prepare_scan(scan: Scan, first_row: int, recipe: Recipe, models: Models) -> list[Entry]:
    """Return the scan's rows, always as many as the recipe asks for; never raises for bad data."""
    blank = _blank_row(scan, first_row)
    try:
        mesh = largest_component(scan.mesh())
    except FercoreError as error:
        reason = str(error)
        return [_without_face(row, UNUSABLE, reason, recipe) for row in _rows(blank, recipe)]
    front, *rendered = _rows(blank, recipe)
    entries = [_frontal_entry(scan, mesh, front, recipe, models)]
    return entries + _camera_entries(mesh, rendered, recipe, models)


def _rows(blank: CacheRow, recipe: Recipe) -> list[CacheRow]:
    views = [F2D_VIEW] + [CAMERA_VIEW] * recipe.views
    return [replace(blank, row=blank.row + i, view=view) for i, view in enumerate(views)]


def _frontal_entry(scan: Scan, mesh: Mesh, row: CacheRow, recipe: Recipe, models: Models) -> Entry:
    try:
        found = register_scan(scan, models.landmarker, mesh, threads=1)
    except FercoreError as error:
        return _without_face(row, UNUSABLE, str(error), recipe)
    registered = replace(
        row,
        reason=found.registration.reason,
        fell_back=found.registration.fell_back,
        edge_shift_px=round(found.registration.edge_shift_px, 3),
    )
    frame = RGBDFrame(found.rgb, found.registered_m, None, 0.0, 0)
    return _entry(frame, registered, recipe, models.detector)


def _camera_entries(
    mesh: Mesh, rows: list[CacheRow], recipe: Recipe, models: Models
) -> list[Entry]:
    if mesh.texture_rgb is None or mesh.uv_triangles is None:
        reason = "the mesh has no texture to render"
        return [_without_face(row, NO_TEXTURE, reason, recipe) for row in rows]
    renderer = MeshRenderer(mesh, threads=1)
    return [
        _entry(camera_view(renderer, _generator(row, recipe)), row, recipe, models.detector)
        for row in rows
    ]


def _generator(row: CacheRow, recipe: Recipe) -> np.random.Generator:
    """Return a generator that depends on scan and view only, not on what was drawn before."""
    scan_number = zlib.crc32(row.scan.encode())
    return np.random.default_rng([recipe.seed, scan_number, row.row % recipe.rows_per_scan])


def _entry(frame: RGBDFrame, row: CacheRow, recipe: Recipe, detector: FaceDetector) -> Entry:
    boxes = detector.detect(frame.rgb)
    if not boxes:
        return _without_face(row, NO_FACE, "no face found in the picture", recipe)
    pair = crop_face(frame, boxes[0], recipe.preprocessing)
    assert pair.depth_m is not None
    found = replace(row, status=OK, valid_fraction=round(pair.valid_fraction, 4), box=pair.box)
    return found, pair.rgb, pair.depth_m


def _blank_row(scan: Scan, number: int) -> CacheRow:
    identity = scan.id
    return CacheRow(
        row=number,
        scan=scan.name,
        subject=identity.subject,
        expression=identity.label,
        level=identity.level,
        ancestry=identity.ancestry,
        view=F2D_VIEW,
        status=OK,
        reason="",
        valid_fraction=0.0,
        box=None,
        fell_back=None,
        edge_shift_px=None,
    )


def _without_face(row: CacheRow, status: str, reason: str, recipe: Recipe) -> Entry:
    parameters = recipe.preprocessing
    rgb = np.zeros((parameters.rgb_size, parameters.rgb_size, 3), np.uint8)
    depth_m = np.full((parameters.depth_size, parameters.depth_size), np.nan, np.float32)
    return replace(row, status=status, reason=reason), rgb, depth_m
