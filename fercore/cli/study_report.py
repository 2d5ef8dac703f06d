"""Make a first look at a study: STUDY/report/report.html, one page that needs no network.

Mean probabilities of each participant and condition with intervals, time courses around
markers, the share of usable frames and why the others were not, drops, and how far the
three heads agree. Tables lie beside it as TSV and Markdown, figures as SVG.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

NAME = "study-report"
HELP = "first look at a study: one HTML page"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="STUDY", help="the folder of a study")


def run(arguments: argparse.Namespace) -> int:
    """Write the report and name its page.

    Raises:
        FercoreError: the folder is no study, a run is damaged or open, or the disk is full.
    """
    from fercore.study.study_report import write_study_report

    print(f"{write_study_report(arguments.folder)} written.")
    return 0
