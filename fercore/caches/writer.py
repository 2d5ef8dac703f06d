"""Rows of a prepared cache: a face cut out of a frame, or none, written so that a kill is harmless.

The arrays are written before the line of `index.tsv` that makes them count, so that whole
rows only are ever read. They are written as plain files, not through memory maps: a full
disk then is an error message and not a crash.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fercore.caches.reading import read_index, read_manifest
from fercore.caches.records import (
    COLUMNS,
    DEPTH_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    OK,
    RGB_FILE,
    CacheRow,
    Manifest,
    format_row,
)
from fercore.errors import DatasetError, FercoreError
from fercore.faces.cropping import crop_face
from fercore.runtime.files import LOCK_FILE, sole_holder, write_text_whole
from fercore.runtime.tables import table_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path
    from types import TracebackType

    from fercore.faces.detection import FaceDetector
    from fercore.networks.preprocessing import Preprocessing
    from fercore.structures import FloatArray, RGBDFrame, UInt8Array

NO_FACE = "no face"
"""Status of a row in whose picture no face was found."""

Entry = tuple[CacheRow, "UInt8Array", "FloatArray"]


def cut_out(
    frame: RGBDFrame, row: CacheRow, parameters: Preprocessing, detector: FaceDetector
) -> Entry:
    """Return the row with the face of a frame that has depth, cut out as live use does it."""
    boxes = detector.detect(frame.rgb)
    if not boxes:
        return without_face(row, NO_FACE, "no face found in the picture", parameters)
    pair = crop_face(frame, boxes[0], parameters)
    assert pair.depth_m is not None
    found = replace(row, status=OK, valid_fraction=round(pair.valid_fraction, 4), box=pair.box)
    return found, pair.rgb, pair.depth_m


def without_face(row: CacheRow, status: str, reason: str, parameters: Preprocessing) -> Entry:
    """Return a row that has no face, with a black picture and unknown depth."""
    rgb = np.zeros((parameters.rgb_size, parameters.rgb_size, 3), np.uint8)
    depth_m = np.full((parameters.depth_size, parameters.depth_size), np.nan, np.float32)
    return replace(row, status=status, reason=reason), rgb, depth_m


class CacheWriter:
    """Makes a cache, or goes on with one of an equal manifest; a context manager.

    Raises:
        DatasetError: the folder holds something else, or a cache made with other
            parameters.
        FercoreError: another process is writing it, or it cannot be written.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self._manifest = manifest
        with _as_error(path):
            _create(path, manifest)
        self._files: dict[str, tuple[FileIO, int]] = {}
        with contextlib.ExitStack() as held, _as_error(path):
            held.enter_context(_sole_writer(path))
            self._index = held.enter_context((path / INDEX_FILE).open("ab", buffering=0))
            self.rows_done = _cut_to_whole_rows(path, manifest)
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        with _as_error(self.path):
            for name, dtype, shape in _arrays(self._manifest):
                self._files[name] = _open_array(self.path / name, dtype, shape)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file, _ in self._files.values():
            file.close()
        self._held.close()

    def append(self, rows: list[tuple[CacheRow, UInt8Array, FloatArray]]) -> None:
        """Write the rows of one scan; all of them count, or none does.

        Raises:
            FercoreError: they cannot be written, as on a full disk; the cache stays whole.
        """
        with _as_error(self.path):
            for row, rgb, depth_m in rows:
                self._write(RGB_FILE, row.row, rgb)
                self._write(DEPTH_FILE, row.row, depth_m)
            lines = "".join(format_row(row) for row, _, _ in rows).encode()
            _write_all(self._index, lines)
        self.rows_done += len(rows)

    def _write(self, name: str, row: int, array: UInt8Array | FloatArray) -> None:
        file, start = self._files[name]
        content = np.ascontiguousarray(array).tobytes()
        file.seek(start + row * len(content))
        _write_all(file, content)


def _create(path: Path, manifest: Manifest) -> None:
    """Make an empty cache; the manifest comes last, so that it vouches for the rest."""
    path.mkdir(parents=True, exist_ok=True)
    if (path / MANIFEST_FILE).exists():
        return
    known = {RGB_FILE, DEPTH_FILE, INDEX_FILE, f"{MANIFEST_FILE}.part", LOCK_FILE}
    strangers = sorted(entry.name for entry in path.iterdir() if entry.name not in known)
    if strangers:
        raise DatasetError(f"{path} holds {strangers[0]}; choose an empty folder for --output.")
    for name, dtype, shape in _arrays(manifest):
        _create_array(path / name, dtype, shape)
    (path / INDEX_FILE).write_text(table_line(COLUMNS), encoding="utf-8")
    write_text_whole(path / MANIFEST_FILE, manifest.to_json())


def _arrays(manifest: Manifest) -> list[tuple[str, np.dtype[Any], tuple[int, ...]]]:
    rows, sizes = manifest.rows, manifest.preprocessing
    return [
        (RGB_FILE, np.dtype(np.uint8), (rows, sizes.rgb_size, sizes.rgb_size, 3)),
        (DEPTH_FILE, np.dtype(np.float32), (rows, sizes.depth_size, sizes.depth_size)),
    ]


def _create_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + dtype.itemsize * int(np.prod(shape)))


def _open_array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[FileIO, int]:
    """Return the file, open for writing, and where its first row starts."""
    file = path.open("r+b", buffering=0)
    size = os.fstat(file.fileno()).st_size
    return file, size - dtype.itemsize * int(np.prod(shape))


def _sole_writer(path: Path) -> contextlib.AbstractContextManager[None]:
    taken = f"{path} is being prepared by another process; wait for it."
    return sole_holder(path / LOCK_FILE, taken)


def _cut_to_whole_rows(path: Path, manifest: Manifest) -> int:
    """Remove what a kill left half-written; return how many rows are there."""
    _require_equal(path, read_manifest(path), manifest)
    rows = read_index(path)
    whole = len(rows) - len(rows) % (1 + manifest.views)
    lines = (path / INDEX_FILE).read_bytes().split(b"\n")[: whole + 1]
    with _as_error(path):
        os.truncate(path / INDEX_FILE, sum(len(line) + 1 for line in lines))
    return whole


def _require_equal(path: Path, found: Manifest, wanted: Manifest) -> None:
    if not found.dataset:  # begun before caches named their data set
        wanted = replace(wanted, dataset="", terms="", synthetic=False)
    for field in Manifest.__dataclass_fields__:
        there, here = getattr(found, field), getattr(wanted, field)
        if there != here:
            raise DatasetError(
                f"{path} was prepared with other parameters ({field}: {there}, now {here}); "
                "choose another --output or delete it."
            )


def _write_all(file: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) or 0 :]


@contextlib.contextmanager
def _as_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror or error}); "
            "put that right and run the same command again to go on."
        ) from error
