"""Reading a TOML table so that every mistake becomes one sentence that names file and key."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class TomlTable:
    """One table of a file; each key is asked for once, `finish` complains of the rest."""

    def __init__(self, path: Path, values: Mapping[str, Any], name: str = "") -> None:
        self._path = path
        self._name = name
        self._left = dict(values)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty.

        Raises:
            FercoreError: it is missing without a default, empty or no text.
        """
        value = self._take(key, default)
        if not isinstance(value, str) or (not value.strip() and value != default):
            raise self.problem(key, "must be a text that is not empty")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false.

        Raises:
            FercoreError: it is neither.
        """
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.problem(key, "must be true or false")
        return value

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """Return a number within limits.

        Raises:
            FercoreError: it is none, or beyond the limits.
        """
        value = self._take(key, default)
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        if not usable or not math.isfinite(value) or not least <= value <= most:
            raise self.problem(key, f"must be a number from {least:g} to {most:g}")
        return float(value)

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """Return a whole number within limits.

        Raises:
            FercoreError: it is none, or beyond the limits.
        """
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.problem(key, f"must be a whole number from {least} to {most}")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """Return one of a few words.

        Raises:
            FercoreError: it is none of them.
        """
        value = self._take(key, default)
        if value not in choices:
            raise self.problem(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return str(value)

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return a list of different texts.

        Raises:
            FercoreError: it is no such list, or a text stands in it twice.
        """
        value = self._take(key, default)
        whole = isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)
        if not whole or len(set(value)) < len(value):
            raise self.problem(key, "must be a list of different texts")
        return tuple(value)

    def tables(self, key: str) -> list[TomlTable]:
        """Return the tables of an array, written as `[[key]]`; none when it is missing.

        Raises:
            FercoreError: it is no array of tables.
        """
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self.problem(key, f"must be written as [[{key}]]")
        return [
            TomlTable(self._path, entry, f"{key} {number}")
            for number, entry in enumerate(value, start=1)
        ]

    def table(self, key: str) -> TomlTable:
        """Return a table, written as `[key]`; an empty one when it is missing.

        Raises:
            FercoreError: it is no table.
        """
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self.problem(key, f"must be written as [{key}]")
        return TomlTable(self._path, value, key)

    def finish(self) -> None:
        """Complain of keys that nobody asked for.

        Raises:
            FercoreError: there is one.
        """
        for key in self._left:
            raise self.problem(key, "is not known; remove it or correct its spelling")

    def problem(self, key: str, complaint: str) -> FercoreError:
        """Return the error that a key's value cannot be used."""
        where = f"{self._name}: " if self._name else ""
        return FercoreError(f"{self._path}: {where}`{key}` {complaint}.")

    def _take(self, key: str, default: Any) -> Any:
        if key not in self._left and default is None:
            raise self.problem(key, "is missing")
        return self._left.pop(key, default)
