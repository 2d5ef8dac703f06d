"""The geometry store beside a cache: what each baseline keeps of each scan, row for row.

    CACHE/geometry-bnd/segments-svm/store.json       what it was made with
    CACHE/geometry-bnd/segments-svm/rows.tsv         a line for each row that is done
    CACHE/geometry-bnd/segments-svm/00012.npz        the features of row 12 of the cache

A row that failed is tried again when the command is given again; its last line counts.
There is one folder for each source of landmarks, so that two are never mixed. A row's file is
written before its line, so that a kill at any moment leaves whole rows only. A cache needs no
store unless a baseline is evaluated on it. Reading takes NumPy alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fercore.caches.records import INDEX_FILE
from fercore.errors import DatasetError, FercoreError, cure
from fercore.runtime.files import whole_file, write_text_whole
from fercore.runtime.parsing import checked, loaded_archive, parsed_json
from fercore.runtime.versions import versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.baselines.learners import FoldFeatures
    from fercore.baselines.recipes import Landmarking

STORE_FORMAT = 1
_MANIFEST, _ROWS = "store.json", "rows.tsv"
_COLUMNS = ("row", "scan", "seconds", "sha256", "reason")


@dataclass(frozen=True, slots=True)
class StoreManifest:
    """What a baseline's features were made with; they go on only where all of it is the same."""

    format: int
    baseline: str
    landmarks: str  # in words
    index_sha256: str  # of the cache's index.tsv: rows mean the same scans
    parameters: dict[str, Any]  # what else shapes the features, such as the source that describes
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row that is done."""

    row: int  # of the cache
    scan: str
    seconds: float  # that describing it took, what baselines share counted for the first
    sha256: str  # of its file; empty where it has none
    reason: str  # why it has no features; empty where it has


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """A baseline's features of some rows."""

    arrays: FoldFeatures  # (N, ...) each; 0 for rows without features
    known: NDArray[np.bool_]  # (N,), whether a row has features


class BaselineStore:
    """The features of one baseline; made if needed when it is opened with a manifest.

    Raises:
        FercoreError: it was made with something else, is damaged or cannot be written.
    """

    def __init__(self, folder: Path, rows: Sequence[StoredRow]) -> None:
        self.folder = folder
        self.rows = {row.row: row for row in rows}

    @classmethod
    def writable(cls, cache: Path, landmarking: Landmarking, manifest: StoreManifest) -> Self:
        """Make the store, or go on with one of an equal manifest."""
        folder = cache / landmarking.folder / manifest.baseline
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / _MANIFEST).exists():
                (folder / _ROWS).write_text("\t".join(_COLUMNS) + "\n", encoding="utf-8")
                text = json.dumps(asdict(manifest), indent=2) + "\n"
                write_text_whole(folder / _MANIFEST, text)
            _require_equal(folder, _manifest(folder), manifest)
            return cls(folder, _rows(folder, cut=True))
        except OSError as error:
            raise _unwritable(folder, error) from error

    @classmethod
    def readable(cls, cache: Path, landmarking: Landmarking, baseline: str) -> Self:
        """Open what `fercore prepare` made."""
        folder = cache / landmarking.folder / baseline
        if not (folder / _MANIFEST).exists():
            raise DatasetError(
                f"{cache} has no features of {baseline}; {_fill(cache, landmarking)}"
            )
        if _manifest(folder).index_sha256 != index_sha256(cache):
            raise DatasetError(f"{folder} belongs to another cache; {_renew(folder)}")
        return cls(folder, _rows(folder, cut=False))

    def describes(self, row: int) -> bool:
        """Tell whether a row has features: one that failed may do better another time."""
        return row in self.rows and not self.rows[row].reason

    def append(self, row: StoredRow, features: FoldFeatures | None) -> None:
        """Write a row's features, then its line; `row.sha256` is filled in.

        Raises:
            FercoreError: they cannot be written; earlier rows are kept.
        """
        try:
            digest = "" if features is None else self._write(row.row, features)
            cells = (str(row.row), row.scan, f"{row.seconds:.3f}", digest, row.reason)
            with (self.folder / _ROWS).open("ab", buffering=0) as file:
                file.write(("\t".join(cells) + "\n").encode())
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        self.rows[row.row] = replace(row, sha256=digest)

    def _write(self, row: int, features: FoldFeatures) -> str:
        path = self._path(row)
        with whole_file(path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, **features)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _path(self, row: int) -> Path:
        return self.folder / f"{row:05}.npz"

    def digest(self, rows: Sequence[int]) -> str:
        """Return what tells the features of these rows of the cache from any others.

        Raises:
            DatasetError: a row is not there yet.
        """
        for row in rows:
            if row not in self.rows:
                raise DatasetError(
                    f"{self.folder} is unfinished (row {row} is missing); give the same "
                    "`fercore prepare` with --baselines again to finish it."
                )
        told = "\n".join(f"{row} {self.rows[row].sha256}" for row in rows)
        manifest = (self.folder / _MANIFEST).read_bytes()
        return hashlib.sha256(manifest + told.encode()).hexdigest()

    def read(self, rows: Sequence[int]) -> StoredFeatures:
        """Return the features of rows of the cache, all of which are done.

        Raises:
            DatasetError: a file is damaged, or no row has features.
        """
        known = np.array([bool(self.rows[row].sha256) for row in rows])
        if not known.any():
            reason = self.rows[rows[0]].reason
            raise DatasetError(f"{self.folder} has features of no scan ({reason})")
        arrays: dict[str, NDArray[Any]] = {}
        for place, row in enumerate(rows):
            for name, array in self._read(row).items() if known[place] else ():
                filled = arrays.setdefault(name, np.zeros((len(rows), *array.shape), array.dtype))
                if filled.shape[1:] != array.shape:
                    raise DatasetError(
                        f"{self._path(row)} has another shape; {_renew(self.folder)}"
                    )
                filled[place] = array
        return StoredFeatures(arrays, known)

    def _read(self, row: int) -> dict[str, NDArray[Any]]:
        try:
            return loaded_archive(self._path(row))
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{self._path(row)} is damaged ({error}); {_renew(self.folder)}"
            ) from error


def manifest_of(
    cache: Path, baseline: str, landmarking: Landmarking, parameters: dict[str, Any]
) -> StoreManifest:
    """Return the manifest of features that are made here and now."""
    plain = parsed_json(json.dumps(parameters))  # as it is read again: tuples are lists
    made_with = versions("opencv-contrib-python")
    return StoreManifest(
        STORE_FORMAT, baseline, landmarking.words, index_sha256(cache), plain, made_with
    )


def index_sha256(cache: Path) -> str:
    """Return the checksum of a cache's index."""
    try:
        return hashlib.sha256((cache / INDEX_FILE).read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"{cache / INDEX_FILE} cannot be read ({error.strerror}).") from error


def _manifest(folder: Path) -> StoreManifest:
    try:
        return checked(StoreManifest, parsed_json((folder / _MANIFEST).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(
            f"{folder / _MANIFEST} is damaged ({error}); {_renew(folder)}"
        ) from error


def _rows(folder: Path, cut: bool) -> list[StoredRow]:
    """Read the lines that are whole; `cut` removes half a line that a kill left."""
    path = folder / _ROWS
    try:
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if cut and whole != text:
            os.truncate(path, len(whole))
        lines = [line.split("\t") for line in whole.decode().splitlines()[1:]]
        return [StoredRow(int(a), b, float(c), d, e) for a, b, c, d, e in lines]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is damaged ({error}); {_renew(folder)}") from error


def _require_equal(folder: Path, found: StoreManifest, wanted: StoreManifest) -> None:
    for name in StoreManifest.__dataclass_fields__:
        there, here = getattr(found, name), getattr(wanted, name)
        if there != here:
            raise DatasetError(
                f"{folder} was made with another {name} ({there}, now {here}); {_renew(folder)}"
            )


def _fill(cache: Path, landmarking: Landmarking) -> str:
    return (
        f"run `fercore prepare KIND ROOT --output {cache} --baselines {landmarking.options}` "
        "with the data set it was prepared from."
    )


def _renew(folder: Path) -> str:
    return f"delete {folder.name} in {folder.parent} and prepare it anew with --baselines."


def _unwritable(folder: Path, error: OSError) -> FercoreError:
    return FercoreError(
        f"{folder} cannot be written ({error.strerror}); {cure(error)} and give the same "
        "command again to go on."
    )
