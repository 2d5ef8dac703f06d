"""Measure checkpoints on faces that no training saw.

Renders the test people (resumable), scores every head of every checkpoint on them, on FER2013's
public test with FER+'s votes and on pictures and caches of one's own, measures how steady the
verdicts are, times each checkpoint on this machine, and writes benchmark.tsv and benchmark.md:
the tables of `weights/README.md`.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from fercore.evaluation.benchmarks.face_sets import FaceSet
    from fercore.evaluation.benchmarks.weights import (
        Score,
        ShareRight,
        VerdictSteadiness,
        Withheld,
    )
    from fercore.faces.detection import FaceDetector

PASSES = 50  # of a network, to time it

HEADER = (
    *("checkpoint", "head", "test set", "six, %", "mean recall of six, %", "seven, %"),
    *("calm, AUC", "calm given an expression, %", "expressive called calm, %"),
    *("calibration error, %", "samples", "subjects"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--face-models", nargs="+", type=Path, default=[], metavar="FILE", help="whose people"
    )
    parser.add_argument("--fer2013", type=Path, metavar="PATH", help="with the public test")
    parser.add_argument(
        "--pictures",
        nargs="+",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="that hold folders of pictures named anger, happy, neutral ...",
    )
    parser.add_argument(
        "--data", nargs="+", type=Path, default=[], metavar="CACHE", help="prepared caches"
    )
    parser.add_argument(
        "--checkpoints", nargs="+", type=Path, metavar="FILE", help="default: the shipped ones"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--subjects", type=int, default=24, metavar="N", help="a face model (24)")
    parser.add_argument("--samples-per-subject", type=int, default=56, metavar="M", help="(56)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all)")


def run(arguments: argparse.Namespace) -> int:
    """Render, score, time and write.

    Raises:
        FercoreError: an input cannot be read or the output cannot be written.
    """
    from fercore.errors import FercoreError
    from fercore.evaluation.benchmarks.weights import scores, steadiness, withholding
    from fercore.networks.checkpoints import load_checkpoint, weights_folder

    given = (arguments.face_models, arguments.fer2013, arguments.pictures, arguments.data)
    if not any(given):
        raise FercoreError(
            "there is nothing to test on; give --face-models, --fer2013, --pictures or --data."
        )
    paths = arguments.checkpoints or sorted(weights_folder().glob("*.safetensors"))
    synthetic, pictures = _synthetic_sets(arguments), _picture_sets(arguments)
    rows: list[tuple[str, Score]] = []
    steady: list[tuple[str, VerdictSteadiness]] = []
    withheld: list[tuple[str, Withheld]] = []
    for path in paths:
        network, card = load_checkpoint(path)
        for one in (*synthetic, *pictures):
            rows += [(path.stem, score) for score in scores(network, card.preprocessing, one)]
        for one in synthetic:
            withheld += [(path.stem, w) for w in withholding(network, card.preprocessing, one)]
        for one in pictures:
            steady += [(path.stem, s) for s in steadiness(network, card.preprocessing, one)]
    tables = [table for table in (_steadiness(steady), _withholding(withheld)) if table]
    _write(arguments.output, rows, tables, {path.stem: _milliseconds(path) for path in paths})
    return 0


def _synthetic_sets(arguments: argparse.Namespace) -> list[FaceSet]:
    from fercore.evaluation.benchmarks.face_sets import cached_sets

    rendered = [path for model in arguments.face_models for path in _rendered(arguments, model)]
    return [found for path in (*rendered, *arguments.data) for found in cached_sets(path)]


def _picture_sets(arguments: argparse.Namespace) -> list[FaceSet]:
    from fercore.evaluation.benchmarks.face_sets import labelled_pictures, public_test
    from fercore.faces.detection import MediapipeFaceDetector

    sources: list[tuple[Callable[[Path, FaceDetector], FaceSet], Path]] = [
        (labelled_pictures, folder) for folder in arguments.pictures
    ]
    if arguments.fer2013 is not None:
        sources.insert(0, (public_test, arguments.fer2013))
    if not sources:
        return []
    detector = MediapipeFaceDetector()
    sets = [read(path, detector) for read, path in sources]
    detector.close()
    return sets


def _rendered(arguments: argparse.Namespace, model: Path) -> list[Path]:
    from tqdm import tqdm

    from fercore.caches.synthetic import prepare_synthetic
    from fercore.evaluation.benchmarks.face_sets import people_caches

    people = (arguments.subjects, arguments.samples_per_subject)
    caches = people_caches(model, arguments.output, *people)
    for cache, recipe in caches.items():
        with tqdm(total=recipe.rows, desc=cache.name, unit="sample", disable=None) as progress:
            for rows in prepare_synthetic(cache, recipe, arguments.workers):
                progress.update(rows - progress.n)
    return list(caches)


def _milliseconds(path: Path) -> tuple[float, str]:
    """Return the median time of a pass over one face, and on what."""
    import time

    import numpy as np
    import torch

    from fercore.inference.engines import load_engine
    from fercore.networks.paper import DEPTH_SIZE

    engine, card = load_engine(path)
    size = card.preprocessing.rgb_size
    rgb, depth = torch.zeros(1, 3, size, size), torch.zeros(1, 1, DEPTH_SIZE, DEPTH_SIZE)
    times_ms = []
    for _ in range(PASSES):
        began_s = time.perf_counter()
        engine.logits(rgb, depth)
        times_ms.append(1000 * (time.perf_counter() - began_s))
    description = engine.description
    engine.close()
    return float(np.median(times_ms)), description


def _write(
    folder: Path,
    rows: Sequence[tuple[str, Score]],
    further: Sequence[str],
    times: dict[str, tuple[float, str]],
) -> None:
    from tabulate import tabulate

    from fercore.errors import FercoreError
    from fercore.runtime.files import write_text_whole
    from fercore.runtime.tables import table_text

    cells = [_cells(checkpoint, score) for checkpoint, score in rows]
    tables = [tabulate(cells, HEADER, "github", disable_numparse=True)]
    speed = "\n".join(
        f"{name}: {milliseconds:.1f} ms a face on {engine}"
        for name, (milliseconds, engine) in times.items()
    )
    text = "\n\n".join((*tables, *further, speed))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text_whole(folder / "benchmark.tsv", table_text(HEADER, cells))
        write_text_whole(folder / "benchmark.md", f"{text}\n")
    except OSError as error:
        raise FercoreError(f"{folder} cannot be written ({error.strerror}).") from error
    print(text)


def _steadiness(measured: Sequence[tuple[str, VerdictSteadiness]]) -> str:
    if not measured:
        return ""
    rows = [
        (name, s.head, s.test_set, *(f"{100 * value:.1f}" for value in s.changed.values()))
        for name, s in measured
    ]
    words = "Verdicts, in %, that a harmless change of the picture changes:"
    return _captioned(words, measured[0][1].changed, rows)


def _withholding(measured: Sequence[tuple[str, Withheld]]) -> str:
    rows = [
        (
            *(name, one.head, one.test_set),
            *(str(one.wrong), _known_percent(one.wrong_withheld)),
            *(str(one.right), _known_percent(one.right_withheld)),
        )
        for name, one in measured
    ]
    words = "Sure verdicts that are withheld, for depth contradicts colour:"
    columns = ("wrong ones", "withheld, %", "right ones", "withheld, %")
    return _captioned(words, columns, rows) if rows else ""


def _captioned(words: str, columns: Iterable[str], rows: Sequence[tuple[str, ...]]) -> str:
    from tabulate import tabulate

    header = ("checkpoint", "head", "test set", *columns)
    return f"{words}\n\n{tabulate(rows, header, 'github', disable_numparse=True)}"


def _known_percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.1f}"


def _cells(checkpoint: str, score: Score) -> tuple[str, ...]:
    return (
        *(checkpoint, score.head, score.test_set, _share(score.six)),
        *(_percent(score.six_mean_recall), _share(score.seven)),
        "–" if score.calm_auc is None else f"{score.calm_auc:.3f}",
        *(_share(score.calm_given_expression), _share(score.expressive_called_calm)),
        *(_percent(score.calibration_error), str(score.samples), str(score.subjects)),
    )


def _share(share: ShareRight | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


SUB_COMMANDS = (
    SubCommand(
        "benchmark-weights",
        "measure checkpoints on faces that no training saw",
        __doc__,
        add_arguments,
        run,
    ),
)
