"""From scans on disk to registered face crops: what `fercore prepare` does, on all cores.

Each scan gives one frontal row, and as many camera views as wanted: the textured mesh as a
camera in front of the head would see it. The frontal row is the data set's own picture with
the depth map registered to it (`f2d`); where there is none, as in all data sets but BU-3DFE,
it is the textured mesh rendered from the front (`rendered`). A scan that cannot be used keeps
its rows and says why.

Rows are written in the order of the scans, however many processes work on them,
so that a resumed run and an uninterrupted one give the same bytes. For that the
work is always done in processes of their own, even by a single one.
"""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fercore.caches.records import FORMAT_VERSION, OK, CacheRow, Manifest
from fercore.caches.writer import CacheWriter, Entry, cut_out, without_face
from fercore.datasets.bu3dfe_scan import Scan
from fercore.datasets.dataset import CAMERA_VIEW, F2D_VIEW, RENDERED_VIEW, SYNTHETIC
from fercore.datasets.frames import camera_view, frontal_frame
from fercore.datasets.scan_face import scan_face
from fercore.errors import FercoreError
from fercore.expressions import NEUTRAL
from fercore.geometry import MeshRenderer
from fercore.runtime.processes import in_order
from fercore.runtime.versions import versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fercore.datasets.dataset import MeshDataset, MeshScan
    from fercore.datasets.frames import FrontalFrame
    from fercore.faces.detection import FaceDetector, FaceLandmarker
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import Mesh


NO_TEXTURE, UNUSABLE = "no texture", "unusable"
"""Statuses of rows without arrays, beside `no face`."""

_BARE = "the mesh has no texture to render"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is the same for all scans of a cache."""

    views: int  # camera views for each scan
    seed: int
    preprocessing: Preprocessing

    @property
    def rows_per_scan(self) -> int:
        """The frontal row and the camera views."""
        return 1 + self.views

    def manifest(self, dataset: MeshDataset) -> Manifest:
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
            dataset=dataset.licence.name,
            terms=dataset.licence.sentence,
            synthetic=dataset.licence == SYNTHETIC,
        )


@dataclass(frozen=True, slots=True)
class Models:
    """The face models of one thread."""

    detector: FaceDetector
    landmarker: FaceLandmarker


def prepare_scan(scan: MeshScan, first_row: int, recipe: Recipe, models: Models) -> list[Entry]:
    """Return the scan's rows, always as many as the recipe asks for; never raises for bad data."""
    blank = _blank_row(scan, first_row)
    try:
        mesh, remark, _ = scan_face(scan.mesh(), scan.name)
    except FercoreError as error:
        reason = str(error)
        return [
            without_face(row, UNUSABLE, reason, recipe.preprocessing)
            for row in _rows(blank, recipe)
        ]
    front, *rendered = _rows(blank, recipe)
    entries = [_frontal_entry(scan, mesh, front, recipe, models)]
    entries += _camera_entries(mesh, rendered, recipe, models)
    return [_remarked(entry, remark) for entry in entries]


def _remarked(entry: Entry, remark: str) -> Entry:
    """Return the entry with what was done to its scan added to its reason."""
    row, rgb, depth_m = entry
    return replace(row, reason="; ".join(filter(None, (row.reason, remark)))), rgb, depth_m


def _rows(blank: CacheRow, recipe: Recipe) -> list[CacheRow]:
    views = [blank.view] + [CAMERA_VIEW] * recipe.views
    return [replace(blank, row=blank.row + i, view=view) for i, view in enumerate(views)]


def _frontal_entry(
    scan: MeshScan, mesh: Mesh, row: CacheRow, recipe: Recipe, models: Models
) -> Entry:
    try:
        found = frontal_frame(scan, mesh, models.landmarker, threads=1)
    except FercoreError as error:
        return without_face(row, UNUSABLE, str(error), recipe.preprocessing)
    if found.registration is None and not mesh.is_coloured:
        reason = "; ".join(filter(None, (_BARE, found.remark)))
        return without_face(replace(row, view=found.view), NO_TEXTURE, reason, recipe.preprocessing)
    return cut_out(found.frame, _described(row, found), recipe.preprocessing, models.detector)


def _described(row: CacheRow, found: FrontalFrame) -> CacheRow:
    registration = found.registration
    if registration is None:
        return replace(row, view=found.view, reason=found.remark)
    return replace(
        row,
        view=found.view,
        reason=registration.remark,
        fell_back=registration.fell_back,
        edge_shift_px=round(registration.edge_shift_px, 3),
    )


def _camera_entries(
    mesh: Mesh, rows: list[CacheRow], recipe: Recipe, models: Models
) -> list[Entry]:
    if not mesh.is_coloured:
        return [without_face(row, NO_TEXTURE, _BARE, recipe.preprocessing) for row in rows]
    renderer = MeshRenderer(mesh, threads=1)
    return [
        cut_out(
            camera_view(renderer, _generator(row, recipe)),
            row,
            recipe.preprocessing,
            models.detector,
        )
        for row in rows
    ]


def _generator(row: CacheRow, recipe: Recipe) -> np.random.Generator:
    """Return a generator that depends on scan and view only, not on what was drawn before."""
    scan_number = zlib.crc32(row.scan.encode())
    return np.random.default_rng([recipe.seed, scan_number, row.row % recipe.rows_per_scan])


def _blank_row(scan: MeshScan, number: int) -> CacheRow:
    sample = scan.sample
    return CacheRow(
        row=number,
        scan=scan.name,
        subject=sample.subject,
        expression=NEUTRAL if sample.expression is None else sample.expression.value,
        level=sample.level or 0,
        ancestry=sample.ancestry,
        view=F2D_VIEW if isinstance(scan, Scan) and scan.f2d is not None else RENDERED_VIEW,
        status=OK,
        reason="",
        valid_fraction=0.0,
        box=None,
        fell_back=None,
        edge_shift_px=None,
    )


_worker_models: list[Models] = []


def prepare(
    dataset: MeshDataset, output: Path, recipe: Recipe, workers: int
) -> Iterator[list[Entry]]:
    """Write the cache and yield the rows of each scan once they are on disk.

    Scans that an earlier run finished are neither done again nor yielded.

    Raises:
        DatasetError: the folder holds something else, or a cache made with other parameters.
        FercoreError: it cannot be written, or a worker process died.
    """
    with CacheWriter(output, recipe.manifest(dataset)) as writer:
        first = writer.rows_done // recipe.rows_per_scan
        jobs = [
            (scan, number * recipe.rows_per_scan)
            for number, scan in enumerate(dataset.scans())
            if number >= first
        ]
        with contextlib.closing(in_order(partial(_work, recipe), jobs, workers)) as done:
            for entries in done:
                writer.append(entries)
                yield entries


def _work(recipe: Recipe, job: tuple[MeshScan, int]) -> list[Entry]:
    if not _worker_models:
        from fercore.faces.detection import MediapipeFaceDetector, MediapipeFaceLandmarker

        _worker_models.append(Models(MediapipeFaceDetector(), MediapipeFaceLandmarker()))
    scan, row = job
    return prepare_scan(scan, row, recipe, _worker_models[0])
