"""Reading JSON, TOML and arrays that anyone may have written: whatever is wrong is a ValueError.

The parsers themselves raise a dozen kinds: RecursionError for deep nesting, SyntaxError and
tokenize's errors for the header of an array, RuntimeError for an encrypted member of an archive.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
import zlib
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

T = TypeVar("T")


def parsed_json(data: bytes | str) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is no JSON in UTF-8, or nested too deeply.
    """
    try:
        return json.loads(_text(data))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parsed_toml(data: bytes) -> dict[str, Any]:
    """Return what a TOML text says.

    Raises:
        ValueError: it is no TOML in UTF-8, or nested too deeply.
    """
    try:
        return tomllib.loads(_text(data))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _text(data: bytes | str) -> str:
    try:
        return data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text in UTF-8, byte {error.start} is none") from None


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


def loaded_archive(path: Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return those of the named arrays that an `.npz` file holds, all where none are named.

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
        wanted = archive.files if names is None else names
        found = {name: archive[name] for name in wanted if name in archive.files}
        if not all(isinstance(array, np.ndarray) for array in found.values()):
            raise ValueError("a member is no array")
        return found


def checked(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return a dataclass made of values whose types are those of its plain fields.

    For what training reads; all else is for `fercore.runtime.checking.described`. Checked are
    numbers (finite ones), texts, truth values, lists of them and dictionaries; the rest is taken as
    it is. A whole number stands for a float too, a list for a tuple.

    Raises:
        ValueError: a value is missing, unknown or of another type.
    """
    assert is_dataclass(kind)
    known = {each.name: str(each.type) for each in fields(kind)}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{name!r} is not known; known: {', '.join(known)}")
        if not _fits(value, known[name]):
            raise ValueError(f"{name} is {value!r:.60}, not {_words(known[name])}")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    try:
        return kind(**{**values, **lists})
    except TypeError as error:
        raise ValueError(str(error)) from error


def _words(wanted: str) -> str:
    said = {"int": "a whole number", "float": "a finite number", "str": "a text"}
    return {**said, "bool": "true or false"}.get(wanted, f"of type {wanted}")


def _fits(value: object, wanted: str) -> bool:
    if wanted in ("int", "float"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return isinstance(value, int) or (wanted == "float" and math.isfinite(value))
    if plain := {"str": str, "bool": bool}.get(wanted):
        return isinstance(value, plain)
    if inner := re.fullmatch(r"tuple\[(\w+), \.\.\.\]", wanted):
        return isinstance(value, list | tuple) and all(_fits(each, inner[1]) for each in value)
    if inner := re.fullmatch(r"dict\[str, (\w+)\]", wanted):
        return isinstance(value, dict) and all(
            isinstance(key, str) and _fits(each, inner[1]) for key, each in value.items()
        )
    return True


@contextmanager
def _faults_as_value_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError):
        raise
    except (
        *(BadZipFile, zlib.error, EOFError, KeyError, RuntimeError),
        *(SyntaxError, TokenError, TypeError, AttributeError, IndexError),
        *(MemoryError, OverflowError, RecursionError),
    ) as error:
        raise ValueError(f"it is damaged ({type(error).__name__})") from error
