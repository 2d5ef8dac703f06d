"""Judge files and folders of pictures, videos and recordings, in any mix, without a window.

Into the output go `analysis.tsv` (a row a frame and face, at most four: time, box, quality, the
verdicts of all heads), `summary.tsv` (a row an input: how long, and in how many frames, the
followed face showed each expression, was calm, not sure or not there) and `analysis.html`
(timelines and thumbnails). Given again, the command goes on where it stopped; what has changed
meanwhile, or could not be judged to its end, is judged anew, and everything is by other weights
or other versions of the software.

fercore analyse holiday.jpg talk.mp4 recordings/ --output analysed
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fercore import DEFAULT_PIPELINE
from fercore.errors import FercoreError, cure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from app.headless.analysed import JudgedInput
    from app.headless.inputs import FoundInputs, Input
    from fercore.inference.predictor import Predictor

NAME = "analyse"
HELP = "expressions in pictures, videos and recordings: tables and a page with timelines"
PARTS = "parts"
_INTERRUPTED = 130  # as shells have it for Ctrl-C


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files and folders")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder to write to"
    )
    parser.add_argument(
        "--no-thumbnails", action="store_true", help="leave faces out of everything written"
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--pipeline", default=DEFAULT_PIPELINE, metavar="SLUG", help=f"({DEFAULT_PIPELINE})"
    )
    weights.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="your own weights (.safetensors)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Judge all inputs; status 1 when one cannot be read to its end, 130 after Ctrl-C.

    Raises:
        FercoreError: a path, the weights or the output cannot be used.
    """
    from app.headless.inputs import inputs_in
    from fercore.inference.predictor import Predictor
    from fercore.runtime.files import sole_user

    inputs = inputs_in(arguments.paths)
    if not inputs.found:
        raise FercoreError(
            "there is no picture, video or recording in what was named; name others."
        )
    with sole_user(arguments.output):
        if arguments.checkpoint is not None:
            predictor = Predictor.from_checkpoint(arguments.checkpoint)
        else:
            predictor = Predictor.from_pipeline(arguments.pipeline)
        try:
            return _run(inputs, predictor, arguments.output, not arguments.no_thumbnails)
        except OSError as error:
            raise FercoreError(
                f"{arguments.output} cannot be written ({error.strerror}); {cure(error)}."
            ) from error
        finally:
            predictor.close()


def _run(inputs: FoundInputs, predictor: Predictor, output: Path, thumbnails: bool) -> int:
    from app.headless.analysed import PAGE, SUMMARY, TABLE, write_results

    judged: list[JudgedInput] = []
    started_s, interrupted = time.monotonic(), False
    (output / PARTS).mkdir(exist_ok=True)
    try:
        faces = _judge_all(inputs.found, predictor, output / PARTS, thumbnails, judged)
        print(_speed(faces, time.monotonic() - started_s))
    except KeyboardInterrupt:
        interrupted = True
        print(
            f"fercore: interrupted; the tables hold {len(judged)} of {len(inputs.found)} inputs, "
            "the same command goes on.",
            file=sys.stderr,
        )
    write_results(judged, inputs, predictor.card, output)
    for found, _, account in judged:
        if account.problem:
            print(f"fercore: {found.path}: {account.problem}", file=sys.stderr)
    print(f"Written to {output}: {TABLE}, {SUMMARY}, {PAGE}.")
    if interrupted:
        return _INTERRUPTED
    return int(any(each.account.problem for each in judged))


def _judge_all(
    inputs: Sequence[Input],
    predictor: Predictor,
    parts: Path,
    thumbnails: bool,
    judged: list[JudgedInput],
) -> int:
    """Judge what was not judged before; return the number of faces that were."""
    from tqdm import tqdm

    from app.headless.analysed import JudgedInput
    from app.headless.judging import Account, judge_input, judged_by, part_of
    from app.sources.base import SourceError

    faces, judge = 0, judged_by(predictor.card)
    seldom_s = 0.1 if sys.stderr.isatty() else 10.0
    with (
        tqdm(inputs, unit="input", mininterval=seldom_s) as bar,
        tqdm(unit="frame", position=1, leave=False, mininterval=seldom_s, disable=None) as frames,
    ):
        for found in bar:
            try:
                part = part_of(found, parts, judge, thumbnails)
            except SourceError as error:  # it went meanwhile; the others are judged all the same
                judged.append(JudgedInput(found, None, Account(problem=str(error))))
                continue
            account = part.read()
            if account is None or account.problem:  # what hindered it may have passed
                account = judge_input(found, predictor, part, thumbnails, frames.update)
                faces += account.verdicts
            judged.append(JudgedInput(found, part, account))
    return faces


def _speed(faces: int, seconds: float) -> str:
    if not faces:
        return "No further faces."
    return f"{faces} faces judged, {faces / max(seconds, 1e-6):.1f} a second."
