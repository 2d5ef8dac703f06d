"""Reading JSON, TOML and arrays that anyone may have written: whatever is wrong is a ValueError.

The parsers themselves raise a dozen kinds: RecursionError for deep nesting, SyntaxError and
tokenize's errors for the header of an array, RuntimeError for an encrypted member of an archive.
"""

from __future__ import annotations

import json
import tomllib
import zlib
from contextlib import contextmanager
from tokenize import TokenError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from numpy.typing import NDArray


def parsed_json(data: bytes | str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is no JSON in UTF-8, or nested too deeply.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parsed_toml(data: bytes) -> dict[str, Any]:
    """Return what a TOML text says.

    Raises:
        ValueError: it is no TOML in UTF-8, or nested too deeply.
    """
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def loaded_array(path: Path) -> NDArray[Any]:
    """Map the array of an `.npy` file, read-only.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file, cut off or damaged.
    """
    with _faults_as_value_errors():
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is no single array")
        return array


def loaded_archive(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Return those of the named arrays that an `.npz` file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file, damaged, encrypted or packed in a way that is not known.
    """
    with (
        _faults_as_value_errors(),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is no archive of arrays")
        return {name: np.asarray(archive[name]) for name in names if name in archive.files}


@contextmanager
def _faults_as_value_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError):
        raise
    except (
        *(BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, NotImplementedError),
        *(SyntaxError, TokenError, TypeError, AttributeError, IndexError),
        *(MemoryError, OverflowError, RecursionError),
    ) as error:
        raise ValueError(f"it is damaged ({type(error).__name__})") from error
