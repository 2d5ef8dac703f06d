"""Train a pipeline on a prepared cache and write a checkpoint with its model card.

The recipe is the paper's unless `--config` names another or options change it. Training
goes on where an interrupted run of the same command stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand, levels

if TYPE_CHECKING:
    import argparse

    from fercore.networks.checkpoints import ModelCard
    from fercore.networks.preprocessing import Preprocessing
    from fercore.training.config import TrainingConfig
    from fercore.training.faces import LabelledFaces
    from fercore.training.trainer import TrainingResult

TEST_LEVELS = (3, 4)  # the paper's, section 5.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pipeline", metavar="SLUG", help="such as fusion-resnet50; paper's recipe")
    what.add_argument("--config", type=Path, metavar="TOML", help="another recipe")
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        type=Path,
        metavar="CACHE",
        help="what to train on",
    )
    parser.add_argument(
        "--test", type=Path, metavar="CACHE", help="other subjects, scored once at the end"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--levels", type=levels, default=TEST_LEVELS, help="to train on (default 3,4: the paper's)"
    )
    recipe = parser.add_argument_group("instead of what the recipe says")
    recipe.add_argument(
        "--backbone-weights",
        dest="backbone_source",
        metavar="FILE",
        help="what the backbone starts from: a file, 'random', or 'imagenet' (torchvision's)",
    )
    recipe.add_argument(
        "--branches",
        nargs="+",
        metavar="FILE",
        help="checkpoints whose branches are the start: a fusion's own, or depth and rgb",
    )
    recipe.add_argument(
        "--finetune",
        choices=("none", "last-stage", "all", "joint-layers"),
        help="how much of the backbone is trained along; joint-layers: nothing of either of a "
        "fusion's --branches, only what joins them",
    )
    recipe.add_argument(
        "--rgb-size", type=int, metavar="PIXELS", help="of the colour input, at most as prepared"
    )
    recipe.add_argument("--learning-rate", type=float, metavar="RATE")
    recipe.add_argument("--schedule", choices=("constant", "cosine"), help="of the learning rate")
    recipe.add_argument("--epochs", type=int, metavar="N", help="at most")
    recipe.add_argument("--batch-size", type=int, metavar="N")
    recipe.add_argument("--patience", type=int, metavar="EPOCHS")
    recipe.add_argument("--copies", type=int, metavar="N", help="augmented copies of every face")
    recipe.add_argument(
        "--balanced", action="store_true", default=None, help="let rare expressions count more"
    )
    recipe.add_argument(
        "--calm",
        action="store_true",
        default=None,
        help="learn from calm faces too: every head then says how calm a face is",
    )
    recipe.add_argument(
        "--modality-dropout",
        type=float,
        metavar="SHARE",
        help="of faces that lose colour or depth, so that a fusion learns to do without",
    )
    recipe.add_argument(
        "--validation-subjects",
        type=int,
        metavar="N",
        help="who choose the epoch, calibrate and do not train; 0: all train, for exactly --epochs",
    )
    recipe.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        help="of convolutions and matrix products; bfloat16 is faster where the device computes "
        "it natively",
    )
    recipe.add_argument("--seed", type=int)


def run(arguments: argparse.Namespace) -> int:
    """Train, score and save."""
    from dataclasses import replace

    from fercore.errors import FercoreError
    from fercore.networks.checkpoints import save_checkpoint
    from fercore.networks.paper import PIPELINES
    from fercore.training.faces import read_all_faces
    from fercore.training.trainer import train

    config = _config(arguments)
    if config.pipeline not in PIPELINES:
        raise FercoreError(
            f"checkpoints are made of the paper's pipelines; give {config.pipeline} to "
            "`fercore evaluate`."
        )
    faces, parameters = read_all_faces(arguments.data, arguments.levels, calm=config.calm)
    parameters = replace(parameters, rgb_size=config.rgb_size or parameters.rgb_size)
    if config.pipeline == "depth":
        faces = faces.where(~faces.lacks_depth)
    _require_same_validation(arguments.data, faces, config)
    if arguments.test is not None:
        _require_apart(arguments.data, arguments.test)
    result = train(faces, parameters, config, arguments.output / "run")
    path = arguments.output / f"{config.pipeline}.safetensors"
    card = _card(arguments, config, parameters, result, faces)
    save_checkpoint(path, result.network, card)
    if arguments.test is not None:
        _score(path, arguments.test)
    print(f"{path} written; its model card lies beside it.")
    return 0


def _config(arguments: argparse.Namespace) -> TrainingConfig:
    from dataclasses import fields

    from fercore.training.config import (
        TrainingConfig,
        read_config,
        require_fixed_epochs,
        shipped_config,
    )

    require_fixed_epochs(arguments.validation_subjects, arguments.epochs)
    given = {field.name: getattr(arguments, field.name) for field in fields(TrainingConfig)}
    changes = {name: value for name, value in given.items() if value is not None}
    if arguments.config is not None:
        return read_config(arguments.config, **changes)
    return read_config(shipped_config(arguments.pipeline), **changes)


def _require_same_validation(
    data: list[Path], faces: LabelledFaces, config: TrainingConfig
) -> None:
    """Refuse branches that were trained on subjects who are to choose the epoch now."""
    from itertools import product

    from fercore.caches.reading import open_cache
    from fercore.errors import FercoreError
    from fercore.networks.checkpoints import load_card
    from fercore.training.faces import subjects_of

    if not config.validation_subjects:
        return
    _, validated_on = faces.hold_out(config.validation_subjects, config.seed)
    for path, cache in product(config.branches, data):
        card = load_card(Path(path))
        same_data = open_cache(cache).description in card.training_data
        theirs = subjects_of(cache, card.validation_subjects)
        if same_data and theirs != subjects_of(cache, validated_on.subject_names):
            raise FercoreError(
                f"{path} was trained on subjects that choose the epoch here; train it with the "
                "same --seed and --validation-subjects."
            )


def _require_apart(data: list[Path], test: Path) -> None:
    """Check before hours of training that the test can be scored and is fair.

    Subjects' codes cannot tell: two synthetic sets use the same ones for different faces. So
    the faces of all levels and views are compared.
    """
    from fercore.errors import DatasetError
    from fercore.training.faces import picture_digests, read_all_faces, read_faces

    faces, parameters = read_all_faces(data)
    read_faces(test, TEST_LEVELS)  # what will be scored must be there
    tested, test_parameters = read_faces(test)
    if test_parameters != parameters:
        raise DatasetError(f"{test} was prepared with other parameters; prepare it anew.")
    shared = set(picture_digests(faces.rgb)) & set(picture_digests(tested.rgb))
    if shared:
        raise DatasetError(
            f"{test} shares {len(shared)} faces with the training data; test on other subjects."
        )


def _card(
    arguments: argparse.Namespace,
    config: TrainingConfig,
    parameters: Preprocessing,
    result: TrainingResult,
    faces: LabelledFaces,
) -> ModelCard:
    from dataclasses import asdict

    from fercore.caches.reading import open_cache
    from fercore.networks.checkpoints import ModelCard
    from fercore.runtime.versions import command_line, versions

    caches = [open_cache(path) for path in arguments.data]
    return ModelCard(
        pipeline=config.pipeline,
        variant=result.variant,
        preprocessing=parameters,
        backbone_start=result.backbone_start,
        training_data="; ".join(cache.description for cache in caches),
        terms="; ".join(dict.fromkeys(cache.terms for cache in caches)),
        protocol=(
            f"{len(faces.subject_names)} subjects, {_choice(result)}; {faces.level_words}; "
            f"backbone fine-tuned: {config.finetune}"
        ),
        command=command_line(),
        seed=config.seed,
        versions=versions(),
        validation_subjects=result.validation_subjects,
        modality_dropout=config.modality_dropout,
        temperatures=result.temperatures,
        calm=config.calm,
        precision=config.precision,
        selection=asdict(result.rule),
    )


def _choice(result: TrainingResult) -> str:
    """Say in words who chose the epoch, and which."""
    rule, count = result.rule.sentence, len(result.validation_subjects)
    if not count:
        return f"epoch {result.best_epoch}, {rule}; not calibrated"
    return (
        f"of which {count} chose the epoch ({rule}: {result.validation_loss:.3f} in epoch "
        f"{result.best_epoch})"
    )


def _score(path: Path, test: Path) -> None:
    """Measure the stored checkpoint, as a user loads it, and add the figures to its card."""
    from dataclasses import replace

    from fercore.caches.reading import open_cache
    from fercore.networks.checkpoints import load_checkpoint, write_card
    from fercore.training.faces import read_faces
    from fercore.training.scoring import logits_of, measure

    network, card = load_checkpoint(path)
    faces, _ = read_faces(test, TEST_LEVELS)
    kind = open_cache(test).description
    for view in sorted(set(faces.views.tolist())):
        chosen = faces.where(faces.views == view)
        logits = logits_of(network, chosen, card.preprocessing)
        measures = measure(logits, chosen, f"{kind}; {chosen.level_words}, {view} view")
        card = replace(card, measures=(*card.measures, *measures))
        for m in measures:
            print(f"{m.head}: {m.accuracy:.1%} [{m.low:.1%}, {m.high:.1%}] on {m.test_set}")
    write_card(path, card)


SUB_COMMANDS = (
    SubCommand("train", "train a pipeline on a prepared cache", __doc__, add_arguments, run),
)
