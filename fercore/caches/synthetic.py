"""Prepared caches of synthetic camera samples: render, find the face, cut it out, write it.

The rows are those of any prepared cache, so training reads them alike; `view` is the name of
the depth camera. Rows are written in order, however many processes work on them, so that a
resumed run and an uninterrupted one give the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fercore.caches.records import FORMAT_VERSION, OK, CacheRow, Manifest
from fercore.caches.writer import NO_FACE, CacheWriter, cut_out, without_face
from fercore.datasets.dataset import SYNTHETIC
from fercore.runtime.processes import in_order
from fercore.runtime.versions import versions
from fercore.synthesis.samples import SAMPLER, plan_sample, render_sample
from fercore.synthesis.subjects import load_face_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fercore.caches.writer import Entry
    from fercore.faces.detection import FaceDetector
    from fercore.networks.preprocessing import Preprocessing
    from fercore.synthesis.samples import Plan, SampleRecipe

_BATCH = 8  # samples of one subject that a process renders in one go

_worker_detectors: list[FaceDetector] = []


@dataclass(frozen=True, slots=True)
class CacheRecipe:
    """What decides every byte of a cache, versions of software aside."""

    samples: SampleRecipe
    subjects: int
    samples_per_subject: int
    preprocessing: Preprocessing

    @property
    def rows(self) -> int:
        """How many rows the finished cache has."""
        return self.subjects * self.samples_per_subject

    def manifest(self) -> Manifest:
        """Return the manifest of the cache.

        Raises:
            FaceModelError: a face model cannot be read.
        """
        recipe = self.samples
        models = " and ".join(path.stem for path in recipe.face_models)
        cameras = ", ".join(recipe.cameras)
        return Manifest(
            format_version=FORMAT_VERSION,
            source=f"synthetic samples of {models} seen by {cameras}",
            scans_sha256=self._checksum(),
            rows=self.rows,
            views=0,
            seed=recipe.seed,
            preprocessing=self.preprocessing,
            versions=versions(),
            dataset=SYNTHETIC.name,
            terms=SYNTHETIC.sentence,
            synthetic=True,
        )

    def _checksum(self) -> str:
        models, skins = self.samples.face_models, self.samples.skins
        content = {
            "sampler": SAMPLER,
            "face_models": [load_face_model(path, skins).fingerprint() for path in models],
            "cameras": self.samples.cameras,
            "levels": self.samples.levels,
            "occluded": self.samples.occluded,
            "samples_per_subject": self.samples_per_subject,
        }
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def prepare_synthetic(output: Path, recipe: CacheRecipe, workers: int) -> Iterator[int]:
    """Write the cache; yield the number of rows on disk after each batch, the first as found.

    Raises:
        FaceModelError: a face model cannot be read.
        DatasetError: the folder holds something else, or a cache of other parameters.
        FercoreError: it cannot be written, or a worker process died.
    """
    with CacheWriter(output, recipe.manifest()) as writer:
        yield writer.rows_done
        jobs = _batches(writer.rows_done, recipe)
        with contextlib.closing(in_order(partial(_work, recipe), jobs, workers)) as done:
            for entries in done:
                writer.append(entries)
                yield writer.rows_done


def _batches(first: int, recipe: CacheRecipe) -> list[range]:
    """Return the rows yet to be made, in batches that never mix subjects."""
    each = recipe.samples_per_subject
    batches = []
    while first < recipe.rows:
        stop = min(first + _BATCH, first - first % each + each)
        batches.append(range(first, stop))
        first = stop
    return batches


def _work(recipe: CacheRecipe, rows: range) -> list[Entry]:
    if not _worker_detectors:
        from fercore.faces.detection import MediapipeFaceDetector

        _worker_detectors.append(MediapipeFaceDetector())
    return [make_row(recipe, row, _worker_detectors[0]) for row in rows]


def make_row(recipe: CacheRecipe, row: int, detector: FaceDetector) -> Entry:
    """Render one sample and cut its face out, as live use would.

    Raises:
        FaceModelError: the face model cannot be read.
    """
    subject, index = divmod(row, recipe.samples_per_subject)
    plan = plan_sample(recipe.samples, subject + 1, index)
    sample = render_sample(recipe.samples, plan)
    entry = cut_out(sample.frame, _blank_row(plan, row), recipe.preprocessing, detector)
    box = entry[0].box
    if box is None or sample.shows_face_in(box):
        return entry
    # Live use would be mistaken too, but a network must not learn from a wall.
    reason = "something else was taken for the face"
    return without_face(_blank_row(plan, row), NO_FACE, reason, recipe.preprocessing)


def _blank_row(plan: Plan, row: int) -> CacheRow:
    return CacheRow(
        row=row,
        scan=plan.name,
        subject=plan.subject,
        expression=plan.label,
        level=plan.level,
        ancestry="",
        view=plan.camera,
        status=OK,
        reason="",
        valid_fraction=0.0,
        box=None,
        fell_back=None,
        edge_shift_px=None,
    )
