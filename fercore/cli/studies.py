"""Commands on a recorded user study: recover, replay, export, study-report, withdraw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fercore.cli import SubCommand

if TYPE_CHECKING:
    import argparse

    from fercore.inference.predictor import Predictor
    from fercore.study.replaying import CropFace, Replayed
    from fercore.study.run_files import RunRecord

FORMATS = ("bids", "csv", "parquet", "xdf-ready")


def add_recover_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")


def run_recover(arguments: argparse.Namespace) -> int:
    """Close the run and say what was found.

    Raises:
        FercoreError: it is no run, is being recorded, or cannot be read or written.
    """
    from fercore.study.layout import require_run
    from fercore.study.recover import recover

    print(recover(require_run(arguments.folder)).sentence)
    return 0


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
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


def run_replay(arguments: argparse.Namespace) -> int:
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
    _print_deviations(replayed)
    if arguments.output is not None:
        _write_deviations(replayed, arguments.output)
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


def _print_deviations(replayed: Replayed) -> None:
    from tabulate import tabulate

    header = ("head", "frames", "largest", "mean", "beyond 0.001", "flipped", "one silent")
    rows = [
        (h.head, h.frames, f"{h.largest:.6f}", f"{h.mean:.6f}", h.beyond, h.flipped, h.silent)
        for h in replayed.heads
    ]
    print(tabulate(rows, header, disable_numparse=True))
    kind = "Lossless" if replayed.lossless else "Lossy"
    print(f"{kind} images; {replayed.replayed} of {replayed.rows} rows have theirs.")


def _write_deviations(replayed: Replayed, path: Path) -> None:
    from fercore.errors import FercoreError
    from fercore.results import HEADS
    from fercore.runtime.files import write_text_whole
    from fercore.runtime.tables import number, table_text

    columns = ("source_frame", *(f"{head}_deviation" for head in HEADS))
    rows = [
        (number(float(frame), 0), *(number(float(deviation)) for deviation in row))
        for frame, row in zip(replayed.source_frames, replayed.deviations, strict=True)
    ]
    try:
        write_text_whole(path, table_text(columns, rows))
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); name another --output."
        ) from error


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("path", type=Path, metavar="RUN|STUDY", help="folder of a run or study")
    parser.add_argument("--format", choices=FORMATS, required=True, help="what to write")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where (default: the study's `exports`)"
    )


def run_export(arguments: argparse.Namespace) -> int:
    """Export and say where.

    Raises:
        FercoreError: neither study nor run, a run is damaged or open, or the disk is full.
    """
    from fercore.study.export import export

    folder, selection = export(arguments.path, arguments.format, arguments.output)
    print(
        f"{folder} written: {len(selection.runs)} runs of {len(selection.subjects)} participants."
    )
    return 0


def add_study_report_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="STUDY", help="the folder of a study")


def run_study_report(arguments: argparse.Namespace) -> int:
    """Write the report and name its page.

    Raises:
        FercoreError: the folder is no study, a run is damaged or open, or the disk is full.
    """
    from fercore.study.study_report import write_study_report

    print(f"{write_study_report(arguments.folder)} written.")
    return 0


def add_withdraw_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("subject", metavar="SUB", help="label of the participant, such as 01")
    parser.add_argument(
        "--study", type=Path, default=Path(), help="folder of the study (default: this folder)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run_withdraw(arguments: argparse.Namespace) -> int:
    """Ask, delete, name the receipt; status 1 where something is left to be deleted by hand.

    Raises:
        FercoreError: there is no such participant, or a run is being recorded.
    """
    from fercore.study.layout import subject_folder
    from fercore.study.withdraw import withdraw

    folder = subject_folder(arguments.study, arguments.subject)
    if folder.is_dir() and not arguments.yes and not _agreed(folder):
        print("Nothing was deleted.")
        return 1
    done = withdraw(arguments.study, arguments.subject)
    receipt = done.receipt
    print(
        f"Deleted {receipt.deleted_files} files ({receipt.deleted_bytes} bytes), among them "
        f"{receipt.deleted_exports} exports and reports. Receipt {receipt.number}."
    )
    for path in done.missing:
        print(f"{path} was made with these data and is not there any more: delete its copies.")
    for sentence in (*done.remarks, *done.left):
        print(sentence)
    return 1 if done.left else 0


def _agreed(folder: Path) -> bool:
    try:
        answer = input(f"Delete {folder} and all exports with these data, for good? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


_RECOVER = """Close a run whose recording broke off, after a crash, power failure or full disk.

Cuts off half a last line, gives videos their length and index, and notes in
`session.json` and `events.tsv` that the end was lost. A run that ended well is left alone.
"""
_REPLAY = """Run a recorded run through the same networks again and compare with what was logged.

At level `full` with lossless colour (FFV1) and depth in the camera's own steps the
probabilities come out again within 0.001; lossy colour and rounded depth deviate, and by how
much is shown.
At level `depth` the depth head alone is compared. Exit status 1: lossless, and yet
different.
"""
_EXPORT = """Export a study, or one run, for other software.

`bids` is a BIDS-like data set with sidecars, checked before it is given out; `csv` and
`parquet` are four flat tables for pandas, R and MATLAB; `xdf-ready` is one XDF file a run,
with the times of Lab Streaming Layer where it was on. Videos are never exported.
"""
_STUDY_REPORT = """Make a first look at a study: STUDY/report/report.html, a page without network.

Mean probabilities of each participant and condition with intervals, time courses around
markers, the share of usable frames and why the others were not, drops, and how far the
three heads agree. Tables lie beside it as TSV and Markdown, figures as SVG.
"""
_WITHDRAW = """Delete all that a study holds of a participant, and write a receipt.

Deleted are the participant's folder with all sessions and snapshots, and every export and
report that was made with their data; those can be made again without them. The receipt
in the study's folder `withdrawals` has a random number and nothing personal. What could not
be deleted, or lies behind a link, is named. Copies made by hand and backups are out of reach.
"""

SUB_COMMANDS = (
    SubCommand(
        "recover",
        "close a study's run whose recording broke off",
        _RECOVER,
        add_recover_arguments,
        run_recover,
    ),
    SubCommand(
        "replay",
        "judge a recorded run again and compare",
        _REPLAY,
        add_replay_arguments,
        run_replay,
    ),
    SubCommand(
        "export",
        "export a study or run as BIDS, CSV, Parquet or XDF",
        _EXPORT,
        add_export_arguments,
        run_export,
    ),
    SubCommand(
        "study-report",
        "first look at a study: one HTML page",
        _STUDY_REPORT,
        add_study_report_arguments,
        run_study_report,
    ),
    SubCommand(
        "withdraw",
        "delete a participant's data from a study",
        _WITHDRAW,
        add_withdraw_arguments,
        run_withdraw,
    ),
)
