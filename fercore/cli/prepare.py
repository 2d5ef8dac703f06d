"""Cut the registered faces out of a whole data set, into a cache to train from."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse

    from fercore.datasets.bu3dfe import Bu3dfe
    from fercore.datasets.cache_records import CacheRow
    from fercore.datasets.preparation import Recipe

NAME = "prepare"
HELP = "cut the registered faces out of a data set, into a cache to train from"

LONGEST_LIST = 20
"""Rows without a face that are named; the rest is only counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("kind", choices=("bu3dfe",), help="the data set's layout")
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument(
        "--output", type=Path, required=True, help="the cache's folder; an unfinished one goes on"
    )
    parser.add_argument(
        "--views", type=int, default=0, help="rendered camera views for each scan (0)"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the rendered views (0)")


def run(arguments: argparse.Namespace) -> int:
    """Prepare what is not prepared yet, print a summary and return 0.

    Raises:
        FercoreError: the data set cannot be found or the cache cannot be written.
    """
    from fercore.datasets.bu3dfe import Bu3dfe
    from fercore.datasets.cache import open_cache
    from fercore.datasets.preparation import Recipe
    from fercore.preprocessing import Preprocessing

    _check(arguments)
    dataset = Bu3dfe(arguments.root)
    recipe = Recipe(arguments.views, arguments.seed, Preprocessing())
    _prepare(dataset, recipe, arguments.output, arguments.workers)
    cache = open_cache(arguments.output)
    print(f"{arguments.output}: {cache.description}\n")
    print(_summary(cache.rows))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name, least in (("views", 0), ("workers", 1), ("seed", 0)):
        value = getattr(arguments, name)
        if value < least:
            raise FercoreError(f"--{name} {value} makes no sense; give at least {least}.")


def _prepare(dataset: Bu3dfe, recipe: Recipe, output: Path, workers: int) -> None:
    from tqdm import tqdm

    from fercore.datasets.preparation_run import prepare

    done = 0
    with tqdm(total=len(dataset.scans()), unit="scan", disable=None) as progress:
        for entries in prepare(dataset, output, recipe, workers):
            now = entries[0][0].row // recipe.rows_per_scan + 1
            progress.update(now - done)
            done = now


def _summary(rows: list[CacheRow]) -> str:
    from tabulate import tabulate

    counts = Counter((row.view, row.status) for row in rows)
    table = [[view, status, count] for (view, status), count in sorted(counts.items())]
    fallen = sum(row.fell_back is True for row in rows)
    lines = [
        tabulate(table, ["view", "status", "rows"]),
        f"\nRegistrations that fell back to their start: {fallen}",
    ]
    failed = [row for row in rows if not row.usable]
    if failed:
        lines.append("\nRows without a face:")
        lines += [f"  {row.scan} ({row.view}): {row.reason}" for row in failed[:LONGEST_LIST]]
    if len(failed) > LONGEST_LIST:
        lines.append(f"  and {len(failed) - LONGEST_LIST} more")
    return "\n".join(lines)
