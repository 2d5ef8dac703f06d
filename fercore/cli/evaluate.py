"""`fercore evaluate` and `fercore report`: the paper's protocol, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand, levels

if TYPE_CHECKING:
    import argparse

    from fercore.baselines.recipes import BaselineRecipe
    from fercore.evaluation.protocol import Protocol
    from fercore.evaluation.run import Executor
    from fercore.training.config import TrainingConfig

_SCRATCH = ("depth", "huynh-cnn")  # networks without a backbone
_OF_NETWORKS = ("learning_rate", "epochs", "patience", "precision")
_OF_BASELINES = ("landmarks", "landmark_noise")


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
        "--pipelines",
        default="all",
        metavar="SLUGS",
        help="such as depth,rgb-vgg19; all: Table 1's (default); table2: the other systems of "
        "Table 2 beside the two fusions; table2+: with huynh-cnn, landmark-lda and maps-vit-svm",
    )
    points = parser.add_argument_group("the other systems' landmarks, as prepared")
    points.add_argument("--landmarks", choices=("bnd", "mediapipe"), help="(bnd)")
    points.add_argument(
        "--landmark-noise", type=float, metavar="MM", help="that was added to them (0)"
    )
    recipe = parser.add_argument_group(
        "instead of what the recipes say, for those pipelines that it concerns"
    )
    recipe.add_argument(
        "--backbone-weights",
        nargs="+",
        default=(),
        metavar="FILE",
        help="what the backbones start from: their files, in any order; 'random' or 'imagenet' "
        "(torchvision's; the default) for those without a file",
    )
    recipe.add_argument(
        "--finetune",
        choices=("none", "last-stage", "all"),
        help="how much of the backbones is trained along",
    )
    recipe.add_argument("--learning-rate", type=float, metavar="RATE")
    recipe.add_argument(
        "--validation-subjects",
        type=int,
        metavar="N",
        help="of the training subjects, who choose the epoch and do not train (default 6); 0: "
        "all train, for exactly --epochs",
    )
    recipe.add_argument("--epochs", type=int, metavar="N", help="at most")
    recipe.add_argument("--patience", type=int, metavar="EPOCHS")
    recipe.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of convolutions and matrix products; bfloat16 is faster where the device computes "
        "it natively",
    )
    where = parser.add_argument_group("where it runs")
    where.add_argument("--engine", default="local", choices=("local", "ray"))
    where.add_argument("--workers", type=int, metavar="N", help="local processes (one a core)")
    where.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster's head")


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing and print the accuracies.

    Raises:
        FercoreError: the data, the folder or an option cannot be used, or a training failed.
    """
    from fercore.evaluation.run import EvaluationPlan, evaluate
    from fercore.runtime.versions import command_line

    slugs = _slugs(arguments.pipelines)
    _check(arguments, slugs)
    evaluation = EvaluationPlan(
        arguments.data,
        _protocol(arguments),
        tuple(_recipe(slug, arguments) for slug in slugs),
        arguments.output,
        command_line(),
    )
    evaluate(evaluation, _engine(arguments))
    print(_accuracies(arguments.output))
    print(f"\n`fercore report {arguments.output}` makes the tables and figures.")
    return 0


def _check(arguments: argparse.Namespace, slugs: tuple[str, ...]) -> None:
    """Refuse options that concern none of the pipelines, and an epoch that nobody chooses."""
    from fercore.baselines.recipes import BASELINES
    from fercore.errors import FercoreError
    from fercore.training.config import require_fixed_epochs

    networks = set(slugs) - set(BASELINES)
    concerned = {
        "networks": (_OF_NETWORKS, networks),
        "networks with a backbone": (("finetune",), networks.difference(_SCRATCH)),
        "systems with landmarks": (_OF_BASELINES, set(slugs) & set(BASELINES)),
        "pipelines with a backbone": (("backbone_weights",), set(filter(_has_backbone, slugs))),
    }
    for kind, (options, there) in concerned.items():
        given = [name for name in options if getattr(arguments, name) not in (None, ())]
        if given and not there:
            option = given[0].replace("_", "-")
            raise FercoreError(f"--{option} is for {kind}, of which --pipelines has none; omit it.")
    if networks:
        require_fixed_epochs(arguments.validation_subjects, arguments.epochs)


def _has_backbone(slug: str) -> bool:
    from fercore.baselines.recipes import BASELINES, shipped_recipe

    return bool(shipped_recipe(slug).backbone) if slug in BASELINES else slug not in _SCRATCH


def _engine(arguments: argparse.Namespace) -> Executor:
    from fercore.errors import FercoreError
    from fercore.evaluation.run import LOCAL, Executor

    if arguments.engine == LOCAL and arguments.address is not None:
        raise FercoreError("--address is of a Ray cluster; add --engine ray.")
    if arguments.workers is None:
        return Executor(arguments.engine, address=arguments.address)
    if arguments.workers < 1:
        raise FercoreError(f"--workers must be at least 1, got {arguments.workers}.")
    return Executor(arguments.engine, arguments.workers, arguments.address)


def _accuracies(folder: Path) -> str:
    """Return each pipeline's share of scans told right, a line each; no verdict is a wrong one."""
    from collections import Counter

    from fercore.evaluation.store import PREDICTIONS_FILE
    from fercore.expressions import EXPRESSIONS
    from fercore.results import PREDICTION_COLUMNS
    from fercore.runtime.tables import Records

    records = Records(folder / PREDICTIONS_FILE, PREDICTION_COLUMNS, "fercore evaluate")
    probabilities = [records.floats(f"p_{e.value}", may_be_empty=True) for e in EXPRESSIONS]
    right, seen, missed = Counter[str](), Counter[str](), Counter[str]()
    for slug, truth, *said in zip(
        records.texts("pipeline").tolist(),
        records.choices("expression", EXPRESSIONS).tolist(),
        *(column.tolist() for column in probabilities),
        strict=True,
    ):
        seen[slug] += 1
        lacks_verdict = said[0] != said[0]
        missed[slug] += lacks_verdict
        right[slug] += not lacks_verdict and said.index(max(said)) == truth
    return "\n".join(
        f"{slug:<26} {right[slug] / seen[slug]:7.2%} of {seen[slug]} tested scans"
        + (f", {missed[slug]} of them without a verdict" if missed[slug] else "")
        for slug in seen
    )


def _protocol(arguments: argparse.Namespace) -> Protocol:
    from fercore.evaluation.protocol import FOLDS, RANDOM60, Protocol

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
    from fercore.evaluation.baseline_folds import EVALUABLE, GROUPS_OF_PIPELINES

    wanted = {slug for word in text.split(",") for slug in GROUPS_OF_PIPELINES.get(word, (word,))}
    unknown = sorted(wanted.difference(EVALUABLE))
    if unknown:
        known = ", ".join((*GROUPS_OF_PIPELINES, *EVALUABLE))
        raise FercoreError(f"unknown pipeline {unknown[0]!r}; choose from: {known}.")
    return tuple(slug for slug in EVALUABLE if slug in wanted)


def _recipe(slug: str, arguments: argparse.Namespace) -> TrainingConfig | BaselineRecipe:
    from fercore.baselines.recipes import BASELINES, shipped_recipe
    from fercore.training.config import read_config, shipped_config

    changes = {"seed": arguments.seed, "validation_subjects": arguments.validation_subjects}
    if slug in BASELINES:
        changes |= {"landmarks": arguments.landmarks, "noise_mm": arguments.landmark_noise}
    else:
        changes |= {name: getattr(arguments, name) for name in ("finetune", *_OF_NETWORKS)}
    if arguments.backbone_weights and _has_backbone(slug):
        changes["backbone_source"] = _backbone_file(slug, arguments.backbone_weights)
    given = {name: value for name, value in changes.items() if value is not None}
    if slug in BASELINES:
        return shipped_recipe(slug, **given)
    return read_config(shipped_config(slug), pipeline=slug, **given)


def _backbone_file(slug: str, sources: list[str]) -> str:
    from fercore.errors import FercoreError
    from fercore.networks.backbones import DOWNLOAD, RANDOM

    wanted = slug.removesuffix("-svm").rsplit("-", 1)[-1]
    words = [source for source in sources if source in (DOWNLOAD, RANDOM)]
    for source in sources:
        if source not in words and _holds(Path(source), wanted):
            return source
    if words:
        return words[0]
    raise FercoreError(f"--backbone-weights has no file of {wanted}; add one, or leave out {slug}.")


def _holds(path: Path, wanted: str) -> bool:
    """Tell whether a file is of the wanted backbone; one of timm's is known by being no other."""
    from fercore.networks.backbones import BACKBONE_FEATURES, StrangeBackboneError, backbone_of

    try:
        return backbone_of(path) == wanted
    except StrangeBackboneError:
        return wanted not in BACKBONE_FEATURES


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
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


def run_report(arguments: argparse.Namespace) -> int:
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


_EVALUATION = """Evaluate pipelines on a prepared cache with the paper's protocol.

Every experiment trains from the start on its own subjects and predicts subjects it has
never seen; all predictions go to RUN/predictions.tsv, from which `fercore report RUN`
makes its tables. A run that was stopped, even killed, goes on when the same command is
given again, and ends with the same tables (on a GPU but for rounding).
"""
_REPORT = """Turn the records of an evaluation or stress test into a report.

Writes RUN/report: `report.html`, which needs no other file and no network, all
tables as TSV and Markdown, all figures as SVG. A run that is not finished is
reported as far as it is.
"""

SUB_COMMANDS = (
    SubCommand(
        "evaluate", "evaluate pipelines with the paper's protocol", _EVALUATION, add_arguments, run
    ),
    SubCommand(
        "report",
        "tables, statistics and figures of an evaluation run",
        _REPORT,
        add_report_arguments,
        run_report,
    ),
)
