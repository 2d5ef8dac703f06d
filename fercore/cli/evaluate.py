"""Evaluate pipelines on a prepared cache with the paper's protocol.

Every experiment trains from the start on its own subjects and predicts subjects it has
never seen; all predictions go to RUN/predictions.tsv, from which `fercore report RUN`
makes its tables. A run that was stopped, even killed, goes on when the same command is
given again, and ends with the same tables.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli.levels import levels

if TYPE_CHECKING:
    import argparse

    from fercore.protocol import Protocol
    from fercore.training.config import TrainingConfig

NAME = "evaluate"
HELP = "evaluate pipelines with the paper's protocol"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--data", required=True, type=Path, metavar="CACHE")
    parser.add_argument("--output", required=True, type=Path, metavar="RUN")
    parser.add_argument(
        "--protocol",
        default="fixed60",
        choices=("fixed60", "random60", "holdout90"),
        help="60 subjects drawn once (the paper's), drawn for every experiment, or all subjects",
    )
    parser.add_argument("--folds", type=int, help="10: every subject is tested once (default)")
    parser.add_argument("--experiments", type=int, metavar="N", help="random splits (paper: 200)")
    parser.add_argument("--levels", type=levels, default=(3, 4), help="default 3,4: the paper's")
    parser.add_argument("--split-seed", type=int, default=0, metavar="S", help="who tests")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of training")
    parser.add_argument(
        "--pipelines", default="all", metavar="SLUGS", help="such as depth,rgb-vgg19 (default all)"
    )
    recipe = parser.add_argument_group("instead of what the paper's recipes say")
    recipe.add_argument(
        "--backbone-weights",
        nargs="+",
        default=(),
        metavar="FILE",
        help="what the backbones start from: their files, or 'random' (default: torchvision's "
        "ImageNet weights)",
    )
    recipe.add_argument(
        "--finetune",
        choices=("none", "last-stage", "all"),
        help="how much of the backbones is trained along",
    )
    recipe.add_argument("--epochs", type=int, metavar="N", help="at most")
    recipe.add_argument("--patience", type=int, metavar="EPOCHS")
    where = parser.add_argument_group("where it runs")
    where.add_argument("--engine", default="local", choices=("local", "ray"))
    where.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster's head")


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing and print the accuracies."""
    from fercore.experiment.run import Evaluation, evaluate

    evaluation = Evaluation(
        arguments.data,
        _protocol(arguments),
        tuple(_config(slug, arguments) for slug in _slugs(arguments.pipelines)),
        arguments.output,
        shlex.join(["fercore", *sys.argv[1:]]),
    )
    evaluate(evaluation, arguments.engine, arguments.address)
    print(f"{arguments.output}: complete; `fercore report {arguments.output}` makes the tables.")
    return 0


def _protocol(arguments: argparse.Namespace) -> Protocol:
    from fercore.protocol import FOLDS, RANDOM60, Protocol

    folds = arguments.folds
    if folds is None and arguments.experiments is None and arguments.protocol != RANDOM60:
        folds = FOLDS
    return Protocol(
        arguments.protocol,
        folds,
        arguments.experiments,
        arguments.levels,
        arguments.split_seed,
        arguments.seed,
    )


def _slugs(text: str) -> tuple[str, ...]:
    """Return the pipelines in the order of the tables, whatever order they were given in."""
    from fercore.errors import FercoreError
    from fercore.models import PIPELINES

    wanted = PIPELINES if text == "all" else tuple(text.split(","))
    unknown = [slug for slug in wanted if slug not in PIPELINES]
    if unknown:
        raise FercoreError(f"unknown pipeline {unknown[0]!r}; choose from: {', '.join(PIPELINES)}.")
    return tuple(slug for slug in PIPELINES if slug in wanted)


def _config(slug: str, arguments: argparse.Namespace) -> TrainingConfig:
    from fercore.training.config import read_config, shipped_config

    changes = {"finetune": arguments.finetune, "epochs": arguments.epochs}
    changes |= {"patience": arguments.patience, "seed": arguments.seed}
    if arguments.backbone_weights and slug != "depth":
        changes["backbone_source"] = _backbone_file(slug, arguments.backbone_weights)
    given = {name: value for name, value in changes.items() if value is not None}
    return read_config(shipped_config(slug), **given)


def _backbone_file(slug: str, sources: list[str]) -> str:
    from fercore.backbone_weights import RANDOM, backbone_of
    from fercore.errors import FercoreError

    wanted = slug.rsplit("-", 1)[-1]
    for source in sources:
        if source == RANDOM or backbone_of(Path(source)) == wanted:
            return source
    raise FercoreError(f"--backbone-weights has no file of {wanted}; add one, or leave out {slug}.")
