"""Photographed skins: MakeHuman's texture atlases, of which only the face is used.

An atlas shows the whole body unfolded; the face is a small island in it, lying on its
side. Where an atlas and a model's face tile correspond is known from the 68 landmarks:
a thin-plate spline through them unfolds one onto the other without a fold.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator, RBFInterpolator

from fercore.errors import FaceModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array
    from fercore.synthesis.person import Traits

SKINS_FOLDER = "makehuman_skins"
_ENDINGS = (".jpg", ".jpeg", ".png")

_DARK_MELANIN = 1.25  # from here on a dark skin is nearer than a light one
_MAKE_UP_SHARE = 0.25  # of the skin with painted eyes, against plain ones

_FACE_IN_ATLAS = ((0.68, 0.99), (0.30, 0.67))  # u, v: what surrounds the landmarks
_GRID = 90
_BEYOND_TILE = 0.75  # half the side of the square that the grid has to fill

_TILE = 1023.0
# Column and row of the 68 landmarks on a face tile of 1024 texels: the layout all painting
# is made for, which is that of ICT-FaceKit.
_LAYOUT = (
    (143, 295), (164, 394), (177, 477), (187, 557), (214, 647), (282, 720), (354, 742),
    (443, 732), (512, 734), (580, 732), (669, 742), (741, 720), (809, 647), (836, 557),
    (846, 477), (859, 394), (880, 295), (248, 209), (305, 190), (361, 190), (424, 196),
    (470, 202), (553, 202), (599, 196), (662, 190), (718, 190), (775, 209), (512, 283),
    (512, 327), (512, 359), (512, 402), (443, 467), (480, 469), (512, 469), (543, 469),
    (580, 467), (322, 288), (347, 284), (377, 284), (410, 292), (377, 295), (338, 295),
    (613, 292), (646, 284), (676, 284), (701, 288), (685, 295), (646, 295), (397, 571),
    (434, 519), (479, 502), (512, 501), (544, 502), (589, 519), (626, 571), (608, 629),
    (569, 651), (512, 656), (454, 651), (415, 629), (420, 579), (466, 546), (512, 544),
    (557, 546), (603, 579), (569, 619), (512, 623), (454, 619),
)  # fmt: skip
# The same landmarks in MakeHuman's atlas, u and v, v upward.
_IN_ATLAS = (
    (0.8341, 0.3842), (0.8535, 0.3855), (0.8809, 0.3932), (0.8973, 0.3909), (0.9248, 0.4032),
    (0.9463, 0.4328), (0.9532, 0.4581), (0.9490, 0.4688), (0.9536, 0.4832), (0.9490, 0.4975),
    (0.9532, 0.5082), (0.9463, 0.5335), (0.9248, 0.5631), (0.8973, 0.5755), (0.8809, 0.5731),
    (0.8535, 0.5809), (0.8341, 0.5821), (0.8247, 0.4266), (0.8210, 0.4335), (0.8200, 0.4494),
    (0.8197, 0.4577), (0.8210, 0.4669), (0.8210, 0.4995), (0.8197, 0.5086), (0.8200, 0.5169),
    (0.8210, 0.5329), (0.8247, 0.5398), (0.8386, 0.4832), (0.8549, 0.4832), (0.8659, 0.4832),
    (0.8732, 0.4832), (0.8836, 0.4718), (0.8859, 0.4774), (0.8868, 0.4832), (0.8859, 0.4889),
    (0.8836, 0.4945), (0.8377, 0.4392), (0.8332, 0.4481), (0.8344, 0.4541), (0.8407, 0.4606),
    (0.8443, 0.4525), (0.8444, 0.4470), (0.8407, 0.5058), (0.8344, 0.5122), (0.8332, 0.5182),
    (0.8377, 0.5271), (0.8444, 0.5194), (0.8442, 0.5139), (0.9089, 0.4603), (0.8989, 0.4703),
    (0.8964, 0.4780), (0.8977, 0.4832), (0.8966, 0.4884), (0.8982, 0.4961), (0.9090, 0.5060),
    (0.9220, 0.4985), (0.9252, 0.4935), (0.9272, 0.4832), (0.9252, 0.4729), (0.9220, 0.4679),
    (0.9124, 0.4681), (0.9031, 0.4768), (0.9031, 0.4832), (0.9029, 0.4895), (0.9125, 0.4984),
    (0.9144, 0.4901), (0.9150, 0.4831), (0.9145, 0.4762),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SkinPhotos:
    """The skins of a folder and where a model's surface lies in them."""

    paths: tuple[Path, ...]
    uv: FloatArray  # (T, 3, 2), place of each triangle's corners, v upward; NaN: not shown

    @property
    def names(self) -> tuple[str, ...]:
        """File names without ending, such as young_lightskinned_male_diffuse."""
        return tuple(path.stem for path in self.paths)

    def read(self, name: str) -> UInt8Array:
        """Return an atlas (H, W, 3) as sRGB.

        Raises:
            FaceModelError: the file cannot be read as a picture.
        """
        path = self.paths[self.names.index(name)]
        try:
            coded = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as error:
            raise FaceModelError(f"the skin {path} cannot be read: {error.strerror}") from error
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
        if picture is None:
            raise FaceModelError(f"the skin {path} is damaged: replace it or leave it out")
        return np.ascontiguousarray(picture[..., ::-1])

    def fingerprint(self) -> str:
        """Return a sha256 over all files: equal only for the same skins."""
        digest = hashlib.sha256()
        for path in self.paths:
            digest.update(path.name.encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def skin_paths(folder: Path) -> tuple[Path, ...]:
    """List the skins of a folder, sorted by name.

    Raises:
        FaceModelError: there is no such folder, or it holds no picture.
    """
    if not folder.is_dir():
        raise FaceModelError(f"no folder of skins at {folder}: give the folder {SKINS_FOLDER}")
    paths = tuple(sorted(p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS))
    if not paths:
        raise FaceModelError(f"{folder} holds no skins: give a folder of .jpg textures")
    return paths


def choose_skin(
    names: Sequence[str], melanin: float, traits: Traits | None, rng: np.random.Generator
) -> str:
    """Draw a skin whose name, such as `old_darkskinned_male_diffuse`, suits the person."""
    odds = np.array([_fit(name, melanin, traits) for name in names])
    return str(names[int(rng.choice(len(names), p=odds / odds.sum()))])


def _fit(name: str, melanin: float, traits: Traits | None) -> float:
    words = name.lower().split("_")
    fit = 0.001 if ("darkskinned" in words) != (melanin > _DARK_MELANIN) else 1.0
    fit *= _MAKE_UP_SHARE if "special" in words else 1.0
    if traits is None:
        return fit
    sex, other = ("female", "male") if traits.sex == "F" else ("male", "female")
    fit *= 0.1 if other in words and sex not in words else 1.0
    return fit * max(0.1, 1.0 - abs(_age_of(words) - traits.age_years) / 40)


def _age_of(words: Sequence[str]) -> float:
    ages = {"young": 25.0, "middleage": 45.0, "old": 68.0}
    return next((age for word, age in ages.items() if word in words), 40.0)


def photos_for_tile(
    paths: tuple[Path, ...], tile_uv: FloatArray, on_face: NDArray[np.bool_]
) -> SkinPhotos:
    """Lay skins over another model's face tile, whose corners (T, 3, 2) lie as ICT-FaceKit's."""
    uv = np.full(tile_uv.shape, np.nan, np.float32)
    uv[on_face] = atlas_of_tile(tile_uv[on_face].reshape(-1, 2)).reshape(-1, 3, 2)
    return SkinPhotos(paths, uv)


def tile_of_atlas(uv: FloatArray) -> FloatArray:
    """Return where on the unit square of the face tile places (N, 2) of an atlas lie."""
    return np.asarray(_unfolding()(uv), np.float32)


def atlas_of_tile(uv: FloatArray) -> FloatArray:
    """Return where in an atlas places (N, 2) on the unit square of the face tile lie."""
    inside, nearest = _folding()
    places = inside(uv)
    beyond = np.isnan(places[:, 0])
    places[beyond] = nearest(uv[beyond])
    return np.asarray(places, np.float32)


@lru_cache(maxsize=1)
def _unfolding() -> RBFInterpolator:
    tile = np.array(_LAYOUT) / _TILE * (1, -1) + (0, 1)
    return RBFInterpolator(np.array(_IN_ATLAS), tile, kernel="thin_plate_spline")


@lru_cache(maxsize=1)
def _folding() -> tuple[LinearNDInterpolator, NearestNDInterpolator]:
    """Return the inverse of the unfolding from a grid over the face, within it and beyond."""
    (u0, u1), (v0, v1) = _FACE_IN_ATLAS
    u, v = np.meshgrid(np.linspace(u0, u1, _GRID), np.linspace(v0, v1, _GRID))
    atlas = np.stack([u.ravel(), v.ravel()], axis=1)
    tile = tile_of_atlas(atlas)
    near = (np.abs(tile - 0.5) < _BEYOND_TILE).all(axis=1)
    known = tile[near], atlas[near]
    return LinearNDInterpolator(*known), NearestNDInterpolator(*known)
