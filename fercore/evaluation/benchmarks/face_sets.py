"""The faces that checkpoints are measured on: test people, public tests, people's own pictures.

Test people are rendered under a seed that no training uses. Nothing here may choose a
checkpoint; validation subjects do that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fercore.caches.pictures import PICTURE_VIEW, cut_picture
from fercore.caches.reading import open_cache
from fercore.caches.synthetic import CacheRecipe
from fercore.datasets.dataset import expression_named
from fercore.errors import DatasetError
from fercore.faces.cropping import crop_face
from fercore.io.fer2013 import Fer2013Split, read_fer2013
from fercore.io.files import files_below
from fercore.io.images import PICTURE_SUFFIXES, read_rgb
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FaceBox, RGBDFrame
from fercore.synthesis.samples import SampleRecipe
from fercore.synthesis.sensors import CAMERA_NAMES, SCANNER
from fercore.training.faces import CALM, LabelledFaces, certain_targets, read_faces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.faces.detection import FaceDetector
    from fercore.structures import UInt8Array

SEED = 2
"""Whose people are tested; `weights/README.md` tells which seeds trained."""

_SLIGHT = "levels 1 and 2"
LEVELS = {
    "at rest": (0,),
    _SLIGHT: (1, 2),
    "levels 3 and 4": (3, 4),
    "at rest and levels 3 and 4": (0, 3, 4),  # both kinds: calibration means something there
}

_SMALL = 160  # pixels; smaller pictures hold little but a face


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Faces that were never trained on."""

    name: str
    faces: LabelledFaces
    resting: LabelledFaces | None = None  # the same people at rest: verdicts are relative to it


def people_caches(
    face_model: Path, folder: Path, subjects: int, samples_per_subject: int
) -> dict[Path, CacheRecipe]:
    """Return the caches of a face model's test people, and what they are made of."""
    cameras = tuple(name for name in CAMERA_NAMES if name != SCANNER)
    return {
        folder / f"{face_model.stem}-{kind}": CacheRecipe(
            SampleRecipe((face_model.resolve(),), SEED, names),
            subjects,
            samples_per_subject,
            Preprocessing(),
        )
        for kind, names in (("scanner", (SCANNER,)), ("cameras", cameras))
    }


def cached_sets(path: Path) -> list[FaceSet]:
    """Read a prepared cache: faces at rest, slight and strong expressions apart.

    Slight expressions of people who are seen at rest as well stand there twice more: as they
    are, and relative to these people's resting faces.

    Raises:
        DatasetError: it is damaged or holds no face.
    """
    faces, _ = read_faces(path, calm=True)
    kind = ", synthetic" if open_cache(path).is_synthetic else ""
    if not faces.levels.any():
        return [FaceSet(f"{path.name}{kind}", faces)]
    return [
        FaceSet(f"{path.name}, {words}{kind}", faces.where(chosen))
        for words, levels in LEVELS.items()
        if (chosen := np.isin(faces.levels, levels)).any()
    ] + _against_rest(path.name, kind, faces)


def _against_rest(name: str, kind: str, faces: LabelledFaces) -> list[FaceSet]:
    at_rest = faces.where(faces.levels == 0)
    known = np.isin(faces.subjects, at_rest.subjects)
    slight = faces.where(known & np.isin(faces.levels, LEVELS[_SLIGHT]))
    if not len(slight):
        return []
    return [
        FaceSet(f"{name}, {_SLIGHT}, people seen at rest{kind}", slight),
        FaceSet(f"{name}, {_SLIGHT}, relative to their rest{kind}", slight, at_rest),
    ]


def public_test(source: Path, detector: FaceDetector) -> FaceSet:
    """Return FER2013's public test, without depth.

    With FER+'s votes the label is what five or more of ten people agree on; other faces are
    left out.

    Raises:
        DatasetError: the source holds no such faces.
    """
    files = sorted(source.rglob("*public*test*.npz")) if source.is_dir() else [source]
    files = files or sorted(source.rglob("*.csv"))[:1]
    if not files:
        raise DatasetError(f"{source} holds no public test of FER2013; give the file that does.")
    found = read_fer2013(files, Fer2013Split.PUBLIC_TEST)
    labels = found.agreed_labels()
    chosen = found.where(labels >= 0)
    rgb = [np.repeat(image[..., None], 3, axis=2) for image in chosen.images]
    crops = [cut_picture(picture, Preprocessing(), detector)[0] for picture in rgb]
    name = "FER2013" if found.votes is None else "FER+"
    names = np.array([f"{row}" for row in range(len(crops))])
    return FaceSet(f"{name} public test, real faces", _pictures(crops, labels[labels >= 0], names))


def labelled_pictures(folder: Path, detector: FaceDetector) -> FaceSet:
    """Read pictures from folders named for what they show, such as `anger` and `neutral`.

    Each picture counts as a person of its own. A face is cut out as in live use where one is
    found; where none is, the whole picture is taken.

    Raises:
        DatasetError: there is no such folder or picture, or one cannot be read.
    """
    labels: list[int] = []
    crops: list[UInt8Array] = []
    names: list[str] = []
    for below, label in _label_folders(folder):
        for path in files_below(below, []):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                crops.append(_cut(read_rgb(path), detector))
                labels.append(label)
                names.append(str(path.relative_to(folder)))
    if not crops:
        raise DatasetError(f"{folder} holds no pictures in folders such as anger or neutral.")
    return FaceSet(f"{folder.name}, pictures", _pictures(crops, np.array(labels), np.array(names)))


def _label_folders(folder: Path) -> list[tuple[Path, int]]:
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder; give one that holds folders such as anger.")
    labels = []
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        try:
            expression = expression_named(below.name)
        except ValueError:
            continue
        labels.append((below, CALM if expression is None else expression.position))
    return labels


def _cut(rgb: UInt8Array, detector: FaceDetector) -> UInt8Array:
    parameters = Preprocessing()
    height, width = rgb.shape[:2]
    if height == width and height < _SMALL:
        return cut_picture(rgb, parameters, detector)[0]
    boxes = detector.detect(rgb)
    whole = FaceBox(0, 0, width, height, 0.0)
    frame = RGBDFrame(rgb, None, None, 0.0, 0)
    fitting = parameters if boxes else replace(parameters, box_scale=1.0)
    return crop_face(frame, boxes[0] if boxes else whole, fitting).rgb


def _pictures(
    crops: Sequence[UInt8Array], labels: NDArray[np.int64], names: NDArray[np.str_]
) -> LabelledFaces:
    size, count = Preprocessing().depth_size, len(crops)
    return LabelledFaces(
        np.stack(crops),
        np.full((count, size, size), np.nan, np.float32),
        labels,
        names,
        np.zeros(count, np.int64),
        np.full(count, PICTURE_VIEW),
        certain_targets(labels),
    )
