"""Tab-separated tables: one place that reads and writes each of them, columns declared once.

A table has a header and one row a line. What is unknown is an empty cell, in studies `n/a`, as
BIDS wants it. `parse_table` takes a text apart and says what is wrong with it; `Cells` (of a
study's run) and `Records` (of an evaluation) give its columns as arrays, and say in one
sentence what to do about a file that is damaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

UNKNOWN = "n/a"
_LARGEST = 1e12  # seconds or pixels; what is beyond is damage

_READ_AS_MISSING = frozenset({"na", "n/a", "nan", "null", "none"})


class OtherColumnsError(ValueError):
    """A table's first line does not name the columns that were expected."""


def table_line(cells: Iterable[object], unknown: str = "") -> str:
    """Return a row as it stands in a file; tabs and line breaks in a cell become spaces.

    Empty cells are written as `unknown`.
    """
    return "\t".join(_clean(cell) or unknown for cell in cells) + "\n"


def table_text(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a whole table, its header first."""
    return "".join(table_line(cells) for cells in (columns, *rows))


def parse_table(
    text: str, columns: Sequence[str], added: Collection[str] = (), unknown: str = ""
) -> list[list[str]]:
    """Return the cells of each row; a last line that was cut off is left out.

    Tables that were written before some columns were `added` may lack those; they are unknown.

    Raises:
        OtherColumnsError: the first line names other columns.
        ValueError: a row has too few or too many cells.
    """
    header, *lines = text.split("\n")[:-1] or [""]
    there = header.split("\t")
    if there != [name for name in columns if name not in added or name in there]:
        raise OtherColumnsError(f"its first line does not name the columns {', '.join(columns)}")
    rows = [line.split("\t") for line in lines]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(there):
            raise ValueError(f"line {number} has {len(row)} cells, not {len(there)}")
    if there == list(columns):
        return rows
    places = [there.index(name) if name in there else None for name in columns]
    return [[unknown if place is None else row[place] for place in places] for row in rows]


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
    """Return a row of a study's table, in which `n/a` stands for what is unknown."""
    return table_line(cells, UNKNOWN).encode()


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
    added = {column.name for column in columns if column.added}
    try:
        return Cells(path, names, parse_table(_study_text(path), names, added, UNKNOWN))
    except OtherColumnsError:
        raise FercoreError(
            f"{path} does not begin with the names of its {len(names)} columns; "
            "it was made by another version, or try `fercore recover` on its run."
        ) from None
    except ValueError as error:
        raise FercoreError(f"{path} is damaged ({error}); correct or remove that line.") from error


def _study_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise FercoreError(f"{path} is missing; its run cannot be used without it.") from None
    except UnicodeDecodeError:
        raise FercoreError(f"{path} is damaged (it is no text); restore it from a copy.") from None
    except OSError as error:
        raise FercoreError(f"{path} cannot be read ({error.strerror}); check the disk.") from error


def _clean(cell: object) -> str:
    text = " ".join(str(cell).split("\t"))
    return " ".join(text.splitlines())


def _is_within(cell: str, least: float, most: float) -> bool:
    try:
        return least <= float(cell) <= most
    except ValueError:
        return False


class Records:
    """The cells of a TSV file with a header, column by column.

    `maker` is the command that writes the file; errors tell the user to run it again.

    Raises:
        FercoreError: the file is missing, empty, cut off, not text, or its header or a
            line does not have these columns.
    """

    def __init__(self, path: Path, columns: Sequence[str], maker: str) -> None:
        self.path = path
        self._maker = maker
        text = read_text(path, maker)
        if not text.endswith("\n"):
            raise self.damaged("its last line is cut off")
        try:
            rows = parse_table(text, columns)
        except ValueError as error:
            raise self.damaged(str(error)) from None
        cells: list[tuple[str, ...]] = list(zip(*rows, strict=True)) or [()] * len(columns)
        self._cells = dict(zip(columns, cells, strict=True))
        self._length = len(rows)

    def __len__(self) -> int:
        """Return the number of lines below the header."""
        return self._length

    def texts(self, column: str, may_be_empty: bool = False) -> NDArray[np.str_]:
        """Return a column (N,) of names.

        Raises:
            FercoreError: a cell is empty though it must not be, or cannot be printed.
        """
        for number, cell in enumerate(self._cells[column], start=2):
            if not (cell or may_be_empty) or not cell.isprintable():
                raise self.damaged(f"line {number} has no usable {column}: {cell!r}")
        return np.array(self._cells[column], dtype=np.str_)

    def integers(self, column: str, least: int = 0) -> NDArray[np.int64]:
        """Return a column (N,) of whole numbers, none below `least`.

        Raises:
            FercoreError: a cell is no such number.
        """
        try:
            values = np.array([int(cell) for cell in self._cells[column]], dtype=np.int64)
        except (ValueError, OverflowError):
            raise self._no_number(column, int) from None
        self._require(column, values >= least, f"is below {least}")
        return values

    def floats(
        self, column: str, finite: bool = True, may_be_empty: bool = False
    ) -> NDArray[np.float64]:
        """Return a column (N,) of numbers; NaN where a cell may be empty and is.

        Raises:
            FercoreError: a cell is no number, or not finite though it must be.
        """
        try:
            values = np.array(
                [
                    np.nan if may_be_empty and not cell else float(cell)
                    for cell in self._cells[column]
                ],
                dtype=np.float64,
            )
        except ValueError:
            raise self._no_number(column, float) from None
        if finite:
            empty = np.array([may_be_empty and not cell for cell in self._cells[column]], bool)
            self._require(column, empty | np.isfinite(values), "is not finite")
        return values

    def choices(self, column: str, names: Sequence[str]) -> NDArray[np.int64]:
        """Return, for a column (N,) of names, the position of each in `names`.

        Raises:
            FercoreError: a cell is none of the names.
        """
        places = {name: place for place, name in enumerate(names)}
        values = np.array([places.get(cell, -1) for cell in self._cells[column]], dtype=np.int64)
        self._require(column, values >= 0, f"is none of {', '.join(names)}")
        return values

    def damaged(self, reason: str) -> FercoreError:
        """Return the error that the file cannot be used for this reason."""
        return FercoreError(f"{self.path} is damaged ({reason}); run `{self._maker}` again.")

    def _no_number(self, column: str, kind: type[int] | type[float]) -> FercoreError:
        for number, cell in enumerate(self._cells[column], start=2):
            try:
                kind(cell)
            except ValueError:
                return self.damaged(f"line {number}: {column} {cell!r} is no number")
        return self.damaged(f"a {column} is too large")

    def _require(self, column: str, fulfilled: NDArray[np.bool_], complaint: str) -> None:
        if not fulfilled.all():
            place = int(np.argmin(fulfilled))
            cell = self._cells[column][place]
            raise self.damaged(f"line {place + 2}: {column} {cell!r} {complaint}")


def read_text(path: Path, maker: str) -> str:
    """Return the text of a file of the run, which `maker` writes.

    Raises:
        FercoreError: it is missing, unreadable, empty or not text.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise FercoreError(f"{path} is missing; run `{maker}` first.") from None
    except UnicodeDecodeError:
        raise FercoreError(f"{path} is damaged (it is no text); run `{maker}` again.") from None
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be read ({error.strerror or error}); check the path and permissions."
        ) from error
    if not text.strip():
        raise FercoreError(f"{path} is empty; run `{maker}` again.")
    return text
