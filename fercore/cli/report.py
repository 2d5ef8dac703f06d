"""Turn the records of an evaluation or stress test into a report.

Writes RUN/report: `report.html`, which needs no other file and no network, all
tables as TSV and Markdown, all figures as SVG. A run that is not finished is
reported as far as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "report"
HELP = "tables, statistics and figures of an evaluation run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="the --output of `fercore evaluate`"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="CACHE",
        help="where the run's cache lies now; it gives the thumbnails (default: where it lay)",
    )
    parser.add_argument(
        "--no-thumbnails",
        action="store_true",
        help="leave out pictures of the data set, as its terms may demand before sharing",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the run, write the report, name its page.

    Raises:
        FercoreError: the folder holds no run, a file is damaged, or nothing can be written.
    """
    from fercore.report.assembly import make_report, write_report

    report = make_report(arguments.folder, arguments.data, pictures=not arguments.no_thumbnails)
    page = write_report(report, arguments.folder)
    if report.alert:
        print(report.alert)
    print(f"{page} written, with {len(report.tables)} tables and {len(report.drawings)} figures.")
    return 0
