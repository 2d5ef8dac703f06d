"""Export a study, or one run, for other software.

`bids` is a BIDS-like data set with sidecars, checked before it is given out; `csv` and
`parquet` are four flat tables for pandas, R and MATLAB; `xdf-ready` is one XDF file a run,
with the times of Lab Streaming Layer where it was on. Videos are never exported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "export"
HELP = "export a study or run as BIDS, CSV, Parquet or XDF"
FORMATS = ("bids", "csv", "parquet", "xdf-ready")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("path", type=Path, metavar="RUN|STUDY", help="folder of a run or study")
    parser.add_argument("--format", choices=FORMATS, required=True, help="what to write")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where (default: the study's `exports`)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Export and say where.

    Raises:
        FercoreError: neither study nor run, a run is damaged or open, or the disk is full.
    """
    from fercore.study.export import export

    folder, selection = export(arguments.path, arguments.format, arguments.output)
    print(
        f"{folder} written: {len(selection.runs)} runs of {len(selection.subjects)} participants."
    )
    return 0
