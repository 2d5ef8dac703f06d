"""The ICT-FaceKit morphable face, read from either of its two forms.

ICT-FaceKit (Li et al., "Learning Formation of Physically-Based Face Attributes",
CVPR 2020; MIT licence) describes a face as a neutral mesh plus 100 identity modes
with weights ~ N(0, 1) plus expression shapes with weights 0..1. Here it is turned
into millimetres, triangles and a frame whose origin lies between eyes and nose.

The meshes that the original lays over the eyeball (lashes, tear film, occlusion,
blend) are left out: they need a transparent renderer.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FercoreError
from fercore.synthesis.action_units import shape_names
from fercore.synthesis.wavefront import WavefrontMesh, read_wavefront, read_wavefront_vertices

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array, UInt8Array

IDENTITY_MODES = 100
MM_PER_CM = 10.0

# Vertex ranges of the parts, from the README of ICT-FaceKit's FaceXModel.
REGIONS: dict[str, tuple[int, int]] = {
    "face": (0, 9409),
    "head_neck": (9409, 11248),
    "mouth_socket": (11248, 13294),
    "eye_socket_left": (13294, 13678),
    "eye_socket_right": (13678, 14062),
    "gums_tongue": (14062, 17039),
    "teeth": (17039, 21451),
    "eyeball_left": (21451, 23021),
    "eyeball_right": (23021, 24591),
    "face_narrow": (0, 6706),
    "sclera_left": (21451, 22221),
    "iris_left": (22221, 23021),
    "sclera_right": (23021, 23791),
    "iris_right": (23791, 24591),
}

# Nose bridge and both eyes among the 68 landmarks: the middle of what BU-3DFE shows.
_ORIGIN_LANDMARKS = slice(27, 48)

_NPZ_KEYS = (
    "neutral",
    "identity",
    "expression",
    "expression_names",
    "faces",
    "faces_uv",
    "uv",
    "material_names",
    "face_material",
    "region_names",
    "region_ranges",
    "landmark68",
)

# Arrays of one row for each other's row.
_NAMED_ARRAYS = (
    ("expression_names", "expression"),
    ("region_names", "region_ranges"),
    ("face_material", "faces"),
    ("faces_uv", "faces"),
)


class FaceModelError(FercoreError):
    """A face model cannot be read; the message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A morphable face in millimetres: x to the image's right, y up, z to the viewer.

    A suffix `_L` or `_R` in an expression's name is the subject's own side; the
    subject's left is +x.
    """

    neutral_mm: FloatArray  # (V, 3)
    identity_mm: FloatArray  # (100, V, 3), displacement per unit weight, weights ~ N(0, 1)
    expression_mm: dict[str, FloatArray]  # name -> (V, 3), displacement at weight 1
    triangles: Int32Array  # (T, 3), indices into neutral_mm
    triangle_material: UInt8Array  # (T,), indices into material_names
    material_names: tuple[str, ...]  # such as M_Face, M_Teeth, M_IrisLeft
    uv: FloatArray  # (U, 2), v runs upward; one unit square per material (UDIM tiles)
    uv_triangles: Int32Array  # (T, 3), indices into uv
    regions: dict[str, tuple[int, int]]  # name -> first vertex, one past the last
    landmarks68: Int32Array  # (68,), vertex of each landmark, in the iBUG order

    def region(self, name: str) -> slice:
        """Return the vertices of a part such as `face` or `teeth` as a slice."""
        return slice(*self.regions[name])

    def fingerprint(self) -> str:
        """Return a sha256 over all shapes: equal only for the same model."""
        digest = hashlib.sha256(self.neutral_mm.tobytes())
        digest.update(self.identity_mm.tobytes())
        for name in sorted(self.expression_mm):
            digest.update(name.encode())
            digest.update(self.expression_mm[name].tobytes())
        return digest.hexdigest()


def load_face_model(path: Path) -> FaceModel:
    """Read `ict_face_model.npz` or ICT-FaceKit's own folder `FaceXModel/`.

    Raises:
        FaceModelError: nothing is there, or it is not a complete face model.
    """
    if not path.exists():
        raise FaceModelError(
            f"no face model at {path}: give ict_face_model.npz or ICT-FaceKit's folder FaceXModel"
        )
    model = _load_folder(path) if path.is_dir() else _load_npz(path)
    missing = sorted(shape_names() - set(model.expression_mm))
    if missing:
        raise FaceModelError(f"{path} is incomplete: the shape {missing[0]} is missing")
    return model


def _load_npz(path: Path) -> FaceModel:
    arrays = _npz_arrays(path)
    names = [str(name) for name in arrays["expression_names"]]
    regions = zip(arrays["region_names"], arrays["region_ranges"], strict=True)
    return _assemble(
        path,
        neutral_cm=arrays["neutral"],
        identity_cm=arrays["identity"],
        expression_cm=dict(zip(names, arrays["expression"], strict=True)),
        mesh=WavefrontMesh(
            vertices=arrays["neutral"],
            uv=arrays["uv"],
            faces=arrays["faces"],
            faces_uv=arrays["faces_uv"],
            face_material=arrays["face_material"],
            material_names=tuple(str(name) for name in arrays["material_names"]),
        ),
        regions={str(name): (int(limits[0]), int(limits[1])) for name, limits in regions},
        landmarks68=arrays["landmark68"],
    )


def _npz_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in _NPZ_KEYS if key in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise FaceModelError(f"{path} is no face model: it cannot be read as .npz") from error
    missing = [key for key in _NPZ_KEYS if key not in arrays]
    if missing:
        raise FaceModelError(f"{path} is no face model: it lacks {', '.join(missing)}")
    count = len(arrays["neutral"])
    for key in ("identity", "expression"):
        if arrays[key].ndim != 3 or arrays[key].shape[1:] != (count, 3):
            raise FaceModelError(f"{path} is damaged: {key} does not fit {count} vertices")
    if len(arrays["identity"]) != IDENTITY_MODES:
        raise FaceModelError(f"{path} is damaged: it lacks some of {IDENTITY_MODES} identities")
    for names, values in _NAMED_ARRAYS:
        if len(arrays[names]) != len(arrays[values]):
            raise FaceModelError(f"{path} is damaged: {names} do not fit {values}")
    return arrays


def _load_folder(folder: Path) -> FaceModel:
    indices = _vertex_indices(folder)
    full = read_wavefront(_required(folder, "generic_neutral_mesh.obj"))
    count = max(stop for _, stop in REGIONS.values())
    if len(full.vertices) < count:
        raise FaceModelError(f"{folder}/generic_neutral_mesh.obj has fewer than {count} vertices")
    neutral = full.vertices[:count]

    def displacement(name: str) -> FloatArray:
        vertices = read_wavefront_vertices(_required(folder, f"{name}.obj"))
        if len(vertices) != len(full.vertices):
            raise FaceModelError(f"{folder}/{name}.obj has another vertex count than the neutral")
        return vertices[:count] - neutral

    identity = [displacement(f"identity{index:03d}") for index in range(IDENTITY_MODES)]
    return _assemble(
        folder,
        neutral_cm=neutral,
        identity_cm=np.stack(identity),
        expression_cm={name: displacement(name) for name in _expression_names(folder, indices)},
        mesh=full.keep_vertices(count),
        regions=REGIONS,
        landmarks68=np.asarray(indices["idx_to_landmark_verts"], np.int32),
    )


def _required(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise FaceModelError(f"{folder} is no complete FaceXModel folder: {name} is missing")
    return path


def _vertex_indices(folder: Path) -> dict[str, list[int]]:
    path = _required(folder, "vertex_indices.json")
    try:
        indices = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FaceModelError(f"{path} is damaged: it is no JSON") from error
    if len(indices.get("idx_to_landmark_verts", [])) != 68 or "expressions" not in indices:
        raise FaceModelError(f"{path} is damaged: it lists no 68 landmarks or no expressions")
    return dict(indices)


def _expression_names(folder: Path, indices: dict[str, list[int]]) -> list[str]:
    """List the expressions the index names and those that merely lie there (`cheekRaiser_L`)."""
    found = {path.stem for path in folder.glob("*.obj")}
    extra = {name for name in found if not name.startswith(("identity", "generic_neutral"))}
    return sorted(extra | {str(name) for name in indices["expressions"]})


def _assemble(
    source: Path,
    neutral_cm: NDArray[Any],
    identity_cm: NDArray[Any],
    expression_cm: dict[str, NDArray[Any]],
    mesh: WavefrontMesh,
    regions: dict[str, tuple[int, int]],
    landmarks68: NDArray[Any],
) -> FaceModel:
    triangles, uv_triangles, triangle_material = mesh.triangulated()
    neutral_mm = np.asarray(neutral_cm, np.float32) * np.float32(MM_PER_CM)
    landmarks = np.asarray(landmarks68, np.int32)
    _require_range(source, "triangles", triangles, len(neutral_mm))
    _require_range(source, "uv triangles", uv_triangles, len(mesh.uv))
    _require_range(source, "landmarks", landmarks, len(neutral_mm))
    if not np.isfinite(neutral_mm).all():
        raise FaceModelError(f"{source} is damaged: a vertex is not a number")
    origin = neutral_mm[landmarks[_ORIGIN_LANDMARKS]].mean(axis=0)
    origin[0] = 0.0  # the model is symmetric about x = 0
    return FaceModel(
        neutral_mm=neutral_mm - origin,
        identity_mm=np.asarray(identity_cm, np.float32) * np.float32(MM_PER_CM),
        expression_mm={
            name: np.asarray(shape, np.float32) * np.float32(MM_PER_CM)
            for name, shape in expression_cm.items()
        },
        triangles=triangles,
        triangle_material=triangle_material,
        material_names=mesh.material_names,
        uv=mesh.uv,
        uv_triangles=uv_triangles,
        regions=regions,
        landmarks68=landmarks,
    )


def _require_range(source: Path, what: str, indices: Int32Array, count: int) -> None:
    if not indices.size or indices.min() < 0 or indices.max() >= count:
        raise FaceModelError(f"{source} is damaged: its {what} are out of range 0..{count - 1}")
