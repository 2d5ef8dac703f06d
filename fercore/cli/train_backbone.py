"""Train a backbone on the real faces of FER2013, for `train --backbone-weights`.

Training goes on where an interrupted run of the same command stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercore.cli import SubCommand

if TYPE_CHECKING:
    import argparse

    from fercore.io.fer2013 import Fer2013Faces
    from fercore.networks.backbones import BackboneStart
    from fercore.training.backbones.faces import BackboneFaces
    from fercore.training.backbones.learner import BackboneResult, BackboneSettings
    from fercore.training.backbones.network import BackboneCard, LabelledBackbone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--backbone", required=True, choices=("resnet50", "vgg19"))
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        type=Path,
        metavar="FER2013",
        help="fer2013.csv, or the npz shards of the training split",
    )
    parser.add_argument(
        "--test",
        nargs="+",
        type=Path,
        default=(),
        metavar="FER2013",
        help="fer2013.csv, or the public test's shard: scored once at the end; training faces "
        "that it holds too are left out, so give it from the start",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--backbone-weights",
        default="imagenet",
        metavar="FILE",
        help="file to start from, or 'random'; default: torchvision's ImageNet weights",
    )
    parser.add_argument("--size", type=int, default=64, metavar="PIXELS", help="of the input (64)")
    parser.add_argument("--epochs", type=int, default=12, help="the schedule's length (12)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="FACES")
    parser.add_argument(
        "--learning-rate", type=float, default=0.001, metavar="RATE", help="its peak (0.001)"
    )
    parser.add_argument(
        "--precision",
        default="float32",
        choices=("float32", "bfloat16"),
        help="of the convolutions (float32); bfloat16 is faster where the device computes it "
        "natively",
    )
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    """Train, store and score."""
    from fercore.io.fer2013 import Fer2013Split, read_fer2013
    from fercore.networks.backbones import read_start
    from fercore.training.backbones.faces import divide
    from fercore.training.backbones.learner import require_sensible, train_backbone
    from fercore.training.backbones.network import folded, save_backbone

    settings = _settings(arguments)
    require_sensible(settings)
    start = read_start(settings.backbone, arguments.backbone_weights)
    test = read_fer2013(arguments.test, Fer2013Split.PUBLIC_TEST) if arguments.test else None
    faces = divide(read_fer2013(arguments.data, Fer2013Split.TRAINING), test, settings.seed)
    result = train_backbone(faces, start, settings, arguments.output / "run")
    path = arguments.output / f"{settings.backbone}.safetensors"
    card = _card(settings, start, faces, result)
    card = save_backbone(path, folded(result.network.backbone), card)
    _score(path, card, result.network, {"validation": faces.validation, "public test": test})
    print(f"{path} written ({card.description}); its card lies beside it.")
    return 0


def _settings(arguments: argparse.Namespace) -> BackboneSettings:
    from fercore.training.backbones.learner import BackboneSettings

    return BackboneSettings(
        backbone=arguments.backbone,
        precision=arguments.precision,
        size=arguments.size,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
    )


def _card(
    settings: BackboneSettings, start: BackboneStart, faces: BackboneFaces, result: BackboneResult
) -> BackboneCard:
    from dataclasses import asdict

    from fercore.runtime.versions import command_line, versions
    from fercore.training.backbones.network import BackboneCard, description_of

    return BackboneCard(
        backbone=settings.backbone,
        variant=start.variant,
        description=description_of(start),
        training_data=f"FER2013, training split: {len(faces.training)} grey faces of 48 x 48",
        terms=faces.training.terms,
        protocol=_protocol(settings, start, faces, result),
        settings=asdict(settings),
        history=result.history,
        command=command_line(),
        seed=settings.seed,
        versions=versions(),
        hardware=_hardware(),
        seconds=round(result.seconds, 1),
        measured={},
        selection=asdict(result.rule),
    )


def _protocol(
    settings: BackboneSettings, start: BackboneStart, faces: BackboneFaces, result: BackboneResult
) -> str:
    parts = [
        f"started from: {start.description}",
        f"a tenth of every label's pictures ({len(faces.validation)} faces, drawn with seed "
        f"{settings.seed}) chose epoch {result.best_epoch} of {settings.epochs} "
        f"({result.rule.sentence})",
    ]
    if faces.unclear or faces.contempt:
        parts.append(
            f"{faces.unclear} faces left out whose votes are unclear, {faces.contempt} that show "
            "contempt to most people"
        )
    if faces.left_out:
        parts.append(f"{faces.left_out} faces left out because the public test has their picture")
    if settings.backbone == "vgg19" and not start.state:
        parts.append(
            "trained with batch normalisation after every convolution, then folded into them"
        )
    return "; ".join(parts)


def _hardware() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def _score(
    path: Path, card: BackboneCard, network: LabelledBackbone, sets: dict[str, Fer2013Faces | None]
) -> None:
    """Measure the backbone as stored, with the classifier it was trained with."""
    from dataclasses import asdict, replace

    from fercore.training.backbones.network import write_backbone_card
    from fercore.training.backbones.scoring import figures, logits_of, stored_network

    stored = stored_network(path, card.backbone, network)
    measured: dict[str, dict[str, Any]] = {}
    for name, faces in sets.items():
        if faces is None:
            continue
        logits = logits_of(stored, faces, card.settings["size"])
        scored = figures(logits, faces.agreed_labels())
        measured[name] = asdict(scored)
        print(
            f"{name}: {scored.accuracy:.1%} [{scored.low:.1%}, {scored.high:.1%}] of "
            f"{scored.faces} faces, mean recall {scored.mean_recall:.1%}; six expressions: "
            f"{scored.six_accuracy:.1%}, mean recall {scored.six_mean_recall:.1%}; calm against "
            f"expressive, AUC {scored.calm_auc:.3f}"
        )
    write_backbone_card(path, replace(card, measured=measured))


SUB_COMMANDS = (
    SubCommand("train-backbone", "train ResNet50 or VGG19 on FER2013", __doc__, add_arguments, run),
)
