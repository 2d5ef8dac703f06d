"""What must hold of what each reader of files from outside gives."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from app.sources.choice import source_named
from app.sources.pictures.camera import read_camera
from app.start.settings import Settings
from app.study.remote_messages import answer
from fercore.caches.reading import read_index, read_manifest
from fercore.io.bu3dfe_files import read_bnd, read_pse
from fercore.io.depth_maps import read_depth_map
from fercore.io.fer2013 import Fer2013Split, read_fer2013
from fercore.io.images import read_rgb
from fercore.io.vrml import read_vrml
from fercore.networks.backbones import backbone_of
from fercore.networks.checkpoints import load_card
from fercore.runtime.parsing import loaded_archive, loaded_array, parsed_json
from fercore.study.baseline import load_baseline
from fercore.study.events import read_events, read_offsets
from fercore.study.made_folders import delete_made, made_folders
from fercore.study.media import picture_times
from fercore.study.participants import read_participant
from fercore.study.predictions import read_predictions
from fercore.study.run_files import read_run_record
from fercore.study.study_file import read_study_file
from fercore.synthesis.subjects import load_face_model
from fercore.training.config import read_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fercore.structures import Mesh


def finite(*arrays: Any) -> None:
    for array in arrays:
        assert np.isfinite(np.asarray(array, np.float64)).all()


def within(array: Any, low: float, high: float) -> None:
    known = np.asarray(array, np.float64)
    known = known[~np.isnan(known)]
    assert ((known >= low) & (known <= high)).all()


def mesh(found: Mesh) -> None:
    finite(found.vertices_mm)
    within(found.vertices_mm, -1e7, 1e7)
    within(found.triangles, 0, len(found.vertices_mm) - 1)
    if found.uv is not None:
        finite(found.uv)


def numbers(value: object) -> None:
    """Check that all numbers of a record are finite."""
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(inner, float):
        assert math.isfinite(inner)
    elif not isinstance(value, str | bytes) and hasattr(inner, "__iter__"):
        for each in inner:
            numbers(each)


def vrml(path: Path) -> None:
    mesh(read_vrml(path, texture=False))


def predictions(path: Path) -> None:
    rows = read_predictions(path)
    finite(rows.time_s)
    within(np.concatenate([rows.raw, rows.smoothed, rows.corrected]), 0, 1)
    within(rows.boxes, -1e6, 1e6)
    within(rows.latency_s, -1e6, 1e6)


def events(path: Path) -> None:
    for event in read_events(path):
        finite(event.onset_s, event.duration_s)


def offsets(path: Path) -> None:
    for offset in read_offsets(path):
        finite(offset.host_s, offset.offset_s)


def pictures(path: Path) -> None:
    assert read_rgb(path).dtype == np.uint8


def depth_map(path: Path) -> None:
    units = read_depth_map(path).units
    known = units[~np.isnan(units)]
    finite(known)
    assert (known > 0).all()


def landmarks(path: Path) -> None:
    found = read_bnd(path)
    finite(found.points_mm)
    within(found.points_mm, -1e6, 1e6)


def pose(path: Path) -> None:
    found = read_pse(path)
    finite(found.normal, found.points_mm)


def faces(path: Path) -> None:
    found = read_fer2013([path], Fer2013Split.TRAINING)
    within(found.labels, -1, 6)
    assert found.images.dtype == np.uint8


def manifest(path: Path) -> None:
    found = read_manifest(path.parent)
    assert found.rows >= 0
    numbers(asdict(found))


def index(path: Path) -> None:
    for row in read_index(path.parent):
        within(row.valid_fraction, 0, 1)
        finite(row.valid_fraction, *(astuple_of(row.box) if row.box else ()))


def astuple_of(box: Any) -> tuple[float, ...]:
    return tuple(asdict(box).values())


def card(path: Path) -> None:
    found = load_card(path.with_suffix(".safetensors"))
    numbers(asdict(found.preprocessing))
    numbers([asdict(measure) for measure in found.measures])


def run_record(path: Path) -> None:
    found = read_run_record(path)
    numbers(asdict(found.counts))
    finite(found.duration_s, found.smoothing_s, found.depth_unit_m, found.clocks.start_host_s)


def participant(path: Path) -> None:
    assert read_participant(path.parent.parent, path.parent.name).position >= 0


def baseline(path: Path) -> None:
    numbers(asdict(load_baseline(path)))


def study(path: Path) -> None:
    found = read_study_file(path)
    finite(found.smoothing_s, *(task.duration_s for task in found.tasks))


def recipe(path: Path) -> None:
    numbers(asdict(read_config(path)))


def camera(path: Path) -> None:
    numbers(asdict(read_camera(path.parent)))


def settings(path: Path) -> None:
    found = Settings(path)
    assert found.theme in ("system", "light", "dark")
    _ = found.geometry, found.source, found.smoothness, found.recording_folder


def mark(path: Path) -> None:
    beside = path.parent.parent / "beside"
    beside.write_text("x")
    delete_made(path.parent)
    assert beside.exists()


def made(path: Path) -> None:
    made_folders(path.parent)


def video(path: Path) -> None:
    finite(list(picture_times(path)))


def played(path: Path) -> None:
    """Check every frame of what the application plays."""
    source = source_named(str(path))
    try:
        source.open()
        while (frame := source.read(1.0)) is not None:
            assert frame.rgb.dtype == np.uint8 and frame.rgb.shape[2] == 3
            finite(frame.timestamp_s)
            if frame.depth_m is not None:
                known = frame.depth_m[~np.isnan(frame.depth_m)]
                finite(known)
                assert (known > 0).all()
    finally:
        source.close()


def face_model(path: Path) -> None:
    found = load_face_model(path)
    finite(found.neutral_mm, found.uv, *found.expression_mm.values())
    within(found.triangles, 0, len(found.neutral_mm) - 1)
    within(found.uv_triangles, 0, len(found.uv) - 1)
    within(found.landmarks68, 0, len(found.neutral_mm) - 1)


def archive(path: Path) -> None:
    for found in named_error(lambda: loaded_archive(path, ("images", "labels"))).values():
        assert isinstance(found, np.ndarray)


def named_backbone(path: Path) -> None:
    assert backbone_of(path) in ("resnet50", "vgg19")


def array(path: Path) -> None:
    named_error(lambda: {"": loaded_array(path)})


def named_error(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what is read; the ValueError that callers put into words is no fault."""
    try:
        return read()
    except (ValueError, OSError):
        return {}


def message(path: Path) -> None:
    import threading

    class Deaf:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: {} if name == "status" else 1.0

    try:
        value = parsed_json(path.read_bytes())
    except ValueError:
        return
    reply = answer(Deaf(), value, threading.Lock())
    assert isinstance(reply["ok"], bool) and "failed" not in str(reply.get("error"))
    json.dumps(reply)
