"""Reading the run's tab-separated files so that every defect becomes one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


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
        header, *lines = read_text(path, maker).split("\n")
        if not lines or lines[-1]:
            raise self.damaged("its last line is cut off")
        if header.split("\t") != list(columns):
            raise self.damaged(f"its first line does not name the columns {', '.join(columns)}")
        rows = [line.split("\t") for line in lines[:-1]]
        for number, row in enumerate(rows, start=2):
            if len(row) != len(columns):
                raise self.damaged(f"line {number} has {len(row)} cells, not {len(columns)}")
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
