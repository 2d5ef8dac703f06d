"""Exporting runs in forms that pandas, R, MATLAB and EEG tools open without a converter.

The flat form is four tables, as CSV or Parquet: participants, runs, predictions, events.
Every row carries participant, session, task, run and condition, so that nothing has to
be joined. Unknown values are empty (CSV) or null (Parquet).
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Protocol

from fercore.errors import FercoreError
from fercore.runtime.tables import UNKNOWN, Column, read_cells
from fercore.study import events, predictions
from fercore.study.export_bids import export_bids
from fercore.study.export_xdf import export_xdf
from fercore.study.layout import STUDY_FILE
from fercore.study.made_folders import making
from fercore.study.run_tables import KEY_COLUMNS, RUN_COLUMNS, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from fercore.study.run_tables import Selection

EXPORTS = "exports"
_NUMERIC = ("integer", "number")


class TableSink(Protocol):
    """Takes a table block by block."""

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        """Append rows; `n/a` is unknown."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def export_csv(selection: Selection, folder: Path) -> None:
    """Fill a folder with CSV files (comma, UTF-8).

    Raises:
        FercoreError: a run is damaged.
        OSError: they cannot be written.
    """
    _export(selection, lambda name, columns: CsvSink(folder / f"{name}.csv", columns))


def export_parquet(selection: Selection, folder: Path) -> None:
    """Fill a folder with Parquet files; numbers as double, words as string.

    Raises:
        FercoreError: a run is damaged, or pyarrow is missing.
        OSError: they cannot be written.
    """
    _export(selection, lambda name, columns: ParquetSink(folder / f"{name}.parquet", columns))


class CsvSink:
    """A CSV file."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(column.name for column in columns)

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        """Append rows."""
        self._writer.writerows(["" if cell == UNKNOWN else cell for cell in row] for row in rows)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class ParquetSink:
    """A Parquet file."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise FercoreError(
                "Parquet needs pyarrow; install it with `pip install '.[study]'`."
            ) from error
        self._arrow: Any = pyarrow
        self._columns = columns
        kinds = [pyarrow.string() if column.text else pyarrow.float64() for column in columns]
        names = [column.name for column in columns]
        self._schema = pyarrow.schema(list(zip(names, kinds, strict=True)))
        self._writer = pyarrow.parquet.ParquetWriter(str(path), self._schema)

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        """Append rows as one row group."""
        if not rows:
            return
        columns = zip(self._columns, zip(*rows, strict=True), strict=True)
        arrays = [[_value(cell, column.text) for cell in cells] for column, cells in columns]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def _export(selection: Selection, make: Callable[[str, Sequence[Column]], TableSink]) -> None:
    _fill(make("participants", _participant_columns(selection)), [_participants(selection)])
    _fill(make("runs", RUN_COLUMNS), [[run.cells() for run in selection.runs]])
    for name, columns in (("predictions", predictions.COLUMNS), ("events", events.COLUMNS)):
        blocks = _blocks(selection, name, columns)
        _fill(make(name, (*KEY_COLUMNS, *columns)), blocks)


def _fill(sink: TableSink, blocks: Iterable[Sequence[Sequence[str]]]) -> None:
    try:
        for rows in blocks:
            sink.write(rows)
    finally:
        sink.close()


def _blocks(
    selection: Selection, name: str, columns: Sequence[Column]
) -> Iterable[list[tuple[str, ...]]]:
    for run in selection.runs:
        cells = read_cells(getattr(run.place, name), columns)
        for column in columns:
            if not column.text:
                cells.numbers(column.name)  # a damaged number is found here, not in R
        yield [(*run.key_cells(), *row) for row in cells.rows()]


def _participant_columns(selection: Selection) -> list[Column]:
    asked = [
        Column(field.name, field.description, text=field.kind not in _NUMERIC)
        for field in selection.study.fields
    ]
    return [Column("subject", "Label.", text=True), Column("position", "From 0."), *asked]


def _participants(selection: Selection) -> list[tuple[str, ...]]:
    names = [field.name for field in selection.study.fields]
    return [
        (each.label, str(each.position), *(each.answers.get(name) or UNKNOWN for name in names))
        for each in selection.participants
    ]


def _value(cell: str, text: bool) -> str | float | None:
    if cell == UNKNOWN:
        return None
    return cell if text else float(cell)


FORMATS: dict[str, Callable[[Selection, Path], None]] = {
    "bids": export_bids,
    "csv": export_csv,
    "parquet": export_parquet,
    "xdf-ready": export_xdf,
}


def export(path: Path, form: str, output: Path | None = None) -> tuple[Path, Selection]:
    """Export a study or a run; return the folder and what is in it.

    Without `output` it goes into the study's folder `exports`; an earlier export of the
    same name is replaced. The study remembers where it lies, for withdrawals.

    Raises:
        FercoreError: the path is neither study nor run, a run is damaged or not closed, or
            the folder cannot be written.
    """
    selection = select(path)
    if output is None:
        whole = (path / STUDY_FILE).is_file()
        name = form if whole else f"{selection.runs[0].name.stem}-{form}"
        output = selection.folder / EXPORTS / name
    with making(selection.folder, output, form, selection.subjects) as folder:
        FORMATS[form](selection, folder)
    return output, selection
