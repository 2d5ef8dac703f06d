"""Every reader of files from outside: samples it accepts, and what must hold of what it gives."""

from __future__ import annotations

import gzip
import io
import json
import math
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import bu3dfe_fixtures as bu3dfe
import numpy as np
import tiny_face_model as ict
import tiny_makehuman as head
import torch
from camera_doubles import record, write_video
from dataset_trees import bnt_bytes
from fer2013_fixtures import striped_faces, write_csv, write_shard
from PIL import Image
from study_fixtures import STUDY, record_run, write_study

from app.sources.choice import source_named
from app.sources.pictures.camera import read_camera
from app.start.settings import Settings
from app.study.durable import PictureWriter
from app.study.remote_messages import answer
from fercore.caches.reading import read_index, read_manifest
from fercore.caches.records import COLUMNS, FORMAT_VERSION
from fercore.io.bnt import read_bnt
from fercore.io.bu3dfe_files import read_bnd, read_pse
from fercore.io.depth_maps import read_depth_map
from fercore.io.fer2013 import Fer2013Split, read_fer2013
from fercore.io.images import read_rgb
from fercore.io.vrml import read_vrml
from fercore.networks.backbones import backbone_of
from fercore.networks.checkpoints import load_card, shipped_checkpoint
from fercore.runtime.parsing import loaded_archive, loaded_array, parsed_json
from fercore.study.baseline import load_baseline
from fercore.study.events import read_events, read_offsets
from fercore.study.made_folders import INDEX, MARK, delete_made, made_folders
from fercore.study.media import picture_times
from fercore.study.participants import read_participant
from fercore.study.predictions import read_predictions
from fercore.study.run_files import read_run_record
from fercore.study.study_file import read_study_file
from fercore.synthesis.subjects import load_face_model
from fercore.training.config import read_config, shipped_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.structures import Mesh


@dataclass(frozen=True)
class Reader:
    """A reader, and files it accepts."""

    name: str  # of the file
    samples: Callable[[], tuple[bytes, ...]]
    read: Callable[[Path], None]  # reads and checks what it read
    share: float = 1.0  # of the examples that others get: for those that take long


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


def picture_bytes(kind: str, mode: str = "RGB") -> bytes:
    rng, file = np.random.default_rng(0), io.BytesIO()
    if mode == "I;16":
        Image.fromarray(rng.integers(400, 900, (9, 7)).astype(np.uint16)).save(file, kind)
    else:
        Image.fromarray(rng.integers(0, 255, (9, 7, 3), np.uint8)).save(file, kind)
    return file.getvalue()


def written(write: Callable[[Path], object], name: str = "x") -> bytes:
    with TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


@cache
def run_files() -> dict[str, bytes]:
    """Return the files of a recorded run by name."""
    with TemporaryDirectory() as folder:
        place = record_run(write_study(Path(folder) / "s", "full"))
        found = {path.name: path.read_bytes() for path in place.folder.iterdir() if path.is_file()}
        found["participant.json"] = (place.folder.parents[1] / "participant.json").read_bytes()
        return found


def of_run(name: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: (run_files()[name],)


def shard(path: Path) -> None:
    write_shard(path, *striped_faces(7, 0))


def distances(path: Path) -> None:
    np.save(path, np.random.default_rng(0).uniform(0.4, 0.9, (9, 7)).astype(np.float32))


def kaggle(path: Path) -> None:
    images, labels = striped_faces(3, 0)
    rows = zip(labels.tolist(), images, ["Training"] * 3, strict=True)
    write_csv(path, list(rows))


def film(path: Path) -> None:
    write_video(path, 6)


def lossless_film(path: Path) -> None:
    with closing(PictureWriter(path, "ffv1")) as writer:
        for index in range(6):
            writer.write(np.full((24, 32, 3), 30 * index, np.uint8), index / 30)


def state(path: Path) -> None:
    torch.save({"conv1.weight": torch.ones(4, 3, 7, 7), "bn1.bias": torch.zeros(4)}, path)


def card_bytes() -> tuple[bytes, ...]:
    return (shipped_checkpoint("fusion-resnet50").with_suffix(".json").read_bytes(),)


MANIFEST = {
    **{"format_version": FORMAT_VERSION, "source": "tree", "scans_sha256": "0", "rows": 1},
    **{"views": 0, "seed": 3, "versions": {"python": "3"}},
    "preprocessing": {"rgb_size": 8, "depth_size": 6, "box_scale": 1, "depth_window_m": 0.04},
}
ROW = "0\ta\tF0001\tanger\t1\tWH\tf2d\tok\t\t0.9\t1\t2\t30\t40\t0.9\t0\t0.1\t"
BASELINE = {
    **{"probabilities": [[0.1, 0.2, 0.1, 0.2, 0.2, 0.2]] * 2 + [[None] * 6], "frames": 100},
    **{"duration_s": 5.0, "spread": 0.1, "drift": 0.1, "motion": 0.1},
}


def utf8(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(text.encode() for text in texts)


DEPTH_TIFF = picture_bytes("TIFF", "I;16")
KINDS = ("PNG", "JPEG", "BMP", "GIF", "TIFF")

READERS = (
    Reader(
        "mesh.wrl",
        lambda: (
            *utf8(bu3dfe.WRL, bu3dfe.grid_wrl(4, 4))(),
            gzip.compress(bu3dfe.WRL.encode(), mtime=0),
        ),
        lambda p: mesh(read_vrml(p, texture=False)),
    ),
    Reader("scan.bnt", lambda: (bnt_bytes(),), lambda p: mesh(read_bnt(p))),
    Reader("points.bnd", utf8(bu3dfe.bnd_text()), landmarks),
    Reader("pose.pse", utf8("0 0 1\n1 2 3\n", "normal 0 0.1 0.9\np1 3 4 5\n"), pose),
    Reader(
        "a.png",
        lambda: tuple(picture_bytes(k) for k in ("PNG", "JPEG", "BMP", "GIF", "TIFF")),
        pictures,
    ),
    Reader("d.png", lambda: (picture_bytes("PNG", "I;16"),), depth_map),
    Reader("depth.npy", lambda: (written(distances, "x.npy"), DEPTH_TIFF), depth_map),
    Reader("fer2013.csv", lambda: (written(kaggle),), faces),
    Reader("faces.npz", lambda: (written(shard, "x.npz"),), faces),
    Reader("arrays.npz", lambda: (written(shard, "x.npz"),), archive),
    Reader("array.npy", lambda: (written(lambda p: np.save(p, np.arange(9)), "x.npy"),), array),
    Reader("cache.json", utf8(json.dumps(MANIFEST)), manifest),
    Reader("index.tsv", utf8("\t".join(COLUMNS) + f"\n{ROW}\n"), index),
    Reader("weights.json", card_bytes, card),
    Reader("weights.pth", lambda: (written(state),), named_backbone),
    Reader("recipe.toml", lambda: (shipped_config("depth").read_bytes(),), recipe),
    Reader("study.toml", utf8(STUDY.format(privacy="full", codec="ffv1", baseline="true")), study),
    Reader("session.json", of_run("session.json"), run_record),
    Reader("predictions.tsv", of_run("predictions.tsv"), predictions),
    Reader("events.tsv", of_run("events.tsv"), events),
    Reader("clocks.tsv", of_run("clocks.tsv"), offsets),
    Reader("colour.mkv", of_run("colour.mkv"), video),
    Reader("film.mp4", lambda: (written(film), written(lossless_film)), played, 0.5),
    Reader("face.db3", lambda: (written(lambda p: record(str(p), 8), "x.db3"),), played, 0.1),
    Reader("ict_face_model.npz", lambda: (written(ict.write_npz, "x.npz"),), face_model, 0.1),
    Reader("makehuman_head.npz", lambda: (written(head.write_head, "x.npz"),), face_model, 0.1),
    Reader("participant.json", of_run("participant.json"), participant),
    Reader("baseline.json", utf8(json.dumps(BASELINE)), baseline),
    Reader(
        "camera.json",
        utf8('{"fx": 600, "fy": 600, "cx": 3, "cy": 4, "depth_unit_m": 0.001}'),
        camera,
    ),
    Reader("settings.json", utf8('{"window/theme": "dark", "window/geometry": "AQI="}'), settings),
    Reader(MARK, utf8('{"files": ["a", "b/c", "../beside"], "subjects": ["01"]}', '["a"]'), mark),
    Reader(INDEX, utf8('[{"folder": "exports/csv", "kind": "csv", "subjects": ["01"]}]'), made),
    Reader("message", utf8('{"do": "marker", "name": "x", "host_s": 1.5, "id": 3}'), message),
)
