"""`fercore inspect ROOT`: what a BU-3DFE tree holds, and what is missing or broken."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand
from fercore.errors import FercoreError
from fercore.expressions import EXPRESSIONS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from fercore.datasets.bu3dfe import Bu3dfe, Scan
    from fercore.datasets.inspection import ScanReport

LONGEST_LIST = 20
"""Lines of a list that are printed; the rest is only counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    pictures = parser.add_mutually_exclusive_group()
    parser.add_argument(
        "root", type=Path, help="a folder tree, a subject's folder or a scan's file"
    )
    pictures.add_argument(
        "--overlay",
        metavar="SCAN",
        help="instead, draw this scan's depth over its picture, before and after registration",
    )
    pictures.add_argument(
        "--systems",
        metavar="SCAN",
        help="instead, draw what each system of the paper's Table 2 sees of this scan",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE.png", help="where to write the picture (SCAN.png)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the report and return 0 if the tree is usable, 1 if something in it is broken.

    Raises:
        FercoreError: the path or the scan does not exist.
    """
    from fercore.datasets.bu3dfe import Bu3dfe

    drawn = arguments.overlay or arguments.systems
    if arguments.output is not None and drawn is None:
        raise FercoreError("--output is a picture's file: say --overlay or --systems SCAN too")
    dataset = Bu3dfe(arguments.root)
    if drawn is not None:
        scan, path = dataset.find(drawn), arguments.output or Path(f"{drawn}.png")
        return _write_picture(scan, path, systems=arguments.overlay is None)
    reports = _check(dataset.scans())
    return _print_report(dataset, reports)


def _write_picture(scan: Scan, path: Path, systems: bool) -> int:
    if systems:
        from fercore.report.table2_figure import write_systems

        write_systems(scan, path)
    else:
        from fercore.report.registration_figure import write_overlay

        write_overlay(scan, path)
    words = "what Table 2's systems see" if systems else "overlay"
    print(f"{scan.name}: {words} written to {path}")
    return 0


def _check(scans: Sequence[Scan]) -> list[ScanReport]:
    from tqdm import tqdm

    from fercore.datasets.inspection import check_scans

    # disable=None: a progress bar only where standard error is a terminal.
    return list(tqdm(check_scans(scans), total=len(scans), unit="scan", leave=False, disable=None))


def _print_report(dataset: Bu3dfe, reports: Sequence[ScanReport]) -> int:
    from fercore.datasets.inspection import missing_scans

    scans = dataset.scans()
    print(f"{dataset.root}: {_kinds(reports)} of {_count(dataset.subjects(), 'subject')}\n")
    print(_found_table(scans))
    absent = missing_scans(scans)
    _print_list(
        "Subjects without scans that others have",
        [f"{subject} lacks {', '.join(codes)}" for subject, codes in absent.items()],
    )
    _print_missing_files(scans)
    _print_list("Found twice", _duplicate_lines(dataset))
    defects = [
        f"{report.name}: {'; '.join(report.defects)}" for report in reports if report.defects
    ]
    _print_list("Known defects, usable all the same", defects)
    broken = [*dataset.problems, *(line for report in reports for line in report.broken)]
    _print_list("Broken", broken)
    return _print_verdict(reports, broken)


def _print_verdict(reports: Sequence[ScanReport], broken: Sequence[str]) -> int:
    if broken:
        print(f"\nBroken: {_count(broken, 'file')}; whatever is not named above can be read.")
        return 1
    if all(report.vertices is None for report in reports):
        print("\nNot usable: no scan has an F3D mesh.")
        return 1
    print("\nUsable: every file that is there can be read.")
    return 0


def _kinds(reports: Sequence[ScanReport]) -> str:
    from fercore.datasets.bu3dfe import REGISTERED_VERTICES

    registered = sum(report.vertices == REGISTERED_VERTICES for report in reports)
    kinds = {"original": len(reports) - registered, "registered": registered}
    return " and ".join(
        f"{count} {kind} {'scan' if count == 1 else 'scans'}"
        for kind, count in kinds.items()
        if count
    )


def _found_table(scans: Sequence[Scan]) -> str:
    from tabulate import tabulate

    rows = [
        _table_row("all" if label is None else label, scans, label)
        for label in ("neutral", *(expression.value for expression in EXPRESSIONS), None)
    ]
    headers = ["scans found", "level 0", *(f"level {level}" for level in range(1, 5))]
    return tabulate(rows, [*headers, "together", "subjects"], disable_numparse=True)


def _table_row(title: str, scans: Sequence[Scan], label: str | None) -> list[str]:
    chosen = [scan for scan in scans if label in (None, scan.id.label)]
    levels = Counter(scan.id.level for scan in chosen)
    cells = [str(levels[level]) if levels[level] else "" for level in range(5)]
    subjects = {scan.id.subject for scan in chosen}
    return [title, *cells, str(len(chosen)), str(len(subjects))]


def _print_missing_files(scans: Sequence[Scan]) -> None:
    from fercore.datasets.inspection import missing_files

    for kind, names in missing_files(scans).items():
        if len(names) == len(scans):
            print(f"\nMissing: no scan has a file {kind}.")
        else:
            _print_list(f"Missing: {kind}", [f"{name}_{kind}" for name in names])


def _duplicate_lines(dataset: Bu3dfe) -> list[str]:
    pairs = Counter((copy.used, copy.ignored) for copy in dataset.duplicates())
    return [
        f"{ignored} is ignored for {used} ({number} {'scan' if number == 1 else 'scans'})"
        for (used, ignored), number in pairs.items()
    ]


def _print_list(title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    print(f"\n{title}: {len(lines)}")
    for line in lines[:LONGEST_LIST]:
        print(f"  {line}")
    if len(lines) > LONGEST_LIST:
        print(f"  and {len(lines) - LONGEST_LIST} more")


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}" if len(things) == 1 else f"{len(things)} {noun}s"


SUB_COMMANDS = (
    SubCommand(
        "inspect",
        "show what a BU-3DFE tree holds, and what is missing or broken",
        __doc__,
        add_arguments,
        run,
    ),
)
