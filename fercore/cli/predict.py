"""`fercore predict`: three verdicts on scans, or on a picture with its depth map."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fercore import DEFAULT_PIPELINE
from fercore.cli import SubCommand
from fercore.errors import DatasetError, FercoreError
from fercore.expressions import VERDICT_LABELS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from fercore.datasets.bu3dfe import Scan
    from fercore.inference.predictor import Predictor
    from fercore.structures import (
        Analysis,
        FloatArray,
        Intrinsics,
        Prediction,
        RGBDFrame,
        UInt8Array,
    )

HEADS = ("fusion", "rgb", "depth")
_INTERRUPTED = 130  # as shells have it for Ctrl-C


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="scans or folders")
    parser.add_argument("--rgb", type=Path, metavar="FILE", help="instead, a colour picture")
    parser.add_argument(
        "--depth", type=Path, metavar="FILE", help="its aligned depth map: 16-bit PNG or TIFF, .npy"
    )
    parser.add_argument(
        "--intrinsics", metavar="fx,fy,cx,cy", help="of the camera that took both, in pixels"
    )
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--pipeline", default=DEFAULT_PIPELINE, metavar="SLUG", help=f"({DEFAULT_PIPELINE})"
    )
    weights.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="your own weights (.safetensors)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Print a verdict a scan; status 1 when there is one without a verdict, 130 after Ctrl-C."""
    from fercore.inference.predictor import Predictor

    frames = _frames(arguments)
    if arguments.checkpoint is not None:
        predictor = Predictor.from_checkpoint(arguments.checkpoint)
    else:
        predictor = Predictor.from_pipeline(arguments.pipeline)
    rows: list[dict[str, Any]] = []
    interrupted = False
    try:
        for row in _judge(predictor, frames):
            rows.append(row)
    except KeyboardInterrupt:
        interrupted = True
        print("fercore: interrupted; these are the verdicts until here.", file=sys.stderr)
    finally:
        predictor.close()
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        print(_table(rows))
    if interrupted:
        return _INTERRUPTED
    return 0 if all(row["fusion"] or row["rgb"] or row["depth"] for row in rows) else 1


class Unusable(NamedTuple):
    """A scan that gives no frame."""

    name: str
    reason: str


class Remarked(NamedTuple):
    """A frame, and what its reader should know of it."""

    frame: RGBDFrame
    remark: str  # empty when there is nothing to say


def _frames(arguments: argparse.Namespace) -> Iterator[Remarked | Unusable]:
    """Check the arguments, then return an iterator over all that is to be judged."""
    if bool(arguments.paths) == (arguments.rgb is not None):
        raise FercoreError("give scans or folders, or a picture with --rgb FILE.")
    if arguments.rgb is None:
        if arguments.depth is not None or arguments.intrinsics is not None:
            raise FercoreError("--depth and --intrinsics belong to a picture given with --rgb.")
        return _scan_frames(arguments.paths)
    return iter([Remarked(_picture_frame(arguments), "")])


def _scan_frames(paths: list[Path]) -> Iterator[Remarked | Unusable]:
    from fercore.datasets.bu3dfe import Bu3dfe
    from fercore.io.bu3dfe_files import parse_file_name

    # All paths are looked at before the first frame, so that a wrong one is said at once.
    jobs: list[Path | Scan] = []
    for path in paths:
        if path.suffix.lower() == ".wrl" and path.is_file() and not parse_file_name(path.name):
            jobs.append(path)
        else:
            jobs += Bu3dfe(path).scans()
    return _read_frames(jobs)


def _read_frames(jobs: list[Path | Scan]) -> Iterator[Remarked | Unusable]:
    from tqdm import tqdm

    from fercore.datasets.frames import mesh_frame, scan_frame
    from fercore.faces.detection import MediapipeFaceLandmarker

    with MediapipeFaceLandmarker() as landmarker:
        for job in tqdm(jobs, unit="scan", leave=False, disable=None):
            try:
                if isinstance(job, Path):
                    yield Remarked(mesh_frame(job), "rendered picture")
                else:
                    yield Remarked(*scan_frame(job, landmarker))
            except FercoreError as error:
                yield Unusable(job.name, str(error))


def _picture_frame(arguments: argparse.Namespace) -> RGBDFrame:
    from fercore.io.images import read_rgb
    from fercore.structures import RGBDFrame

    rgb = read_rgb(arguments.rgb)
    intrinsics = _intrinsics(arguments.intrinsics, rgb.shape[1], rgb.shape[0])
    depth_m, remark = None, ""
    if arguments.depth is not None:
        depth_m, remark = _depth(arguments.depth, arguments.rgb, rgb, intrinsics)
    name = arguments.rgb.name
    return RGBDFrame(rgb, depth_m, intrinsics, 0.0, 0, origin=name, remark=remark)


def _depth(
    path: Path, picture: Path, rgb: UInt8Array, intrinsics: Intrinsics | None
) -> tuple[FloatArray | None, str]:
    """Return a picture's depth, and what its reader should know; None where it is of no use."""
    from fercore.faces.depth_units import Seen, settle_unit, sightings
    from fercore.io.depth_maps import read_depth_beside

    if not path.exists():
        raise FercoreError(f"{path} does not exist; name the picture's depth map.")
    try:
        found = read_depth_beside(path, picture, (rgb.shape[0], rgb.shape[1]))
    except DatasetError as error:
        return None, f"depth is left out: {error}"
    seen = Seen(rgb, found.units, intrinsics.fx if intrinsics else None)
    unit_m, of_unit = settle_unit(sightings([seen]), found.unit_m)
    remark = "; ".join(filter(None, (found.remark, of_unit)))
    return None if unit_m is None else found.metres(unit_m), remark


def _intrinsics(text: str | None, width: int, height: int) -> Intrinsics | None:
    from fercore.geometry.plausibility import intrinsics_doubt
    from fercore.structures import Intrinsics

    if text is None:
        return None
    try:
        fx, fy, cx, cy = (float(part) for part in text.split(","))
    except ValueError:
        raise FercoreError(
            f"--intrinsics {text}: give four numbers, such as 615,615,320,240."
        ) from None
    camera = Intrinsics(fx, fy, cx, cy, width, height)
    doubt = intrinsics_doubt(camera)
    if doubt:
        raise FercoreError(f"--intrinsics {text}: {doubt}; give those of this picture.")
    return camera


def _judge(predictor: Predictor, frames: Iterator[Remarked | Unusable]) -> Iterator[dict[str, Any]]:
    for item in frames:
        if isinstance(item, Unusable):
            print(f"fercore: {item.reason}", file=sys.stderr)
            yield {"name": item.name, "truth": None, **dict.fromkeys(HEADS), "reason": item.reason}
        else:
            yield _row(predictor.analyse(item.frame), item.remark)


def _row(analysis: Analysis, remark: str) -> dict[str, Any]:
    verdicts = analysis.verdicts
    truth = analysis.frame.truth
    heads = {head: getattr(verdicts, head) if verdicts else None for head in HEADS}
    return {
        "name": analysis.frame.origin,
        "truth": truth.value if truth else None,
        **{head: _probabilities(prediction) for head, prediction in heads.items()},
        "reason": "; ".join(filter(None, (analysis.reason, remark))),
    }


def _probabilities(prediction: Prediction | None) -> dict[str, float] | None:
    if prediction is None:
        return None
    values = (round(float(p), 5) for p in prediction.probabilities)
    return dict(zip(VERDICT_LABELS, values, strict=False))  # who does not know calm has six


def _table(rows: list[dict[str, Any]]) -> str:
    from tabulate import tabulate

    lines = [
        [
            row["name"],
            row["truth"] or "-",
            *(_verdict(row[head]) for head in HEADS),
            row["reason"],
        ]
        for row in rows
    ]
    return tabulate(lines, headers=["", "true", *HEADS, "remark"], disable_numparse=True)


def _verdict(probabilities: dict[str, float] | None) -> str:
    if probabilities is None:
        return "-"
    best = max(probabilities, key=probabilities.__getitem__)
    return f"{best} {probabilities[best]:.0%}"


SUB_COMMANDS = (
    SubCommand(
        "predict",
        "three verdicts on scans, or on a picture with its depth map",
        __doc__,
        add_arguments,
        run,
    ),
)
