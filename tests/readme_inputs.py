"""Small made-up stand-ins for the files and folders that the README's commands read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from camera_doubles import write_video
from fer2013_fixtures import striped_faces, write_csv
from made_up_faces import make_cache
from made_up_runs import MadeUp, write_run
from PIL import Image
from toy_face import toy_face_model

from fercore.datasets.opening import sample_root
from fercore.networks.paper import PIPELINES
from fercore.networks.preprocessing import Preprocessing
from fercore.synthesis.action_units import shape_names

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_SUBJECT = "F9001"
SCANS = ("NE00WH", "HA04WH")


def write_bu3dfe(path: Path) -> None:
    """Give two scans of a sample subject the codes of BU-3DFE's first."""
    _write_subject(path, "F0001")


def write_synthetic(path: Path) -> None:
    """Write a tree with the first synthetic subject."""
    _write_subject(path, "F9001")


def write_cache(path: Path, weights: Path) -> None:
    """Write random faces of ten subjects, cut out as the shipped weights want them."""
    card = json.loads((weights / "fusion-resnet50.json").read_text(encoding="utf-8"))
    make_cache(path, 10, 0, Preprocessing(**card["preprocessing"]))


def write_weights(path: Path, weights: Path) -> None:
    """Lay the shipped weights there."""
    path.mkdir()
    for file in weights.iterdir():
        (path / file.name).symlink_to(file)


def write_picture(path: Path) -> None:
    """Write a sample subject's picture."""
    scan = f"{SAMPLE_SUBJECT}/{SAMPLE_SUBJECT}_HA04WH_F2D.bmp"
    Image.open(sample_root() / scan).save(path)


def write_film(path: Path) -> None:
    """Write a video in which there is no face."""
    write_video(path, 4)


def write_films(path: Path) -> None:
    """Write a folder with a video."""
    path.mkdir()
    write_film(path / "first.mp4")


def write_depth(path: Path) -> None:
    """Write a rounded face half a metre away, in the middle of a picture of 512 × 512."""
    rows, columns = (np.mgrid[:512, :512] - 255.5) / 180
    height = 1 - rows**2 - columns**2
    depth_mm = np.where(height > 0, 500 - 60 * np.sqrt(np.clip(height, 0, None)), 0)
    Image.fromarray(depth_mm.astype(np.uint16)).save(path)


def write_face_model(path: Path) -> None:
    """Write the toy face in the layout of `ict_face_model.npz`; only its jaw moves."""
    model = toy_face_model()
    names, still = sorted(shape_names()), np.zeros_like(model.neutral_mm)
    shapes = np.stack([model.expression_mm.get(name, still) for name in names])
    np.savez(
        path,
        neutral=model.neutral_mm / 10,  # centimetres
        identity=model.identity_mm / 10,
        expression=shapes / 10,
        expression_names=np.array(names),
        faces=_quads(model.triangles),
        faces_uv=_quads(model.uv_triangles),
        uv=model.uv,
        material_names=np.array(model.material_names),
        face_material=model.triangle_material,
        region_names=np.array(list(model.regions)),
        region_ranges=np.array([(*limits, 0, 0) for limits in model.regions.values()]),
        landmark68=model.landmarks68,
    )


def write_fer2013(path: Path) -> None:
    """Write faces of stripes in all three splits of FER2013."""
    usages = ("Training",) * 28 + ("PublicTest",) * 7 + ("PrivateTest",) * 7
    images, labels = striped_faces(len(usages), 0)
    write_csv(path, list(zip(labels.tolist(), images, usages, strict=True)))


def write_evaluation(path: Path) -> None:
    """Write a finished evaluation of all pipelines with made-up results."""
    write_run(path, MadeUp(dict.fromkeys(PIPELINES, 0.6), folds=10))


def _write_subject(root: Path, subject: str) -> None:
    for file in (sample_root() / SAMPLE_SUBJECT).iterdir():
        if any(scan in file.name for scan in SCANS):
            link = root / subject / file.name.replace(SAMPLE_SUBJECT, subject)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)


def _quads(triangles: np.ndarray) -> np.ndarray:
    return np.pad(triangles, ((0, 0), (0, 1)), constant_values=-1)
