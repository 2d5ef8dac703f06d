"""Measure a part of the chain: against a known truth, or against the clock."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand
from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse

    from fercore.evaluation.benchmarks.registration import PairResult

# Entry point group through which packages that build on fercore add benchmarks (the application
# adds `live`): modules with NAME, HELP, `add_arguments` and `run`.
FURTHER_BENCHMARKS = "fercore.bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    benchmarks = parser.add_subparsers(metavar="BENCHMARK", required=True)
    registration = benchmarks.add_parser(
        "registration", help="error at the face's edge, in pixels, on pairs with known motion"
    )
    registration.add_argument("root", type=Path, help="a BU-3DFE tree with textures")
    registration.add_argument("--pairs", type=int, default=56, help="how many (56)")
    registration.add_argument("--json", action="store_true", help="every pair, for machines")
    registration.set_defaults(benchmark=_registration)
    difficulty = benchmarks.add_parser(
        "difficulty", help="what a linear classifier reaches on synthetic subjects' bare geometry"
    )
    difficulty.add_argument("root", type=Path, help="a synthetic tree of 28 subjects or more")
    difficulty.add_argument("--seed", type=int, default=0, help="draws the 20 test subjects (0)")
    difficulty.set_defaults(benchmark=_difficulty)
    folds = benchmarks.add_parser(
        "folds", help="what training ten folds together gains over one after another"
    )
    folds.add_argument("--data", type=Path, required=True, metavar="CACHE")
    folds.add_argument("--pipeline", default="depth", metavar="SLUG", help="(depth)")
    folds.add_argument("--epochs", type=int, default=5, help="of every fold (5)")
    folds.add_argument(
        "--backbone-weights", default="random", metavar="FILE", help="(random: speed is the same)"
    )
    folds.set_defaults(benchmark=_folds)
    for entry_point in entry_points(group=FURTHER_BENCHMARKS):
        further = entry_point.load()
        sub_parser = benchmarks.add_parser(
            further.NAME,
            help=further.HELP,
            description=further.__doc__,
            formatter_class=RawDescriptionHelpFormatter,
        )
        further.add_arguments(sub_parser)
        sub_parser.set_defaults(benchmark=further.run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; return the exit status.

    Raises:
        FercoreError: what the benchmark needs is missing.
    """
    return arguments.benchmark(arguments) or 0


def _difficulty(arguments: argparse.Namespace) -> None:
    from fercore.evaluation.benchmarks.difficulty import measure_difficulty

    result = measure_difficulty(arguments.root, seed=arguments.seed)
    print(
        f"logistic regression on 100 principal components of the vertices: "
        f"{result.accuracy:.1%} on {result.test_subjects} unseen subjects "
        f"({result.test_scans} scans at levels 3 and 4; trained on {result.train_subjects} "
        f"subjects, L2 penalty {result.penalty:g} chosen on those, seed {result.seed})"
    )


def _folds(arguments: argparse.Namespace) -> None:
    from tabulate import tabulate

    from fercore.evaluation.benchmarks.folds import measure_folds
    from fercore.training.config import read_config, shipped_config

    config = read_config(
        shipped_config(arguments.pipeline),
        backbone_source=arguments.backbone_weights,
        epochs=arguments.epochs,
        patience=arguments.epochs,
    )
    result = measure_folds(arguments.data, config)
    rows = [
        [name, f"{one.seconds:.1f}", f"{one.busy_cores:.2f}", f"{one.accuracy:.1%}"]
        for name, one in (("one by one", result.one_by_one), ("together", result.together))
    ]
    print(tabulate(rows, ["folds trained", "seconds", "cores busy", "accuracy"]))
    print(
        f"\n{result.factor:.1f} times faster together: {arguments.pipeline}, {result.folds} folds, "
        f"{arguments.epochs} epochs, {result.faces} faces, {result.device}"
    )


def _registration(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from fercore.evaluation.benchmarks.registration import measure_registration

    if arguments.pairs < 1:
        raise FercoreError(f"--pairs {arguments.pairs} leaves nothing to measure; give at least 1.")
    measured = measure_registration(arguments.root, arguments.pairs)
    progress = tqdm(measured, total=arguments.pairs, unit="pair", leave=False, disable=None)
    results = list(progress)
    print(_as_json(results) if arguments.json else _as_table(results))


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


SUB_COMMANDS = (
    SubCommand(
        "bench",
        "measure a part of the chain: against a known truth, or against the clock",
        __doc__,
        add_arguments,
        run,
    ),
)
