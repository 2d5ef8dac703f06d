"""The MakeHuman head, read from `makehuman_head.npz` (CC0).

Unlike ICT-FaceKit it knows sex, age and ancestry. Its targets and face units are stored on
a coarse mesh in decimetres; people are mixed there and subdivided afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fercore.errors import FaceModelError
from fercore.runtime.parsing import loaded_archive
from fercore.synthesis.makehuman_people import (
    average_weights,
    collected,
    detail_weights,
    macro_weights,
    makehuman_weights,
    sample_traits,
    sided,
)
from fercore.synthesis.makehuman_surface import MATERIALS, HeadSurface, build_surface
from fercore.synthesis.morphable_face import (
    MAKEHUMAN_NOTICE,
    ORIGIN_LANDMARKS,
    FaceModel,
    require_range,
)
from fercore.synthesis.person import Person
from fercore.synthesis.photographed_skin import SKINS_FOLDER, SkinPhotos, skin_paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array
    from fercore.synthesis.action_units import Activation

NEEDED_GROUPS = (
    "body",
    "helper-tongue",
    "helper-upper-teeth",
    "helper-lower-teeth",
    "helper-l-eye",
    "helper-r-eye",
)

_KEYS: dict[str, tuple[int | None, ...]] = {
    "base": (None, 3),
    "faces": (None, 4),
    "uv": (None, 2),
    "faces_uv": (None, 4),
    "face_group": (None,),
    "group_names": (None,),
    "target_names": (None,),
    "targets": (None, None, 3),
    "unit_names": (None,),
    "unit_deltas": (None, None, 3),
    "orig_vertex_index": (None,),
}
# Arrays of one row for each other's row, or of one row for each vertex.
_PAIRED = (
    ("faces_uv", "faces"),
    ("face_group", "faces"),
    ("target_names", "targets"),
    ("unit_names", "unit_deltas"),
    ("orig_vertex_index", "base"),
)
MM_PER_DM = 100.0

LANDMARKS = (
    267, 5201, 5205, 736, 737, 917, 5293, 5167, 5225, 11780, 11899, 7619, 7457, 7456, 11816,
    11812, 7036, 255, 225, 204, 205, 208, 6983, 6980, 6979, 6999, 7024, 133, 5063, 291, 297,
    360, 5138, 5072, 11752, 7121, 4854, 4848, 4865, 4870, 4862, 4860, 11488, 11483, 11466,
    11472, 11478, 11480, 402, 447, 457, 466, 7216, 7207, 7162, 7130, 11939, 5337, 5335, 370,
    437, 470, 474, 7226, 7197, 7236, 493, 481,
)  # fmt: skip
"""The 68 landmarks as vertices of MakeHuman's base.obj, in the iBUG order."""

_PROBES: tuple[dict[str, float], ...] = (
    {},
    {"JawDrop": 0.9, "JawDropStretched": 0.1},
    {"JawDrop": 0.4, "mouth-elevation": 0.8, "lowerLipDown": 0.6},
    {"mouth-corner-puller": 0.8, "mouth-elevation": 0.5, "lowerLipDown": 0.3},
    {"mouth-corner-puller": 0.9, "MouthPullUp": 0.5, "JawDrop": 0.3, "UpperLipUp": 0.3},
    {"MouthPullSide": 1.0, "MouthPlatysma": 0.8, "UpperLipUp": 0.2},
    {"JawDrop": 0.4, "MouthPlatysma": 0.7, "UpperLidOpen": 1.0},
)


def read_makehuman_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read and check `base`, `faces`, `targets` and the other arrays of `makehuman_head.npz`.

    Raises:
        FaceModelError: it is no archive, or an array is missing, damaged or does not fit.
    """
    try:
        arrays = loaded_archive(path, _KEYS)
    except (OSError, ValueError) as error:
        raise FaceModelError(f"{path} is no face model: it cannot be read as .npz") from error
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise FaceModelError(f"{path} is no face model: it lacks {', '.join(missing)}")
    _require_shapes(path, arrays)
    _require_values(path, arrays)
    return arrays


def _require_shapes(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for key, shape in _KEYS.items():
        found = arrays[key].shape
        fits = len(found) == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, found, strict=True)
        )
        if not fits:
            raise FaceModelError(f"{path} is damaged: {key} has the shape {found}")
    for key, other in _PAIRED:
        if len(arrays[key]) != len(arrays[other]):
            raise FaceModelError(f"{path} is damaged: {key} does not fit {other}")
    for key in ("targets", "unit_deltas"):
        if arrays[key].shape[1] != len(arrays["base"]):
            raise FaceModelError(f"{path} is damaged: {key} does not fit base")


def _require_values(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for key in ("base", "uv", "targets", "unit_deltas"):
        if arrays[key].dtype.kind != "f" or not np.isfinite(arrays[key]).all():
            raise FaceModelError(f"{path} is damaged: a value of {key} is not a number")
    for key, other in (("faces", "base"), ("faces_uv", "uv"), ("face_group", "group_names")):
        if arrays[key].dtype.kind not in "iu":
            raise FaceModelError(f"{path} is damaged: {key} holds no whole numbers")
        require_range(path, key, arrays[key], len(arrays[other]))
    groups = {str(name) for name in arrays["group_names"]}
    missing = [group for group in NEEDED_GROUPS if group not in groups]
    if missing:
        raise FaceModelError(f"{path} is incomplete: the group {missing[0]} is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeHumanModel(FaceModel):
    """The MakeHuman head: people vary by sex, age, ancestry, build and features."""

    name: ClassVar[str] = "MakeHuman"
    notice: ClassVar[str] = MAKEHUMAN_NOTICE
    brings_skins: ClassVar[bool] = True
    codes: ClassVar[str] = (
        "the letter for sex in file names is true; those for ancestry are arbitrary"
    )
    probes: ClassVar[tuple[dict[str, float], ...]] = _PROBES
    ears_mm: ClassVar[float] = 66.0

    surface: HeadSurface
    base_mm: FloatArray  # (C, 3), MakeHuman's base on the coarse mesh
    target_names: tuple[str, ...]
    targets_dm: NDArray[np.float16]  # (N, C, 3), displacement at weight 1, decimetres

    def sample_person(self, number: int, rng: np.random.Generator) -> Person:
        """Draw a face and who it belongs to; odd numbers are women, even ones men."""
        traits = sample_traits("FM"[(number - 1) % 2], rng)
        weights = macro_weights(traits, rng) | detail_weights(self.target_names, rng)
        coarse = _mixed(self.base_mm, self.target_names, self.targets_dm, weights)
        face = self.surface.placed(coarse)
        return Person(face - _origin(face, self.landmarks68), traits)

    def shape_weights(self, activations: Mapping[int, Activation]) -> dict[str, float]:
        """Turn action units into weights of the head's shapes, each 0..1."""
        return makehuman_weights(activations)

    def _shapes(self) -> Iterator[tuple[str, FloatArray]]:
        yield "", self.base_mm
        for name, target in zip(self.target_names, self.targets_dm, strict=True):
            yield name, target.astype(np.float32)
        for name in sorted(self.expression_mm):
            yield name, self.expression_mm[name]


def load_makehuman_model(path: Path, skins: Path | None = None) -> MakeHumanModel:
    """Read `makehuman_head.npz`; `skins` is by default the folder beside it, if there is one.

    Raises:
        FaceModelError: the file is no complete head, or `skins` is no folder of pictures.
    """
    arrays = read_makehuman_arrays(path)
    names = tuple(str(name) for name in arrays["target_names"])
    missing = sorted(set(average_weights()) - set(names))
    if missing:
        raise FaceModelError(f"{path} is incomplete: the target {missing[0]} is missing")
    landmarks = _landmarks(path, arrays["orig_vertex_index"])
    base = arrays["base"].astype(np.float32) * np.float32(MM_PER_DM)
    base -= _origin(base, landmarks)
    groups = arrays["group_names"][arrays["face_group"]]
    surface = build_surface(base, arrays["faces"], arrays["faces_uv"], arrays["uv"], groups)
    fine_landmarks = surface.coarse_vertex[landmarks].astype(np.int32)
    neutral = surface.placed(_mixed(base, names, arrays["targets"], average_weights()))
    neutral -= _origin(neutral, fine_landmarks)
    return _assemble(path, arrays, names, surface, base, neutral, fine_landmarks, skins)


def _assemble(
    path: Path,
    arrays: dict[str, NDArray[Any]],
    names: tuple[str, ...],
    surface: HeadSurface,
    base_mm: FloatArray,
    neutral_mm: FloatArray,
    landmarks: Int32Array,
    skins: Path | None,
) -> MakeHumanModel:
    halves = np.array([[0, 1, 2], [0, 2, 3]])
    corner_uv = surface.tile_uv(neutral_mm)[:, halves].reshape(-1, 3, 2)
    return MakeHumanModel(
        neutral_mm=neutral_mm,
        expression_mm=_expressions(path, arrays, surface, neutral_mm),
        triangles=np.ascontiguousarray(surface.quads[:, halves].reshape(-1, 3)),
        triangle_material=np.repeat(surface.material(), 2),
        material_names=MATERIALS,
        uv=np.ascontiguousarray(corner_uv.reshape(-1, 2)),
        uv_triangles=np.arange(3 * len(corner_uv), dtype=np.int32).reshape(-1, 3),
        regions=surface.regions(),
        landmarks68=landmarks,
        photos=_photos(path, skins, surface.corner_uv[:, halves].reshape(-1, 3, 2)),
        surface=surface,
        base_mm=base_mm,
        target_names=names,
        targets_dm=arrays["targets"].astype(np.float16),
    )


def _photos(path: Path, skins: Path | None, corner_uv: FloatArray) -> SkinPhotos | None:
    beside = path.parent / SKINS_FOLDER
    folder = skins if skins is not None else beside if beside.is_dir() else None
    return None if folder is None else SkinPhotos(skin_paths(folder), corner_uv)


def _expressions(
    path: Path, arrays: dict[str, NDArray[Any]], surface: HeadSurface, neutral_mm: FloatArray
) -> dict[str, FloatArray]:
    coarse = collected(
        [str(name) for name in arrays["target_names"]],
        arrays["targets"],
        [str(name) for name in arrays["unit_names"]],
        arrays["unit_deltas"],
    )
    fine = {name: surface.refined(shape * np.float32(MM_PER_DM)) for name, shape in coarse.items()}
    try:
        return sided(fine, neutral_mm[:, 0])
    except KeyError as error:
        message = f"{path} is incomplete: the shape {error.args[0]} is missing"
        raise FaceModelError(message) from error


def _mixed(
    base_mm: FloatArray,
    names: tuple[str, ...],
    targets_dm: NDArray[Any],
    weights: Mapping[str, float],
) -> FloatArray:
    """Return the coarse places (C, 3) in mm of the base with targets added."""
    chosen = [index for index, name in enumerate(names) if name in weights]
    shares = np.array([weights[names[index]] for index in chosen], np.float32) * MM_PER_DM
    moved = np.tensordot(shares.astype(np.float32), targets_dm[chosen].astype(np.float32), axes=1)
    return np.asarray(base_mm + moved, np.float32)


def _origin(places_mm: FloatArray, landmarks: NDArray[Any]) -> FloatArray:
    """Return the point between eyes and nose that becomes the frame's origin."""
    return np.asarray(places_mm[landmarks[ORIGIN_LANDMARKS]].mean(axis=0), np.float32)


def _landmarks(path: Path, numbers: NDArray[Any]) -> NDArray[np.int64]:
    place = {int(number): index for index, number in enumerate(numbers)}
    if not place.keys() >= set(LANDMARKS):
        raise FaceModelError(f"{path} is damaged: it lacks vertices of the face's landmarks")
    return np.array([place[number] for number in LANDMARKS], np.int64)
