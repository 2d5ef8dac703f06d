"""Cut the registered faces out of a whole data set, into a cache to train from.

`synthetic` takes face models instead of a data set: synthetic people are rendered before
simulated depth cameras, and their faces found and cut out as in live use. Nobody was recorded.
`fer2013` takes the challenge's training pictures, which have no depth.
An interrupted command, given again, goes on where it stopped.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand
from fercore.cli.synthesize import add_sample_options, prepare_samples, refuse_sample_options
from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse

    from fercore.baselines.recipes import Landmarking
    from fercore.caches.reading import Cache
    from fercore.caches.records import CacheRow
    from fercore.datasets.dataset import MeshDataset


BU3DFE, BU4DFE, BOSPHORUS = "bu3dfe", "bu4dfe", "bosphorus"
FER2013, SYNTHETIC = "fer2013", "synthetic"

LONGEST_LIST = 20
"""Rows without a face, and things passed over, that are named; the rest is only counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    kinds = (BU3DFE, BU4DFE, BOSPHORUS, FER2013, SYNTHETIC)
    parser.add_argument("kind", choices=kinds, help="the data set's layout, or synthetic")
    parser.add_argument(
        "roots", type=Path, nargs="+", metavar="ROOT", help="the data set's folder; or face models"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="the cache's folder; an unfinished one goes on"
    )
    parser.add_argument(
        "--views", type=int, default=0, help="rendered camera views for each scan (0)"
    )
    parser.add_argument(
        "--apex-frames",
        type=int,
        metavar="N",
        help="of each BU-4DFE sequence the N frames nearest its middle, taken as the apex (1)",
    )
    parser.add_argument(
        "--baselines",
        nargs="?",
        const="all",
        metavar="SLUGS",
        help="also describe the scans for the other systems of the paper's Table 2 (all of them)",
    )
    parser.add_argument("--landmarks", choices=("bnd", "mediapipe"), help="of --baselines (bnd)")
    parser.add_argument(
        "--landmark-noise",
        type=float,
        metavar="MM",
        help="added to each point, for synthetic ones are exact (0)",
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    add_sample_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prepare what is not prepared yet, print a summary and return 0.

    Raises:
        FercoreError: the data set cannot be found or the cache cannot be written.
    """
    from fercore.caches.reading import open_cache

    _check(arguments)
    if arguments.kind == SYNTHETIC:
        prepare_samples(arguments)
    else:
        refuse_sample_options(arguments)
        prepare = _prepare_pictures if arguments.kind == FER2013 else _prepare_dataset
        prepare(arguments)
    cache = open_cache(arguments.output)
    print(f"{arguments.output}: {cache.description}\n")
    print(_summary(cache.rows))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name, least in (("views", 0), ("workers", 1), ("seed", 0)):
        value = getattr(arguments, name)
        if value < least:
            raise FercoreError(f"--{name} {value} makes no sense; give at least {least}.")
    if arguments.kind in (FER2013, SYNTHETIC) and arguments.views:
        raise FercoreError("--views belongs to data sets of scans; leave it out.")
    if arguments.kind != SYNTHETIC and len(arguments.roots) > 1:
        raise FercoreError(f"{arguments.kind} takes one folder, not {len(arguments.roots)}.")
    if arguments.baselines is None and (arguments.landmarks or arguments.landmark_noise):
        raise FercoreError("--landmarks and --landmark-noise belong to --baselines; add it.")
    if arguments.baselines is not None and arguments.kind in (FER2013, SYNTHETIC):
        raise FercoreError("--baselines belongs to data sets of scans; leave it out.")
    frames = arguments.apex_frames
    if frames is not None and arguments.kind != BU4DFE:
        raise FercoreError(f"--apex-frames belongs to {BU4DFE}; leave it out.")
    if frames is not None and frames < 1:
        raise FercoreError(f"--apex-frames {frames} makes no sense; give at least 1.")


def _prepare_dataset(arguments: argparse.Namespace) -> None:
    dataset = _opened(arguments.kind, arguments.roots[0], arguments.apex_frames)
    _print_problems(dataset.problems)
    if arguments.baselines is None:
        _prepare(dataset, arguments)
    else:
        _prepare_baselines(dataset, arguments)


def _prepare_baselines(dataset: MeshDataset, arguments: argparse.Namespace) -> None:
    from fercore.baselines.filling import require_points

    slugs, landmarking = _baselines(arguments.baselines), _landmarking(arguments)
    require_points(dataset, landmarking)  # before the cache takes its hours
    finished = _finished_cache(arguments.output)
    if finished is None:
        _prepare(dataset, arguments)
    else:
        _refuse_others(arguments, finished)
    _fill_store(dataset, arguments, slugs, landmarking)


def _baselines(text: str) -> tuple[str, ...]:
    from fercore.baselines.filling import DESCRIBERS

    slugs = tuple(DESCRIBERS) if text == "all" else tuple(text.split(","))
    unknown = [slug for slug in slugs if slug not in DESCRIBERS]
    if unknown:
        known = ", ".join(DESCRIBERS)
        raise FercoreError(f"unknown baseline {unknown[0]!r}; choose from: {known}.")
    return slugs


def _finished_cache(folder: Path) -> Cache | None:
    """Return a cache that is there already, by whatever version made: only its store is filled."""
    from fercore.caches.reading import open_cache

    try:
        return open_cache(folder)
    except FercoreError:
        return None


def _refuse_others(arguments: argparse.Namespace, finished: Cache) -> None:
    """Refuse options that a finished cache did not follow; what is left out is not compared."""
    for name in ("views", "seed"):
        given, followed = getattr(arguments, name), getattr(finished.manifest, name)
        if given not in (0, followed):
            raise FercoreError(
                f"{arguments.output} is finished, with --{name} {followed}; leave --{name} out, or "
                "choose another --output."
            )


def _fill_store(
    dataset: MeshDataset,
    arguments: argparse.Namespace,
    slugs: tuple[str, ...],
    landmarking: Landmarking,
) -> None:
    from tqdm import tqdm

    from fercore.baselines.filling import StoreFilling
    from fercore.runtime.files import sole_user

    with sole_user(arguments.output / landmarking.folder):
        filling = StoreFilling.of(dataset, arguments.output, landmarking, slugs)
        with tqdm(total=len(filling.jobs), unit="scan", disable=None) as progress:
            for _ in filling.run(arguments.workers):
                progress.update()
    print(f"{filling.summary}\n")


def _landmarking(arguments: argparse.Namespace) -> Landmarking:
    from fercore.baselines.recipes import BND, Landmarking

    return Landmarking(arguments.landmarks or BND, arguments.landmark_noise or 0.0)


def _prepare_pictures(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from fercore.caches.pictures import prepare_pictures, training_samples
    from fercore.datasets.fer2013 import Fer2013
    from fercore.networks.preprocessing import Preprocessing

    dataset = Fer2013(arguments.roots[0])
    _print_problems(dataset.problems)
    with tqdm(total=len(training_samples(dataset)), unit="picture", disable=None) as progress:
        for rows in prepare_pictures(arguments.output, dataset, Preprocessing(), arguments.workers):
            progress.update(rows - progress.n)


def _opened(kind: str, root: Path, apex_frames: int | None) -> MeshDataset:
    from fercore.datasets.bosphorus import Bosphorus
    from fercore.datasets.bu3dfe import Bu3dfe
    from fercore.datasets.bu4dfe import Bu4dfe
    from fercore.datasets.dataset import NotThisDatasetError
    from fercore.datasets.opening import recognise

    try:
        if kind == BU4DFE:
            return Bu4dfe(root, apex_frames or 1)
        return Bosphorus(root) if kind == BOSPHORUS else Bu3dfe(root)
    except NotThisDatasetError as error:
        others = recognise(root)
        if not others:
            raise
        found = " and ".join(others)
        raise FercoreError(f"{error}; what it holds looks like {found}.") from error


def _print_problems(problems: tuple[str, ...]) -> None:
    for problem in problems[:LONGEST_LIST]:
        print(f"fercore: {problem}", file=sys.stderr)
    if len(problems) > LONGEST_LIST:
        print(f"fercore: and {len(problems) - LONGEST_LIST} more", file=sys.stderr)


def _prepare(dataset: MeshDataset, arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from fercore.caches.scans import Recipe, prepare
    from fercore.networks.preprocessing import Preprocessing

    recipe, done = Recipe(arguments.views, arguments.seed, Preprocessing()), 0
    with tqdm(total=len(dataset.scans()), unit="scan", disable=None) as progress:
        for entries in prepare(dataset, arguments.output, recipe, arguments.workers):
            now = entries[0][0].row // recipe.rows_per_scan + 1
            progress.update(now - done)
            done = now


def _summary(rows: list[CacheRow]) -> str:
    from tabulate import tabulate

    counts = Counter((row.view, row.status) for row in rows)
    table = [[view, status, count] for (view, status), count in sorted(counts.items())]
    lines = [tabulate(table, ["view", "status", "rows"])]
    registered = [row for row in rows if row.fell_back is not None]
    if registered:
        fallen = sum(row.fell_back is True for row in registered)
        lines.append(f"\nRegistrations that fell back to their start: {fallen}")
    failed = [row for row in rows if not row.usable]
    if failed:
        lines.append("\nRows without a face:")
        lines += [f"  {row.scan} ({row.view}): {row.reason}" for row in failed[:LONGEST_LIST]]
    if len(failed) > LONGEST_LIST:
        lines.append(f"  and {len(failed) - LONGEST_LIST} more")
    return "\n".join(lines)


SUB_COMMANDS = (
    SubCommand(
        "prepare",
        "cut the registered faces out of a data set, into a cache to train from",
        __doc__,
        add_arguments,
        run,
    ),
)
