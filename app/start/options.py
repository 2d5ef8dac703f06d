"""The options of `rgbd-fer`, and which of them go together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fercore import DEFAULT_PIPELINE
from fercore.runtime.versions import add_version_option

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the application's options."""
    parser = argparse.ArgumentParser(
        prog="rgbd-fer", description="Shows facial expressions recognised from colour and depth."
    )
    add_version_option(parser)
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        help="sample, realsense[:SERIAL], webcam[:N], synthetic, or the path of a recording (.bag, "
        ".db3), a video, a folder of pictures, a BU-3DFE root, subject or scan, an own "
        "recording (default: the last one in the window, else the bundled sample)",
    )
    _add_network_options(parser)
    parser.add_argument(
        "--present", action="store_true", help="begin on the stage, full screen; Escape leaves it"
    )
    parser.add_argument("--headless", action="store_true", help="no window; write files instead")
    parser.add_argument(
        "--study",
        type=Path,
        metavar="STUDY.toml",
        help="record a user study: its study file, or the folder of one (docs/user-studies.md)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where --headless writes, or --study records (default: the study file's folder)",
    )
    parser.add_argument(
        "--max-frames", type=_positive, metavar="N", help="--headless ends after N frames"
    )
    return parser


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options that were given, `sys.argv`'s for None; what they refuse ends Python."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.headless and options.output is None:
        parser.error("--headless needs --output DIR")
    if options.headless and options.present:
        parser.error("--present needs the window; leave --headless out")
    if options.headless and options.study:
        parser.error("--study needs the window; leave --headless out")
    if not options.headless and options.max_frames:
        parser.error("--max-frames belongs to --headless")
    if options.output and not (options.headless or options.study):
        parser.error("--output belongs to --headless or --study")
    return options


def _add_network_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--pipeline",
        type=_pipeline,
        default=DEFAULT_PIPELINE,
        metavar="SLUG",
        help=f"which of the networks that come along judge (default: {DEFAULT_PIPELINE})",
    )
    group.add_argument(
        "--checkpoint",
        type=_existing_file,
        metavar="FILE",
        help="networks of your own, as `fercore train` leaves them: .safetensors beside its card",
    )


def _pipeline(text: str) -> str:
    from fercore.networks.paper import PIPELINES

    if text not in PIPELINES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(PIPELINES)}")
    return text


def _existing_file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)
