"""Every reader of files from outside: samples it accepts, and the check of what it gives."""

from __future__ import annotations

import gzip
import io
import json
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import bu3dfe_fixtures as bu3dfe
import numpy as np
import reader_checks as check
import tiny_face_model as ict
import tiny_makehuman as head
import torch
from camera_doubles import record, write_video
from dataset_trees import bnt_bytes
from fer2013_fixtures import striped_faces, write_csv, write_shard
from PIL import Image
from study_fixtures import STUDY, record_run, write_study

from app.study.durable import PictureWriter
from fercore.caches.records import COLUMNS, FORMAT_VERSION
from fercore.io.bnt import read_bnt
from fercore.networks.checkpoints import shipped_checkpoint
from fercore.study.made_folders import INDEX, MARK
from fercore.training.config import shipped_config

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Reader:
    """A reader, and files it accepts."""

    name: str  # of the file
    samples: Callable[[], tuple[bytes, ...]]
    read: Callable[[Path], None]  # reads and checks what it read
    share: float = 1.0  # of the examples that others get: for those that take long


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
        check.vrml,
    ),
    Reader("scan.bnt", lambda: (bnt_bytes(),), lambda p: check.mesh(read_bnt(p))),
    Reader("points.bnd", utf8(bu3dfe.bnd_text()), check.landmarks),
    Reader("pose.pse", utf8("0 0 1\n1 2 3\n", "normal 0 0.1 0.9\np1 3 4 5\n"), check.pose),
    Reader(
        "a.png",
        lambda: tuple(picture_bytes(k) for k in ("PNG", "JPEG", "BMP", "GIF", "TIFF")),
        check.pictures,
    ),
    Reader("d.png", lambda: (picture_bytes("PNG", "I;16"),), check.depth_map),
    Reader("depth.npy", lambda: (written(distances, "x.npy"), DEPTH_TIFF), check.depth_map),
    Reader("fer2013.csv", lambda: (written(kaggle),), check.faces),
    Reader("faces.npz", lambda: (written(shard, "x.npz"),), check.faces),
    Reader("arrays.npz", lambda: (written(shard, "x.npz"),), check.archive),
    Reader(
        "array.npy", lambda: (written(lambda p: np.save(p, np.arange(9)), "x.npy"),), check.array
    ),
    Reader("cache.json", utf8(json.dumps(MANIFEST)), check.manifest),
    Reader("index.tsv", utf8("\t".join(COLUMNS) + f"\n{ROW}\n"), check.index),
    Reader("weights.json", card_bytes, check.card),
    Reader("weights.pth", lambda: (written(state),), check.named_backbone),
    Reader("recipe.toml", lambda: (shipped_config("depth").read_bytes(),), check.recipe),
    Reader(
        "study.toml", utf8(STUDY.format(privacy="full", codec="ffv1", baseline="true")), check.study
    ),
    Reader("session.json", of_run("session.json"), check.run_record),
    Reader("predictions.tsv", of_run("predictions.tsv"), check.predictions),
    Reader("events.tsv", of_run("events.tsv"), check.events),
    Reader("clocks.tsv", of_run("clocks.tsv"), check.offsets),
    Reader("colour.mkv", of_run("colour.mkv"), check.video),
    Reader("film.mp4", lambda: (written(film), written(lossless_film)), check.played, 0.5),
    Reader("face.db3", lambda: (written(lambda p: record(str(p), 8), "x.db3"),), check.played, 0.1),
    Reader("ict_face_model.npz", lambda: (written(ict.write_npz, "x.npz"),), check.face_model, 0.1),
    Reader(
        "makehuman_head.npz", lambda: (written(head.write_head, "x.npz"),), check.face_model, 0.1
    ),
    Reader("participant.json", of_run("participant.json"), check.participant),
    Reader("baseline.json", utf8(json.dumps(BASELINE)), check.baseline),
    Reader(
        "camera.json",
        utf8('{"fx": 600, "fy": 600, "cx": 3, "cy": 4, "depth_unit_m": 0.001}'),
        check.camera,
    ),
    Reader(
        "settings.json", utf8('{"window/theme": "dark", "window/geometry": "AQI="}'), check.settings
    ),
    Reader(
        MARK, utf8('{"files": ["a", "b/c", "../beside"], "subjects": ["01"]}', '["a"]'), check.mark
    ),
    Reader(
        INDEX, utf8('[{"folder": "exports/csv", "kind": "csv", "subjects": ["01"]}]'), check.made
    ),
    Reader("message", utf8('{"do": "marker", "name": "x", "host_s": 1.5, "id": 3}'), check.message),
)
