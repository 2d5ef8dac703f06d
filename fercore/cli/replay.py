"""Run a recorded run through the same networks again and compare with what was logged.

At level `full` with lossless colour (FFV1) and depth in the camera's own steps the
probabilities come out again within 0.001; lossy colour and rounded depth deviate, and by how
much is shown.
At level `depth` the depth head alone is compared. Exit status 1: lossless, and yet
different.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from fercore.inference.predictor import Predictor
    from fercore.study.replaying import CropFace, Replayed
    from fercore.study.run_files import RunRecord

NAME = "replay"
HELP = "judge a recorded run again and compare"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="the weights that were used (default: found among those that come with the project)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="TSV", help="write the deviation of every frame there"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay and print the deviations.

    Raises:
        FercoreError: it is no run, kept no images, its weights are not there, or it is damaged.
    """
    from fercore.study.layout import require_run
    from fercore.study.replaying import replay
    from fercore.study.run_files import read_run_record

    place = require_run(arguments.folder)
    record = read_run_record(place.session)
    predictor = _predictor(record, arguments.checkpoint)
    try:
        replayed = replay(place, record, predictor, _cropping(predictor))
    finally:
        predictor.close()
    _report(replayed)
    if arguments.output is not None:
        _write(replayed, arguments.output)
    return int(replayed.lossless and not replayed.agrees)


def _predictor(record: RunRecord, checkpoint: Path | None) -> Predictor:
    from fercore.errors import FercoreError
    from fercore.inference.predictor import Predictor
    from fercore.networks.checkpoints import load_card, weights_folder

    wanted = {weights.sha256 for weights in record.weights}
    candidates = [checkpoint] if checkpoint else sorted(weights_folder().glob("*.safetensors"))
    for path in candidates:
        if load_card(path).sha256 in wanted:
            return Predictor.from_checkpoint(path)
    names = ", ".join(weights.pipeline for weights in record.weights) or "unknown weights"
    where = str(checkpoint) if checkpoint else "the weights that come with the project"
    raise FercoreError(
        f"{where} are not those of the run ({names}); name the right ones with --checkpoint."
    )


def _cropping(predictor: Predictor) -> CropFace:
    from dataclasses import replace

    from fercore.faces.cropping import crop_face

    # The logged box is the square that was cut out.
    parameters = replace(predictor.card.preprocessing, box_scale=1.0)
    return lambda frame, box, roll_deg: crop_face(frame, box, parameters, roll_deg)


def _report(replayed: Replayed) -> None:
    from tabulate import tabulate

    header = ("head", "frames", "largest", "mean", "beyond 0.001", "flipped", "one silent")
    rows = [
        (h.head, h.frames, f"{h.largest:.6f}", f"{h.mean:.6f}", h.beyond, h.flipped, h.silent)
        for h in replayed.heads
    ]
    print(tabulate(rows, header, disable_numparse=True))
    kind = "Lossless" if replayed.lossless else "Lossy"
    print(f"{kind} images; {replayed.replayed} of {replayed.rows} rows have theirs.")


def _write(replayed: Replayed, path: Path) -> None:
    from fercore.errors import FercoreError
    from fercore.results import HEADS
    from fercore.runtime.files import write_text_whole
    from fercore.study.tables import number

    lines = ["\t".join(("source_frame", *(f"{head}_deviation" for head in HEADS)))]
    for frame, row in zip(replayed.source_frames, replayed.deviations, strict=True):
        lines.append("\t".join((number(float(frame), 0), *(number(float(d)) for d in row))))
    try:
        write_text_whole(path, "\n".join(lines) + "\n")
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); name another --output."
        ) from error
