"""Exporting runs in forms that pandas, R, MATLAB and EEG tools open without a converter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.study.export_bids import export_bids
from fercore.study.export_flat import export_csv, export_parquet
from fercore.study.export_xdf import export_xdf
from fercore.study.layout import STUDY_FILE
from fercore.study.made_folders import making
from fercore.study.run_tables import select

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fercore.study.run_tables import Selection

FORMATS: dict[str, Callable[[Selection, Path], None]] = {
    "bids": export_bids,
    "csv": export_csv,
    "parquet": export_parquet,
    "xdf-ready": export_xdf,
}
EXPORTS = "exports"


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
