"""Preparing a whole tree on all cores, resumable at any moment.

Rows are written in the order of the scans, however many processes work on them,
so that a resumed run and an uninterrupted one give the same bytes. For that the
work is always done in processes of their own, even by a single one.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from fercore.caches.scans import Models, Recipe, prepare_scan
from fercore.caches.writer import CacheWriter
from fercore.runtime.parallel import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fercore.caches.entries import Entry
    from fercore.datasets.dataset import MeshDataset, MeshScan

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
