"""Reading a prepared cache: registered face crops of a whole data set, memory-mapped.

A cache is a folder with `rgb.npy`, `depth_m.npy`, one row per view of a scan in
`index.tsv`, and `cache.json`. `fercore prepare` makes it; training reads it on
machines that have neither a mesh reader nor a face detector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fercore.caches.records import (
    DEPTH_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    RGB_FILE,
    CacheRow,
    Manifest,
    parse_index,
)
from fercore.datasets.dataset import SYNTHETIC, Terms, terms_of
from fercore.errors import DatasetError
from fercore.expressions import NEUTRAL
from fercore.runtime.parsing import loaded_array

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import FloatArray, UInt8Array

__all__ = ["Cache", "CacheRow", "open_cache", "read_index", "read_manifest"]


class Cache:
    """A prepared cache, open for reading.

    Raises:
        DatasetError: the folder holds no cache, an unfinished or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = read_manifest(path)
        self.rows = _read_complete_index(path, self.manifest)
        count, parameters = self.manifest.rows, self.manifest.preprocessing
        rgb_shape = (count, parameters.rgb_size, parameters.rgb_size, 3)
        depth_shape = (count, parameters.depth_size, parameters.depth_size)
        self.rgb: UInt8Array = _map(path / RGB_FILE, rgb_shape, np.dtype(np.uint8))
        self.depth_m: FloatArray = _map(path / DEPTH_FILE, depth_shape, np.dtype(np.float32))

    @property
    def preprocessing(self) -> Preprocessing:
        """How the crops were cut."""
        return self.manifest.preprocessing

    @property
    def subjects(self) -> list[str]:
        """Codes of all subjects, sorted."""
        return sorted({row.subject for row in self.rows})

    @property
    def description(self) -> str:
        """What the data is, in a few words."""
        scans = len({row.scan for row in self.rows})
        kind = self._licence.name
        return f"{self.manifest.source}: {len(self.subjects)} {kind} subjects, {scans} scans"

    @property
    def terms(self) -> str:
        """Under which terms the data may be used."""
        return self._licence.sentence

    @property
    def is_synthetic(self) -> bool:
        """Whether no person was recorded."""
        known = self.manifest
        return known.synthetic if known.dataset else self._licence == SYNTHETIC

    @property
    def _licence(self) -> Terms:
        known = self.manifest
        return Terms(known.dataset, known.terms) if known.dataset else terms_of(self.subjects)

    def select(
        self,
        levels: Collection[int] | None = None,
        subjects: Collection[str] | None = None,
        views: Collection[str] | None = None,
        expressive: bool = False,
        usable: bool = True,
    ) -> list[CacheRow]:
        """Return the rows that meet all conditions, in order; None stands for any.

        `expressive` leaves out neutral scans, `usable` the rows without a face. Rows of
        data sets without levels meet every condition on levels.
        """
        return [
            row
            for row in self.rows
            if (levels is None or row.level in levels or row.lacks_level)
            and (subjects is None or row.subject in subjects)
            and (views is None or row.view in views)
            and (row.expression != NEUTRAL or not expressive)
            and (row.usable or not usable)
        ]


def open_cache(path: Path) -> Cache:
    """Open a cache that `fercore prepare` finished.

    Raises:
        DatasetError: the folder holds no cache, an unfinished or a damaged one.
    """
    return Cache(path)


def read_manifest(path: Path) -> Manifest:
    """Read what a cache was made of.

    Raises:
        DatasetError: there is no readable `cache.json` of this version.
    """
    file = path / MANIFEST_FILE
    try:
        return Manifest.from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is no prepared cache; make one with `fercore prepare bu3dfe ROOT "
            f"--output {path}`."
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} cannot be used ({error}); prepare it anew.") from error


def people_of(path: Path) -> str:
    """Return among whom a cache's subject codes name one person each: its data set.

    A cache from before caches named their data set stands for itself, by its folder's name.

    Raises:
        DatasetError: there is no readable `cache.json` of this version.
    """
    return read_manifest(path).dataset or path.name


def read_index(path: Path) -> list[CacheRow]:
    """Read the rows that are complete so far.

    Raises:
        DatasetError: `index.tsv` is missing or damaged.
    """
    file = path / INDEX_FILE
    try:
        return parse_index(file.read_bytes().decode())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} is damaged ({error}); prepare it anew.") from error


def _read_complete_index(path: Path, manifest: Manifest) -> list[CacheRow]:
    rows = read_index(path)
    if len(rows) < manifest.rows:
        raise DatasetError(
            f"{path} is unfinished ({len(rows)} of {manifest.rows} rows); "
            "run the same `fercore prepare` again to finish it."
        )
    if len(rows) > manifest.rows:
        raise DatasetError(f"{path / INDEX_FILE} has more rows than were prepared; redo it.")
    return rows


def _map(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        array = loaded_array(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}); prepare it anew.") from error
    if array.shape != shape or array.dtype != dtype:
        raise DatasetError(
            f"{path} holds {array.shape} {array.dtype} instead of {shape} {dtype}; prepare it anew."
        )
    mapped: NDArray[Any] = array
    return mapped
