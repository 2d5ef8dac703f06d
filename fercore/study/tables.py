"""Tab-separated tables as BIDS wants them: a header, `n/a` where unknown, one row a line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

UNKNOWN = "n/a"
_LARGEST = 1e12  # seconds or pixels; what is beyond is damage

_READ_AS_MISSING = frozenset({"na", "n/a", "nan", "null", "none"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what its cells mean; becomes an entry of the BIDS sidecar."""

    name: str
    description: str
    unit: str = ""  # empty: no physical unit
    levels: Mapping[str, str] | None = None  # of a column with a few known values
    text: bool = False  # whether its cells are words, not numbers
    added: bool = False  # after the first tables were written, which lack it
    joined: bool = False  # whether a cell may hold several of the levels


def reads_as_missing(name: str) -> bool:
    """Tell whether statistics software takes a name for a missing value, such as `NA` or `null`.

    Without case: pandas reads `NULL` and `null` so, R reads `NA`, others fold the case first.
    """
    return name.strip().casefold() in _READ_AS_MISSING


class Cells:
    """The cells of a table, column by column."""

    def __init__(self, path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.path = path
        cells = list(zip(*rows, strict=True)) or [()] * len(columns)
        self._cells: dict[str, tuple[str, ...]] = dict(zip(columns, cells, strict=True))
        self._length = len(rows)

    def __len__(self) -> int:
        """Return the number of rows below the header."""
        return self._length

    def rows(self) -> list[tuple[str, ...]]:
        """Return all rows, cells as they stand in the file."""
        return list(zip(*self._cells.values(), strict=True))

    def texts(self, column: str) -> list[str]:
        """Return a column of texts, `n/a` as an empty one."""
        return ["" if cell == UNKNOWN else cell for cell in self._cells[column]]

    def numbers(
        self, column: str, least: float = -_LARGEST, most: float = _LARGEST, known: bool = False
    ) -> NDArray[np.float64]:
        """Return a column (N,) of numbers within limits, NaN where unknown.

        Raises:
            FercoreError: a cell is neither such a number nor `n/a`, or `n/a` where every
                row has to be known.
        """
        cells = self._cells[column]
        for place, cell in enumerate(cells, start=2):
            if (known or cell != UNKNOWN) and not _is_within(cell, least, most):
                raise FercoreError(
                    f"{self.path} is damaged (line {place} has no usable number as {column}); "
                    + ("correct that cell." if known else "correct that cell or put n/a there.")
                )
        return np.array([math.nan if c == UNKNOWN else float(c) for c in cells], np.float64)


def header_line(columns: Sequence[Column]) -> bytes:
    """Return a table's first line."""
    return line(column.name for column in columns)


def line(cells: Iterable[object]) -> bytes:
    """Return a row as it stands in the file; tabs and line breaks in a cell become spaces."""
    return ("\t".join(_clean(cell) for cell in cells) + "\n").encode()


def number(value: float | None, digits: int = 6) -> str:
    """Return a number as a cell."""
    return UNKNOWN if value is None or math.isnan(value) else f"{value:.{digits}f}"


def read_cells(path: Path, columns: Sequence[Column]) -> Cells:
    """Read a table; a last line that was cut off is left out.

    Columns that were added since the table was written are unknown throughout.

    Raises:
        FercoreError: it is missing, no text, without header, of other columns, or a line
            other than the last has too few or too many cells.
    """
    names = [column.name for column in columns]
    lines = read_lines(path)
    there = lines[0].split("\t") if lines else []
    known = [column.name for column in columns if not column.added or column.name in there]
    if there != known:
        raise FercoreError(
            f"{path} does not begin with the names of its {len(names)} columns; "
            "it was made by another version, or try `fercore recover` on its run."
        )
    rows = [text.split("\t") for text in lines[1:]]
    for place, row in enumerate(rows, start=2):
        if len(row) != len(there):
            raise FercoreError(
                f"{path} is damaged (line {place} has {len(row)} cells, not {len(there)}); "
                "correct or remove that line."
            )
    return Cells(path, names, _in_order(rows, there, names))


def read_lines(path: Path) -> list[str]:
    """Return the complete lines of a text file.

    Raises:
        FercoreError: it is missing, cannot be read or is no text.
    """
    try:
        data = path.read_bytes()
        return data[: data.rfind(b"\n") + 1].decode("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        raise FercoreError(f"{path} is missing; its run cannot be used without it.") from None
    except UnicodeDecodeError:
        raise FercoreError(f"{path} is damaged (it is no text); restore it from a copy.") from None
    except OSError as error:
        raise FercoreError(f"{path} cannot be read ({error.strerror}); check the disk.") from error


def _in_order(rows: list[list[str]], there: Sequence[str], names: Sequence[str]) -> list[list[str]]:
    """Return rows with a cell for each name, `n/a` where the table has none."""
    if list(there) == list(names):
        return rows
    places = [there.index(name) if name in there else None for name in names]
    return [[UNKNOWN if place is None else row[place] for place in places] for row in rows]


def _clean(cell: object) -> str:
    text = " ".join(str(cell).split("\t"))
    return " ".join(text.splitlines()) or UNKNOWN


def _is_within(cell: str, least: float, most: float) -> bool:
    try:
        return least <= float(cell) <= most
    except ValueError:
        return False
