"""The ICT-FaceKit morphable face, read from either of its two forms.

ICT-FaceKit (Li et al., "Learning Formation of Physically-Based Face Attributes",
CVPR 2020; MIT licence) describes a face as a neutral mesh plus 100 identity modes
with weights ~ N(0, 1) plus expression shapes with weights 0..1. Here it is turned
into millimetres, triangles and a frame whose origin lies between eyes and nose.

The meshes that the original lays over the eyeball (lashes, tear film, occlusion,
blend) are left out: they need a transparent renderer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fercore.errors import FaceModelError
from fercore.runtime.parsing import loaded_archive, parsed_json
from fercore.synthesis.action_units import blendshape_weights, shape_names
from fercore.synthesis.morphable_face import ICT_NOTICE, ORIGIN_LANDMARKS, FaceModel, require_range
from fercore.synthesis.person import Person
from fercore.synthesis.photographed_skin import SkinPhotos, photos_for_tile, skin_paths
from fercore.synthesis.wavefront import WavefrontMesh, read_wavefront, read_wavefront_vertices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.action_units import Activation

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

# What opens eyes and mouth widest; a name without its side stands for both.
_PROBES: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 1.0},
    {"jawOpen": 0.6, "mouthUpperUp": 1.0, "mouthLowerDown": 1.0},
    {"jawOpen": 0.2, "mouthSmile": 1.0, "mouthUpperUp": 0.6},
    {"jawOpen": 0.5, "mouthStretch": 1.0, "eyeWide": 1.0},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IctModel(FaceModel):
    """The ICT-FaceKit face; it knows neither sex nor age nor ancestry.

    A suffix `_L` or `_R` in an expression's name is the subject's own side.
    """

    name: ClassVar[str] = "ICT-FaceKit"
    notice: ClassVar[str] = ICT_NOTICE
    brings_skins: ClassVar[bool] = False
    codes: ClassVar[str] = "the letters for sex and ancestry in file names are arbitrary"
    probes: ClassVar[tuple[dict[str, float], ...]] = _PROBES
    ears_mm: ClassVar[float] = 77.0

    identity_mm: FloatArray  # (100, V, 3), displacement per unit weight, weights ~ N(0, 1)

    def sample_person(self, number: int, rng: np.random.Generator) -> Person:
        """Draw a face: identity weights ~ N(0, 1) as the model defines them."""
        weights = rng.standard_normal(IDENTITY_MODES).astype(np.float32)
        return Person(self.neutral_mm + np.tensordot(weights, self.identity_mm, axes=1))

    def shape_weights(self, activations: Mapping[int, Activation]) -> dict[str, float]:
        """Turn action units into weights of the model's shapes, each 0..1."""
        return blendshape_weights(activations)

    def _shapes(self) -> Iterator[tuple[str, FloatArray]]:
        yield "", self.identity_mm
        for name in sorted(self.expression_mm):
            yield name, self.expression_mm[name]


def load_ict_model(path: Path, skins: Path | None = None) -> IctModel:
    """Read `ict_face_model.npz` or ICT-FaceKit's own folder `FaceXModel/`.

    Half the subjects wear one of `skins`, a folder of MakeHuman's textures, where it is given.

    Raises:
        FaceModelError: it is not a complete face model, or `skins` is no folder of pictures.
    """
    model = _load_folder(path) if path.is_dir() else _load_npz(path)
    missing = sorted(shape_names() - set(model.expression_mm))
    if missing:
        raise FaceModelError(f"{path} is incomplete: the shape {missing[0]} is missing")
    return model if skins is None else replace(model, photos=_photos(model, skins))


def _photos(model: IctModel, skins: Path) -> SkinPhotos:
    on_face = model.triangle_material == model.material_names.index("M_Face")
    return photos_for_tile(skin_paths(skins), model.uv[model.uv_triangles], on_face)


def _load_npz(path: Path) -> IctModel:
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
        arrays = loaded_archive(path, _NPZ_KEYS)
    except (OSError, ValueError) as error:
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


def _load_folder(folder: Path) -> IctModel:
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
        indices = parsed_json(path.read_bytes())
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
) -> IctModel:
    triangles, uv_triangles, triangle_material = mesh.triangulated()
    neutral_mm = np.asarray(neutral_cm, np.float32) * np.float32(MM_PER_CM)
    landmarks = np.asarray(landmarks68, np.int32)
    require_range(source, "triangles", triangles, len(neutral_mm))
    require_range(source, "uv triangles", uv_triangles, len(mesh.uv))
    require_range(source, "landmarks", landmarks, len(neutral_mm))
    if not np.isfinite(neutral_mm).all():
        raise FaceModelError(f"{source} is damaged: a vertex is not a number")
    origin = neutral_mm[landmarks[ORIGIN_LANDMARKS]].mean(axis=0)
    origin[0] = 0.0  # the model is symmetric about x = 0
    return IctModel(
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
