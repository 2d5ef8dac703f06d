"""The application's live path, measured.

Camera source, capture thread, mailbox, inference thread, mailbox and the real window, drawn
off screen. Frames are prepared beforehand and come 30 times a second, those with depth
through the RealSense SDK's software device.

fercore bench live                                      ten seconds of a sample subject
fercore bench live --pipeline fusion-vgg19 --json -     for comparison over time
fercore bench live --soak 20                            memory, threads and latency over time
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fercore import DEFAULT_PIPELINE
from fercore.errors import FercoreError

if TYPE_CHECKING:
    import argparse

NAME = "live"
HELP = "verdicts and drawn frames a second, latency and the time of every stage"
_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the benchmark's arguments."""
    parser.add_argument(
        "--source",
        default="sample",
        help="what the frames show: sample, synthetic, a path (sample)",
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--pipeline", default=DEFAULT_PIPELINE, metavar="SLUG", help=f"({DEFAULT_PIPELINE})"
    )
    weights.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="your own weights (.safetensors)"
    )
    parser.add_argument("--engine", default="", help="cuda, openvino or torch (the machine's best)")
    parser.add_argument("--threads", type=int, metavar="N", help="of OpenVINO (all cores)")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="measured (10)")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="instead, watch for drift")
    parser.add_argument("--json", metavar="FILE", help="write JSON to FILE, or - to print it")


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print or write the figures; 130 when interrupted, with what was measured.

    Raises:
        FercoreError: source, weights, engine or output cannot be used.
    """
    from app.bench.run import BenchPlan, run_live
    from fercore.networks.checkpoints import shipped_checkpoint

    if arguments.seconds <= 0 or (arguments.soak is not None and arguments.soak <= 0):
        raise FercoreError("--seconds and --soak need a length above 0.")
    if arguments.threads is not None and arguments.threads < 1:
        raise FercoreError(f"--threads {arguments.threads} is none; give at least 1.")
    checkpoint = arguments.checkpoint or shipped_checkpoint(arguments.pipeline)
    plan = BenchPlan(
        source=arguments.source,
        checkpoint=checkpoint,
        engine=arguments.engine,
        threads=arguments.threads,
        seconds=60 * arguments.soak if arguments.soak else arguments.seconds,
        is_soak=arguments.soak is not None,
    )
    figures = run_live(plan)
    if arguments.json != "-":
        print(figures.as_text())
    if arguments.json:
        _write_json(arguments.json, figures.as_json())
    return _INTERRUPTED if figures.interrupted else 0


def _write_json(target: str, text: str) -> None:
    from fercore.runtime.files import write_text_whole

    if target == "-":
        print(text)
        return
    try:
        write_text_whole(Path(target), f"{text}\n")
    except OSError as error:
        raise FercoreError(
            f"{target} cannot be written ({error.strerror}); name another file."
        ) from error
