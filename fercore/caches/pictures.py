"""Prepared caches of real faces in single pictures without depth: FER2013's training split.

They let the colour branch learn from people. A face is cut out as in live use where the
detector finds it; where it does not, the whole picture is taken, which is cropped to a face
already. Depth is unknown throughout.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fercore.caches.records import FORMAT_VERSION, OK, CacheRow, Manifest
from fercore.caches.writer import CacheWriter
from fercore.datasets.dataset import FER2013
from fercore.errors import DatasetError
from fercore.expressions import NEUTRAL
from fercore.faces.cropping import crop_face
from fercore.io.fer2013 import Fer2013Split
from fercore.runtime.processes import in_order
from fercore.runtime.versions import versions
from fercore.structures import FaceBox, RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fercore.caches.writer import Entry
    from fercore.datasets.dataset import Sample
    from fercore.datasets.fer2013 import Fer2013
    from fercore.faces.detection import FaceDetector
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import UInt8Array

PICTURE_VIEW = "picture"
WHOLE = "no face found in the picture; all of it is taken"

_BATCH = 64
_ENLARGED = 4  # the detector expects faces of more than 48 pixels
_MARGIN = 0.5  # of the picture's side, around it: a face that fills a picture is hard to find

_worker_detectors: list[FaceDetector] = []


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to cut out, with its row."""

    row: CacheRow
    rgb: UInt8Array  # (48, 48, 3)


def training_samples(dataset: Fer2013) -> list[Sample]:
    """Return the training pictures that no test split holds too.

    Raises:
        DatasetError: there is none.
    """
    samples = dataset.samples()
    tested = {sample.subject for sample in samples if sample.split != Fer2013Split.TRAINING}
    chosen = [s for s in samples if s.split == Fer2013Split.TRAINING and s.subject not in tested]
    if not chosen:
        raise DatasetError(f"{dataset.root} holds no training pictures; give FER2013's files.")
    return chosen


def prepare_pictures(
    output: Path, dataset: Fer2013, parameters: Preprocessing, workers: int
) -> Iterator[int]:
    """Write the cache; yield the number of rows on disk, first as found.

    Raises:
        DatasetError: the folder holds something else, or there is nothing to prepare.
        FercoreError: it cannot be written, or a worker process died.
    """
    samples = training_samples(dataset)
    with CacheWriter(output, _manifest(dataset, samples, parameters)) as writer:
        yield writer.rows_done
        jobs = [
            [_picture(dataset, samples[row], row) for row in range(start, stop)]
            for start, stop in _batches(writer.rows_done, len(samples))
        ]
        with contextlib.closing(in_order(partial(_work, parameters), jobs, workers)) as done:
            for entries in done:
                writer.append(entries)
                yield writer.rows_done


def cut_picture(
    rgb: UInt8Array, parameters: Preprocessing, detector: FaceDetector
) -> tuple[UInt8Array, FaceBox | None]:
    """Cut the face out of a small picture (S, S, 3) that holds little else.

    Returns the crop, and its square in the picture's pixels; None: the whole picture was taken.
    """
    side = rgb.shape[0] * _ENLARGED
    margin = round(_MARGIN * side)
    large = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    framed = np.pad(large, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    boxes = detector.detect(np.ascontiguousarray(framed))
    found = boxes[0] if boxes else FaceBox(margin, margin, margin + side, margin + side, 0.0)
    whole = replace(parameters, box_scale=1.0)
    frame = RGBDFrame(np.asarray(framed, np.uint8), None, None, 0.0, 0)
    pair = crop_face(frame, found, parameters if boxes else whole)
    if not boxes:
        return pair.rgb, None
    corners = (pair.box.x0, pair.box.y0, pair.box.x1, pair.box.y1)
    x0, y0, x1, y1 = ((corner - margin) / _ENLARGED for corner in corners)
    return pair.rgb, FaceBox(x0, y0, x1, y1, found.score)


def _manifest(dataset: Fer2013, samples: Sequence[Sample], parameters: Preprocessing) -> Manifest:
    names = "\n".join(f"{sample.id} {sample.subject}" for sample in samples)
    return Manifest(
        format_version=FORMAT_VERSION,
        source=f"{dataset.name}, training split",
        scans_sha256=hashlib.sha256(names.encode()).hexdigest(),
        rows=len(samples),
        views=0,
        seed=0,
        preprocessing=parameters,
        versions=versions(),
        dataset=FER2013.name,
        terms=dataset.terms,
    )


def _batches(first: int, count: int) -> list[tuple[int, int]]:
    return [(start, min(start + _BATCH, count)) for start in range(first, count, _BATCH)]


def _picture(dataset: Fer2013, sample: Sample, row: int) -> Picture:
    expression = NEUTRAL if sample.expression is None else sample.expression.value
    blank = CacheRow(
        row=row,
        scan=sample.id,
        subject=sample.subject,
        expression=expression,
        level=0,
        ancestry="",
        view=PICTURE_VIEW,
        status=OK,
        reason="",
        valid_fraction=0.0,
        box=None,
        fell_back=None,
        edge_shift_px=None,
        target=sample.target,
    )
    return Picture(blank, dataset.frame(sample).rgb)


def _work(parameters: Preprocessing, pictures: Sequence[Picture]) -> list[Entry]:
    if not _worker_detectors:
        from fercore.faces.detection import MediapipeFaceDetector

        _worker_detectors.append(MediapipeFaceDetector())
    return [_entry(picture, parameters, _worker_detectors[0]) for picture in pictures]


def _entry(picture: Picture, parameters: Preprocessing, detector: FaceDetector) -> Entry:
    rgb, box = cut_picture(picture.rgb, parameters, detector)
    depth_m = np.full((parameters.depth_size, parameters.depth_size), np.nan, np.float32)
    return replace(picture.row, box=box, reason="" if box else WHOLE), rgb, depth_m
