"""One moment on the disk: what the window showed, the frame behind it, and what was said of it.

    SNAPSHOT/view.png         the window as it was
    SNAPSHOT/rgb/frame.png    the colour picture
    SNAPSHOT/depth/frame.png  its depth map, 16 bits, tenths of a millimetre, 0 where unknown
    SNAPSHOT/camera.json      the camera; with the two pictures, a folder that can be played
    SNAPSHOT/face.png, face-depth.png   the crops that the networks saw
    SNAPSHOT/snapshot.json    verdicts, quality, versions

The folder is there whole or not at all.
"""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from PySide6.QtCore import QStandardPaths

from app.drawing.overlay import HEADS, by_head
from app.drawing.qimage import to_array
from fercore.errors import FercoreError, cure
from fercore.expressions import VERDICT_LABELS
from fercore.runtime.versions import versions

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from fercore.faces.quality import Quality
    from fercore.structures import Analysis, FloatArray, Prediction, UInt8Array

DEPTH_UNIT_M = 0.0001
FORMAT = 2
_FARTHEST = np.iinfo(np.uint16).max  # 6.5 m


class Snapshot(NamedTuple):
    """What is kept of a moment."""

    view: QImage
    analysis: Analysis  # as the networks said it, not smoothed
    quality: Quality
    source: str  # its name


def snapshot_folder() -> Path:
    """Return the folder among the user's pictures that snapshots are written to."""
    pictures = QStandardPaths.StandardLocation.PicturesLocation
    return Path(QStandardPaths.writableLocation(pictures)) / "rgbd-fer"


def save_snapshot(snapshot: Snapshot, parent: Path) -> Path:
    """Write a snapshot into a new folder below `parent`, named after the time; return it.

    Raises:
        FercoreError: it cannot be written.
    """
    taken = datetime.now().astimezone()
    try:
        folder = _free_folder(parent, f"snapshot-{taken:%Y-%m-%d_%H-%M-%S}")
        unfinished = folder.with_name(f"{folder.name}.part")
        try:
            _write(snapshot, unfinished, taken)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise FercoreError(
            f"The snapshot cannot be written to {parent} ({error.strerror or error}); "
            f"{cure(error)}."
        ) from error
    return folder


def _free_folder(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    folder, count = parent / name, 1
    while folder.exists():
        count += 1
        folder = parent / f"{name}-{count}"
    return folder


def _write(snapshot: Snapshot, folder: Path, taken: datetime) -> None:
    (folder / "rgb").mkdir(parents=True)
    analysis = snapshot.analysis
    (folder / "view.png").write_bytes(_colour_png(to_array(snapshot.view)))
    (folder / "rgb" / "frame.png").write_bytes(_colour_png(analysis.frame.rgb))
    if analysis.frame.depth_m is not None:
        (folder / "depth").mkdir()
        (folder / "depth" / "frame.png").write_bytes(_depth_png(analysis.frame.depth_m))
    if analysis.pair is not None:
        (folder / "face.png").write_bytes(_colour_png(analysis.pair.rgb))
        if analysis.pair.depth_m is not None:
            (folder / "face-depth.png").write_bytes(_depth_png(analysis.pair.depth_m))
    _write_json(folder / "camera.json", _camera(analysis))
    _write_json(folder / "snapshot.json", _account(snapshot, taken))


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")


def _colour_png(rgb: UInt8Array) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()


def _depth_png(depth_m: FloatArray) -> bytes:
    units = np.nan_to_num(depth_m, nan=0.0) / np.float32(DEPTH_UNIT_M)
    packed = np.clip(np.rint(units), 0, _FARTHEST).astype(np.uint16)
    return cv2.imencode(".png", packed)[1].tobytes()


def _camera(analysis: Analysis) -> dict[str, object]:
    """Return what `app.sources.pictures.camera` reads."""
    camera: dict[str, object] = {"depth_unit_m": DEPTH_UNIT_M}
    intrinsics = analysis.frame.intrinsics
    if intrinsics is not None:
        camera |= {name: getattr(intrinsics, name) for name in ("fx", "fy", "cx", "cy")}
    return camera


def _account(snapshot: Snapshot, taken: datetime) -> dict[str, object]:
    analysis = snapshot.analysis
    frame, pair = analysis.frame, analysis.pair
    heads = zip(HEADS, by_head(analysis.verdicts), strict=True)
    return {
        "format": FORMAT,
        "taken": taken.isoformat(timespec="seconds"),
        "source": snapshot.source,
        "origin": frame.origin,
        "frame": frame.index,
        "timestamp_s": frame.timestamp_s,
        "latency_s": analysis.latency_s,
        "truth": str(frame.truth) if frame.truth else None,
        "reason": analysis.reason,
        "box": None if pair is None else [pair.box.x0, pair.box.y0, pair.box.x1, pair.box.y1],
        "depth_unit_m": DEPTH_UNIT_M,
        "verdicts": {head.lower(): _verdict(prediction) for head, prediction in heads},
        "quality": {i.name.lower(): i._asdict() for i in snapshot.quality.indicators()},
        "versions": versions(),
    }


def _verdict(prediction: Prediction | None) -> dict[str, object] | None:
    if prediction is None:
        return None
    shares = zip(VERDICT_LABELS, prediction.probabilities, strict=False)  # six without calm
    return {
        "verdict": prediction.label,
        "sure": prediction.is_sure,
        "probabilities": {str(name): round(float(share), 6) for name, share in shares},
    }
