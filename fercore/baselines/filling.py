"""Filling the geometry store: every baseline's view of every scan, on all cores, resumable.

The scans at the paper's levels come first, for those are what an evaluation asks for unless it
is told otherwise. Neutral scans are left out: no protocol trains or tests on them.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

from fercore.baselines.attribute_maps import describe_maps, describe_scattering
from fercore.baselines.curvature import describe_primitives
from fercore.baselines.picture_descriptors import describe_around_points, describe_patches
from fercore.baselines.posed_scans import posed_scan
from fercore.baselines.recipes import BND, MEDIAPIPE
from fercore.baselines.segments import describe_points, describe_segments
from fercore.baselines.store import BaselineStore, StoredRow, manifest_of
from fercore.caches.reading import open_cache
from fercore.caches.records import FRONTAL_VIEWS
from fercore.datasets.bu3dfe_scan import Scan
from fercore.errors import DatasetError, FercoreError
from fercore.runtime.processes import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fercore.baselines.posed_scans import Describe, ScanFeatures, ScanGeometry
    from fercore.baselines.recipes import Landmarking
    from fercore.datasets.dataset import MeshDataset, MeshScan
    from fercore.faces.detection import FaceLandmarker

DESCRIBERS: Mapping[str, Describe] = {
    "segments-svm": describe_segments,
    "primitive-lda": describe_primitives,
    "sfam-bbn": describe_patches,
    "descriptors-svm": describe_around_points,
    "scattering-svm": describe_scattering,
    "maps-vgg19-svm": describe_maps,
    "landmark-lda": describe_points,
    "maps-vit-svm": describe_maps,
}
"""How each baseline describes a scan."""

DESCRIBING = (
    *("posed_scans", "named_points", "segments", "curvature", "attribute_maps", "scattering"),
    *("mesh_descriptors", "picture_descriptors"),
)
"""Modules of this package whose text shapes the features, of whichever baseline."""

_FIRST_LEVELS = (3, 4)
_LONGEST_LIST = 5  # scans without features that are named

_worker_landmarkers: list[FaceLandmarker] = []


@dataclass(frozen=True, slots=True)
class DescribeJob:
    """A scan and the baselines that lack it."""

    row: int  # of the cache
    scan: MeshScan
    baselines: tuple[str, ...]


Described = tuple[StoredRow, "ScanFeatures | None"]


@dataclass(frozen=True, slots=True)
class StoreFilling:
    """What of a store is still to be made.

    Raises:
        FercoreError: the store or the data set does not belong to the cache, or the data set has
            no points of the kind that is wanted.
    """

    stores: Mapping[str, BaselineStore]
    jobs: Sequence[DescribeJob]
    landmarking: Landmarking

    @classmethod
    def of(
        cls,
        dataset: MeshDataset,
        cache: Path,
        landmarking: Landmarking,
        baselines: Sequence[str],
    ) -> StoreFilling:
        """Open or make the stores of some baselines and see what they lack, or failed at."""
        scans = {scan.name: scan for scan in dataset.scans()}
        require_points(dataset, landmarking)
        stores = {
            slug: BaselineStore.writable(
                cache, landmarking, manifest_of(cache, slug, landmarking, _describing())
            )
            for slug in baselines
        }
        rows = open_cache(cache).select(views=FRONTAL_VIEWS, expressive=True)
        strange = next((row.scan for row in rows if row.scan not in scans), None)
        if strange is not None:
            raise DatasetError(
                f"{dataset.root} has no scan {strange}, which {cache} has; give the data set that "
                "the cache was prepared from."
            )
        rows.sort(key=lambda row: (row.level not in _FIRST_LEVELS, row.row))
        lacking = [
            (row, tuple(slug for slug in baselines if not stores[slug].describes(row.row)))
            for row in rows
        ]
        jobs = [DescribeJob(row.row, scans[row.scan], slugs) for row, slugs in lacking if slugs]
        return cls(stores, jobs, landmarking)

    @property
    def summary(self) -> str:
        """What the stores hold: seconds a scan of each baseline, and scans without features."""
        lines = [f"Geometry store, {self.landmarking.words}:"]
        for slug, store in self.stores.items():
            rows = store.rows.values()
            failed = [row for row in rows if row.reason]
            seconds = sum(row.seconds for row in rows) / max(1, len(rows))
            lines.append(f"  {slug:<16} {len(rows)} scans, {seconds:.2f} s each")
            lines += [f"    {row.scan}: {row.reason}" for row in failed[:_LONGEST_LIST]]
            if len(failed) > _LONGEST_LIST:
                lines.append(f"    and {len(failed) - _LONGEST_LIST} more without features")
        return "\n".join(lines)

    def run(self, workers: int) -> Iterator[Sequence[StoredRow]]:
        """Describe what is lacking; yield the rows of each scan once they are on disk.

        Raises:
            FercoreError: the store cannot be written, or a worker process died.
        """
        work = partial(describe_scan, self.landmarking)
        with contextlib.closing(in_order(work, self.jobs, workers)) as done:
            for job, described in zip(self.jobs, done, strict=True):
                for slug, (row, features) in zip(job.baselines, described, strict=True):
                    self.stores[slug].append(row, features)
                yield [row for row, _ in described]


def require_points(dataset: MeshDataset, landmarking: Landmarking) -> None:
    """Refuse to read points from files that no scan of a data set has.

    Raises:
        DatasetError: they are wanted.
    """
    having = any(isinstance(scan, Scan) and scan.bnd for scan in dataset.scans())
    if landmarking.source == BND and not having:
        raise DatasetError(
            f"{dataset.root} has no .bnd files, as only BU-3DFE does; add --landmarks mediapipe."
        )


def describe_scan(landmarking: Landmarking, job: DescribeJob) -> list[Described]:
    """Return what each of a job's baselines keeps of its scan, or why it keeps nothing.

    Raises:
        FercoreError: points cannot be found in any scan here.
    """
    landmarker = _landmarker(landmarking)  # without it no scan can be described: not its fault
    started = time.perf_counter()
    try:
        geometry = posed_scan(job.scan, landmarking, landmarker)
    except FercoreError as error:
        seconds = time.perf_counter() - started
        failed = StoredRow(job.row, job.scan.name, seconds, "", _one_cell(error))
        return [(failed, None)] * len(job.baselines)
    described = []
    for slug in job.baselines:
        described.append(_described(slug, geometry, job, time.perf_counter() - started))
        started = time.perf_counter()
    return described


def _described(slug: str, geometry: ScanGeometry, job: DescribeJob, seconds: float) -> Described:
    started = time.perf_counter()
    reason, features = "", None
    try:
        features = DESCRIBERS[slug](geometry)
    except FercoreError as error:
        reason = _one_cell(error)
    seconds += time.perf_counter() - started
    return StoredRow(job.row, job.scan.name, seconds, "", reason), features


def _one_cell(error: FercoreError) -> str:
    return " ".join(str(error).split())


def _landmarker(landmarking: Landmarking) -> FaceLandmarker | None:
    if landmarking.source != MEDIAPIPE:
        return None
    if not _worker_landmarkers:
        from fercore.faces.detection import MediapipeFaceLandmarker

        _worker_landmarkers.append(MediapipeFaceLandmarker())
    return _worker_landmarkers[0]


def _describing() -> dict[str, str]:
    """Return what tells the source text that describes scans from any other."""
    told = hashlib.sha256()
    for module in DESCRIBING:
        told.update((files("fercore.baselines") / f"{module}.py").read_bytes())
    return {"source_sha256": told.hexdigest()}
