"""Measure a part of the chain against a known truth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse

    from fercore.benchmarks.registration import PairResult

NAME = "bench"
HELP = "measure a part of the chain against a known truth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    benchmarks = parser.add_subparsers(metavar="BENCHMARK", required=True)
    registration = benchmarks.add_parser(
        "registration", help="error at the face's edge, in pixels, on pairs with known motion"
    )
    registration.add_argument("root", type=Path, help="a BU-3DFE tree with textures")
    registration.add_argument("--pairs", type=int, default=56, help="how many (56)")
    registration.add_argument("--json", action="store_true", help="every pair, for machines")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; always 0.

    Raises:
        FercoreError: the tree holds no textured mesh, or fewer than one pair is wanted.
    """
    from tqdm import tqdm

    from fercore.benchmarks.registration import measure_registration

    if arguments.pairs < 1:
        raise FercoreError(f"--pairs {arguments.pairs} leaves nothing to measure; give at least 1.")
    measured = measure_registration(arguments.root, arguments.pairs)
    progress = tqdm(measured, total=arguments.pairs, unit="pair", leave=False, disable=None)
    results = list(progress)
    print(_as_json(results) if arguments.json else _as_table(results))
    return 0


def _as_json(results: list[PairResult]) -> str:
    import json

    return json.dumps([asdict(result) for result in results], indent=2)


def _as_table(results: list[PairResult]) -> str:
    import numpy as np
    from tabulate import tabulate

    rows = []
    for title, errors in (
        ("start", [result.start_error_px for result in results]),
        ("registered", [result.edge_error_px for result in results]),
    ):
        figures = (np.median(errors), np.percentile(errors, 95), max(errors))
        rows.append([title, *(f"{figure:.2f}" for figure in figures)])
    fallen = sum(result.registration.fell_back for result in results)
    seconds = np.median([result.seconds for result in results])
    headers = ["edge error, px", "median", "95 %", "max"]
    return (
        f"{tabulate(rows, headers, disable_numparse=True)}\n\n"
        f"{len(results)} pairs, {fallen} fell back to the start, {seconds:.2f} s a pair (median)"
    )
