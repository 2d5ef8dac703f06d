"""The section on what the pipelines fail on, with thumbnails where the run's cache is at hand."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError
from fercore.report.content import Drawing, Section, Thumbnails, Tile, TileGallery, percent
from fercore.report.figures.accuracy import subject_figure
from fercore.report.figures.style import to_svg
from fercore.report.hardest import (
    SHOWN_SCANS,
    SHOWN_SUBJECTS,
    HardScan,
    HardSubject,
    rank_scans,
    rank_subjects,
    scan_table,
    subject_table,
)
from fercore.report.progress import setting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.caches.reading import Cache
    from fercore.report.description import RunDescription
    from fercore.report.run_records import Evaluation
    from fercore.structures import FloatArray, UInt8Array

_JPEG_QUALITY = 85
_DEPTH_PERCENTILES = (0.5, 99.5)


def hardest_section(evaluation: Evaluation, cache: Path | None) -> Section:
    """Return the section; `cache` gives the thumbnails, None leaves them out."""
    about = evaluation.description
    scans = rank_scans(evaluation.predictions)
    subjects = rank_subjects(evaluation.predictions, scans)
    hard_scans, hard_subjects = scans[:SHOWN_SCANS], subjects[:SHOWN_SUBJECTS]
    pictures = _pictures(cache, [*hard_scans, *(subject.hardest for subject in hard_subjects)])
    return Section(
        anchor="hardest",
        title="Hardest subjects and scans",
        paragraphs=(pictures.missing,) if pictures.missing else (),
        drawings=(
            Drawing(
                "subjects",
                "Every subject with every pipeline",
                "Accuracy on each subject; errors that gather on few subjects make intervals wide.",
                to_svg(subject_figure(subjects, setting(about)), "subjects"),
            ),
        ),
        galleries=_galleries(hard_scans, hard_subjects, pictures, about),
        tables=(scan_table(scans, about), subject_table(subjects, about)),
    )


def _galleries(
    scans: list[HardScan], subjects: list[HardSubject], pictures: Gallery, about: RunDescription
) -> tuple[TileGallery, ...]:
    if pictures.missing:
        return ()
    note = (
        f"{setting(about)}. Colour and depth as they were cut out for the networks; near is bright "
        f"(viridis). The pictures come from the data set and fall under its terms: {about.terms}."
    )
    return (
        TileGallery("Hardest scans", note, tuple(_scan_tile(scan, pictures) for scan in scans)),
        TileGallery(
            "Hardest subjects, each by its hardest scan",
            note,
            tuple(_subject_tile(subject, pictures) for subject in subjects),
        ),
    )


def _pictures(cache: Path | None, scans: list[HardScan]) -> Gallery:
    if cache is None:
        return Gallery({}, "No pictures: they were left out on request.")
    return read_gallery(cache, scans)


def _scan_tile(scan: HardScan, pictures: Gallery) -> Tile:
    thumbnails = pictures.by_row[scan.row]
    lines = [
        _named(scan),
        f"{percent(scan.wrong, 0)} % of predictions wrong",
    ]
    if scan.taken_for:
        lines.append(f"mostly taken for {scan.taken_for}")
    return Tile(thumbnails.scan, tuple(lines), thumbnails)


def _subject_tile(subject: HardSubject, pictures: Gallery) -> Tile:
    lines = (
        f"{percent(subject.wrong, 0)} % of predictions wrong",
        f"here: {_named(subject.hardest)}",
    )
    return Tile(subject.subject, lines, pictures.by_row[subject.hardest.row])


def _named(scan: HardScan) -> str:
    return f"{scan.expression}, level {scan.level}" if scan.level else scan.expression


@dataclass(frozen=True, slots=True)
class Gallery:
    """Thumbnails of samples, or the reason why there are none."""

    by_row: dict[int, Thumbnails]
    missing: str  # one sentence, empty where there are thumbnails


def read_gallery(path: Path, scans: Sequence[HardScan]) -> Gallery:
    """Return thumbnails of samples from the cache at `path`; never fails for want of it."""
    if not path.exists():
        return Gallery({}, f"No pictures: the cache {path} is not here; give its place by --data.")
    # Imported late: it brings torch, which a report without pictures does not need.
    from fercore.caches.reading import open_cache

    try:
        cache = open_cache(path)
    except DatasetError as error:
        return Gallery({}, f"No pictures: {error}")
    if not all(_is_sample(cache, scan) for scan in scans):
        return Gallery(
            {}, f"No pictures: the cache {path} is not the one that this run was made on."
        )
    return Gallery({scan.row: _thumbnails(cache, scan.row) for scan in scans}, "")


def _is_sample(cache: Cache, scan: HardScan) -> bool:
    if scan.row >= len(cache.rows):
        return False
    row = cache.rows[scan.row]
    known = (row.subject, row.expression, row.level, row.view)
    return known == (scan.subject, scan.expression, scan.level, scan.view)


def _thumbnails(cache: Cache, row: int) -> Thumbnails:
    depth_m = np.asarray(cache.depth_m[row])
    low_m, high_m = _depth_range(depth_m)
    return Thumbnails(
        scan=cache.rows[row].scan,
        rgb=_jpeg(np.asarray(cache.rgb[row])),
        depth=_depth_png(depth_m, low_m, high_m),
        depth_range_mm=1000 * (high_m - low_m),
    )


def _depth_range(depth_m: FloatArray) -> tuple[float, float]:
    known = depth_m[np.isfinite(depth_m)]
    if not known.size:
        return 0.0, 1e-4
    low, high = np.percentile(known, _DEPTH_PERCENTILES)
    return float(low), max(float(high), float(low) + 1e-4)


def _jpeg(rgb: UInt8Array) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return _data_uri("image/jpeg", buffer)


def _depth_png(depth_m: FloatArray, low_m: float, high_m: float) -> str:
    import matplotlib as mpl
    from PIL import Image

    nearness = np.nan_to_num((high_m - depth_m) / (high_m - low_m)).clip(0, 1)
    # As bytes, `bytes=True` rounds alike everywhere.
    coloured = mpl.colormaps["viridis"](nearness, bytes=True)
    coloured[..., 3] = np.where(np.isfinite(depth_m), 255, 0)
    buffer = io.BytesIO()
    Image.fromarray(coloured).save(buffer, format="PNG", optimize=True)
    return _data_uri("image/png", buffer)


def _data_uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
