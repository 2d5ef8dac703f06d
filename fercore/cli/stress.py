"""Measure how far the heads of a checkpoint carry when light, depth or view get worse.

Give faces that the checkpoint was not trained on. What an interrupted run of the same
command has measured is kept; further checkpoints may be added to a finished one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercore.cli import SubCommand, levels
from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse

    from fercore.caches.reading import Cache
    from fercore.evaluation.stress.poses import Turn
    from fercore.evaluation.stress.records import StressRecords, StressRow
    from fercore.evaluation.stress.running import Contender, StressedFaces

LEVELS = (3, 4)  # the paper's, section 5.2
VIEWS = {"frontal": ("f2d", "rendered"), "camera": ("camera",)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--weights", required=True, nargs="+", type=Path, metavar="FILE", help="checkpoints"
    )
    parser.add_argument("--data", required=True, type=Path, metavar="CACHE", help="unseen faces")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="RUN", help="an evaluation's folder or a new"
    )
    parser.add_argument("--levels", type=levels, default=LEVELS, help="(3,4: the paper's)")
    parser.add_argument("--view", choices=VIEWS, default="frontal", help="(frontal)")
    parser.add_argument(
        "--scans", type=Path, metavar="ROOT", help="the cache's BU-3DFE tree, for yaw and pitch"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="to render (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the perturbations (0)")


def run(arguments: argparse.Namespace) -> int:
    """Measure what is not measured yet, print the accuracies and return 0.

    Raises:
        FercoreError: a checkpoint, the cache or the scans cannot be used, or RUN not written.
    """
    from fercore.caches.reading import open_cache
    from fercore.evaluation.stress.records import StressRecords
    from fercore.evaluation.stress.running import read_face_set

    _check(arguments)
    cache = open_cache(arguments.data)
    faces = read_face_set(cache, arguments.levels, VIEWS[arguments.view])
    records = StressRecords(arguments.output, _manifest(arguments, cache, faces))
    contenders = [_contender(path, cache, records) for path in arguments.weights]
    _measure(arguments, faces, list({c.name: c for c in contenders}.values()), records)
    for name in dict.fromkeys(contender.name for contender in contenders):
        print(f"\n{name}: accuracy (%) on {cache.description}, {len(faces)} faces\n")
        print(_table(records, name))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    for name, least in (("workers", 1), ("seed", 0)):
        value = getattr(arguments, name)
        if value < least:
            raise FercoreError(f"--{name} {value} makes no sense; give at least {least}.")


def _contender(path: Path, cache: Cache, records: StressRecords) -> Contender:
    from fercore.evaluation.stress.running import Contender
    from fercore.networks.checkpoints import load_checkpoint

    network, card = load_checkpoint(path)
    if card.preprocessing != cache.preprocessing:
        raise FercoreError(
            f"{path} was trained on faces cut out with other parameters than those of "
            f"{cache.path}; prepare the data anew."
        )
    if card.training_data == cache.description:
        print(
            f"fercore: {path} was trained on data of the same description ({card.training_data}); "
            "on faces that it has seen the figures mean little.",
            file=sys.stderr,
        )
    noted = ("pipeline", "sha256", "backbone_start", "training_data")
    return Contender(
        records.register({name: getattr(card, name) for name in noted}), network, card.preprocessing
    )


def _manifest(arguments: argparse.Namespace, cache: Cache, faces: StressedFaces) -> dict[str, Any]:
    from fercore.evaluation.stress.records import FORMAT
    from fercore.runtime.versions import command_line, versions

    return {
        "format": FORMAT,
        "dataset": cache.description,
        "synthetic": cache.is_synthetic,
        "terms": cache.terms,
        "levels": list(arguments.levels) if faces.faces.levels.any() else [],
        "view": arguments.view,
        "faces_sha256": faces.sha256,
        "seed": arguments.seed,
        "versions": versions(),
        "command": command_line(),
    }


def _measure(
    arguments: argparse.Namespace,
    faces: StressedFaces,
    contenders: list[Contender],
    records: StressRecords,
) -> None:
    from tqdm import tqdm

    from fercore.evaluation.stress.perturbations import PERTURBATIONS
    from fercore.evaluation.stress.poses import TURNS, find_scans
    from fercore.evaluation.stress.running import StressRun

    turns: tuple[Turn, ...] = ()
    if arguments.scans is not None:
        find_scans(arguments.scans, faces.scans)  # before hours of work
        turns = TURNS
    with tqdm(unit="face", leave=False, disable=None) as progress:
        stress = StressRun(faces, contenders, records, arguments.seed, progress.update)
        progress.reset(stress.outstanding(PERTURBATIONS, turns))
        stress.perturb(PERTURBATIONS)
        left_out = stress.turn(arguments.scans, turns, arguments.workers) if turns else ()
    if stress.outstanding((), TURNS):
        print("Yaw and pitch are left out: they are rendered from the meshes, give --scans ROOT.")
    if left_out:
        print(f"{len(left_out)} scans are left out of yaw and pitch, such as: {left_out[0]}")


def _table(records: StressRecords, weights: str) -> str:
    """Return for each perturbation a line of severities and one of accuracies for each head."""
    from tabulate import tabulate

    rows = [row for row in records.rows if row.weights == weights]
    lines: list[list[str]] = []
    for name, unit in dict.fromkeys((row.perturbation, row.unit) for row in rows):
        found = [row for row in rows if row.perturbation == name]
        severities = sorted({row.severity for row in found})
        lines.append([name, unit, *(f"{severity:g}" for severity in severities)])
        for head in dict.fromkeys(row.head for row in found):
            lines.append(["", head, *(_percent(found, head, severity) for severity in severities)])
        lost = [records.faces_not_found(name, severity) for severity in severities]
        if any(lost):
            lines.append(["", "faces not found", *map(str, lost)])
    alignment = ("left", "left", *["right"] * (max(map(len, lines)) - 2))
    return tabulate(lines, tablefmt="plain", disable_numparse=True, colalign=alignment)


def _percent(rows: list[StressRow], head: str, severity: float) -> str:
    chosen = [row for row in rows if (row.head, row.severity) == (head, severity)]
    return f"{100 * sum(r.correct for r in chosen) / sum(r.samples for r in chosen):.1f}"


SUB_COMMANDS = (
    SubCommand(
        "stress",
        "measure the heads against worse light, depth, resolution, occlusion and head turns",
        __doc__,
        add_arguments,
        run,
    ),
)
