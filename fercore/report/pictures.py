"""Thumbnails of single samples, from the cache that the run was made on."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fercore.caches.reading import Cache
    from fercore.report.hardest import HardScan
    from fercore.structures import FloatArray, UInt8Array

_JPEG_QUALITY = 85
_DEPTH_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Colour and depth of a sample as data URIs."""

    scan: str  # its name in the data set
    rgb: str
    depth: str  # near is bright; transparent where unknown
    depth_range_mm: float  # from the darkest to the brightest


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
