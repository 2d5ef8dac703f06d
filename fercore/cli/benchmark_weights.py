"""Measure the shipped checkpoints on faces that no training saw.

Renders the test people (resumable), scores every head of every checkpoint on them and, where
FER2013 is given, on its public test, times each checkpoint on this machine, and writes
benchmark.tsv and benchmark.md: the table of `weights/README.md`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from fercore.evaluation.benchmarks.weights import FaceSet, Score

NAME = "benchmark-weights"
HELP = "measure the shipped checkpoints on faces that no training saw"

PASSES = 50  # of a network, to time it

HEADER = (
    *("checkpoint", "head", "test set", "accuracy, %", "95 % interval", "mean recall, %"),
    *("calibration error, %", "samples", "subjects"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--face-models", nargs="+", type=Path, default=[], metavar="FILE", help="whose people"
    )
    parser.add_argument("--fer2013", type=Path, metavar="PATH", help="with the public test")
    parser.add_argument(
        "--checkpoints", nargs="+", type=Path, metavar="FILE", help="default: the shipped ones"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--subjects", type=int, default=24, metavar="N", help="a face model (24)")
    parser.add_argument("--samples-per-subject", type=int, default=50, metavar="M", help="(50)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all)")


def run(arguments: argparse.Namespace) -> int:
    """Render, score, time and write.

    Raises:
        FercoreError: an input cannot be read or the output cannot be written.
    """
    from fercore.errors import FercoreError
    from fercore.evaluation.benchmarks.weights import scores
    from fercore.networks.checkpoints import load_checkpoint, weights_folder

    if not arguments.face_models and arguments.fer2013 is None:
        raise FercoreError("there is nothing to test on; give --face-models, --fer2013 or both.")
    paths = arguments.checkpoints or sorted(weights_folder().glob("*.safetensors"))
    sets = _test_sets(arguments)
    rows: list[tuple[str, Score]] = []
    for path in paths:
        network, card = load_checkpoint(path)
        found = (score for one in sets for score in scores(network, card.preprocessing, one))
        rows += [(path.stem, score) for score in found]
    _write(arguments.output, rows, {path.stem: _milliseconds(path) for path in paths})
    return 0


def _test_sets(arguments: argparse.Namespace) -> list[FaceSet]:
    from fercore.evaluation.benchmarks.weights import real_faces
    from fercore.faces.detection import MediapipeFaceDetector

    sets = [found for model in arguments.face_models for found in _rendered(arguments, model)]
    if arguments.fer2013 is not None:
        detector = MediapipeFaceDetector()
        sets.append(real_faces(arguments.fer2013, detector))
        detector.close()
    return sets


def _rendered(arguments: argparse.Namespace, model: Path) -> list[FaceSet]:
    from tqdm import tqdm

    from fercore.caches.synthetic import prepare_synthetic
    from fercore.evaluation.benchmarks.weights import people_caches, synthetic_sets

    people = (arguments.subjects, arguments.samples_per_subject)
    caches = people_caches(model, arguments.output, *people)
    for cache, recipe in caches.items():
        with tqdm(total=recipe.rows, desc=cache.name, unit="sample", disable=None) as progress:
            for rows in prepare_synthetic(cache, recipe, arguments.workers):
                progress.update(rows - progress.n)
    return [found for cache in caches for found in synthetic_sets(cache)]


def _milliseconds(path: Path) -> tuple[float, str]:
    """Return the median time of a pass over one face, and on what."""
    import time

    import numpy as np
    import torch

    from fercore.inference.engines import load_engine
    from fercore.networks.branches import DEPTH_SIZE

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
    folder: Path, rows: Sequence[tuple[str, Score]], times: dict[str, tuple[float, str]]
) -> None:
    from tabulate import tabulate

    from fercore.errors import FercoreError
    from fercore.runtime.files import write_text_whole

    cells = [_cells(checkpoint, score) for checkpoint, score in rows]
    lines = ["\t".join(HEADER), *("\t".join(row) for row in cells)]
    table = tabulate(cells, HEADER, "github", disable_numparse=True)
    speed = "\n".join(
        f"{name}: {milliseconds:.1f} ms a face on {engine}"
        for name, (milliseconds, engine) in times.items()
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text_whole(folder / "benchmark.tsv", "\n".join(lines) + "\n")
        write_text_whole(folder / "benchmark.md", f"{table}\n\n{speed}\n")
    except OSError as error:
        raise FercoreError(f"{folder} cannot be written ({error.strerror}).") from error
    print(f"{table}\n\n{speed}")


def _cells(checkpoint: str, score: Score) -> tuple[str, ...]:
    return (
        *(checkpoint, score.head, score.test_set, f"{100 * score.accuracy:.1f}"),
        f"{100 * score.low:.1f} to {100 * score.high:.1f}",
        *(f"{100 * score.mean_recall:.1f}", f"{100 * score.calibration_error:.1f}"),
        *(str(score.samples), str(score.subjects)),
    )
