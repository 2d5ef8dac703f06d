"""The unfolded face model that a subject's looks are painted on, and the brushes.

The tiles of the model's materials are packed into one picture, the *palette*:

    face 1024 × 1024 | head 512 × 512
                     | gums 256 × 256 | teeth 256 × 256
                     | eye 256 × 256  | teeth as a band 256 × 256
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay, cKDTree

from fercore.synthesis.scanner import ByIdentity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.subjects import FaceModel

FACE_SIZE = 1024
COARSE = 256
"""Resolution of everything soft on the face's tile."""

PALETTE_HEIGHT, PALETTE_WIDTH = 1024, 1536
# Material -> left, top and size of its tile in the palette, pixels.
TILES: dict[str, tuple[int, int, int]] = {
    "M_Face": (0, 0, FACE_SIZE),
    "M_BackHead": (1024, 0, 512),
    "M_GumsTongue": (1024, 512, 256),
    "M_Teeth": (1280, 512, 256),
    "M_TeethBand": (1280, 768, 256),
    "M_ScleraLeft": (1024, 768, 256),
    "M_ScleraRight": (1024, 768, 256),
    "M_EyeballLeft": (1024, 768, 256),
    "M_EyeballRight": (1024, 768, 256),
}
_COARSE_HEAD = 128

BROWS = (slice(17, 22), slice(22, 27))
EYES = (slice(36, 42), slice(42, 48))
"""Among the 68 landmarks, the image's left one first."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The unfolded model: where its parts lie in the palette."""

    corners: FloatArray  # (T, 3, 2), column and row in the palette of each triangle's corners
    landmarks: FloatArray  # (68, 2), column and row on the face's tile
    face_mm: FloatArray  # (256, 256, 3), place on the neutral face of each coarse texel
    head_mm: FloatArray  # (128, 128, 3), the same for the head's tile
    head_mouth: FloatArray  # (128, 128), 1 inside the mouth
    brow_mm: float  # height of the brows on the neutral face
    ears_mm: float  # distance from the middle at which ears begin
    skin_on_head: bool  # the crop of a scan shows skin on the head's tile too
    teeth_are_bands: bool  # the model's teeth are smooth bands: gaps must be painted
    face_photo: FloatArray | None  # (256, 256, 2), u and v in a photographed skin, v upward
    head_photo: FloatArray | None  # (128, 128, 2), the same for the head's tile


def canvas_for(model: FaceModel) -> Canvas:
    """Return the model's canvas, worked out once per model and process."""
    return _canvas(ByIdentity(model))


@lru_cache(maxsize=2)
def _canvas(key: ByIdentity[FaceModel]) -> Canvas:
    model = key.value
    corners = _palette_corners(model)
    face = model.triangle_material == model.material_names.index("M_Face")
    head = model.triangle_material == model.material_names.index("M_BackHead")
    landmarks = _texel_of_vertex(model, corners, face)[model.landmarks68]
    mouth = np.zeros((len(model.neutral_mm), 1), np.float32)
    mouth[model.region("mouth_socket")] = 1
    left, _, head_size = TILES["M_BackHead"]
    face_tile = _Tile(corners[face] * np.float32(COARSE / FACE_SIZE), COARSE)
    head_corners = (corners[head] - np.array((left, 0))) * np.float32(_COARSE_HEAD / head_size)
    head_tile = _Tile(head_corners, _COARSE_HEAD)
    on_face, on_head = model.triangles[face], model.triangles[head]
    return Canvas(
        corners=corners,
        landmarks=landmarks,
        face_mm=face_tile.spread(model.neutral_mm[on_face]),
        head_mm=head_tile.spread(model.neutral_mm[on_head]),
        head_mouth=head_tile.spread(mouth[on_head])[..., 0],
        brow_mm=float(model.neutral_mm[model.landmarks68[17:27], 1].mean()),
        ears_mm=model.ears_mm,
        skin_on_head=bool((on_head < model.regions["face_narrow"][1]).all(axis=1).any()),
        teeth_are_bands="M_TeethBand" in model.material_names,
        face_photo=_photographed(model, face, face_tile),
        head_photo=_photographed(model, head, head_tile),
    )


def _photographed(model: FaceModel, chosen: NDArray[np.bool_], on_tile: _Tile) -> FloatArray | None:
    """Return where in a photographed skin each texel lies, where the model's skins show it."""
    if model.photos is None or np.isnan(model.photos.uv[chosen]).any():
        return None
    return on_tile.spread(model.photos.uv[chosen])


def _palette_corners(model: FaceModel) -> FloatArray:
    uv = model.uv[model.uv_triangles].astype(np.float32)
    # Tiles are unit squares side by side; a corner on an edge belongs to its triangle's tile.
    inside = uv - np.floor(uv.mean(axis=1, keepdims=True))
    corners = np.zeros_like(inside)
    for number, name in enumerate(model.material_names):
        left, top, size = TILES.get(name, (0, 0, 0))
        chosen = model.triangle_material == number
        corners[chosen, :, 0] = left + inside[chosen, :, 0] * (size - 1)
        corners[chosen, :, 1] = top + (1 - inside[chosen, :, 1]) * (size - 1)
    return np.asarray(corners, np.float32)


def _texel_of_vertex(
    model: FaceModel, corners: FloatArray, chosen: NDArray[np.bool_]
) -> FloatArray:
    texels = np.zeros((len(model.neutral_mm), 2), np.float32)
    texels[model.triangles[chosen]] = corners[chosen]
    return texels


class _Tile:
    """Spreads values at triangles' corners over a tile (size, size)."""

    def __init__(self, corners: FloatArray, size: int) -> None:
        self._texels, self._first = np.unique(corners.reshape(-1, 2), axis=0, return_index=True)
        self._mesh = Delaunay(self._texels)
        self._size = size

    def spread(self, values: FloatArray) -> FloatArray:
        """Return values (T, 3, C), one for each corner, as a picture (size, size, C)."""
        known = values.reshape(-1, values.shape[-1])[self._first]
        columns, rows = np.meshgrid(np.arange(self._size), np.arange(self._size))
        picture = LinearNDInterpolator(self._mesh, known)(columns, rows)
        # Beyond the tile's outline the nearest value goes on, so that no seam shows.
        outside = np.isnan(picture[..., 0])
        places = np.stack([columns[outside], rows[outside]], axis=1)
        picture[outside] = known[cKDTree(self._texels).query(places)[1]]
        return np.asarray(picture, np.float32)


def tile(palette: FloatArray, material: str) -> FloatArray:
    """Return a material's part of the palette, as a view."""
    left, top, size = TILES[material]
    return palette[top : top + size, left : left + size]


def moved(points: FloatArray, across: float, down: float) -> FloatArray:
    """Return points (..., 2) moved by that many texels."""
    return points + np.array((across, down), np.float32)


def blob(centre: FloatArray, across: float, along: float) -> FloatArray:
    """Return a soft spot (256, 256) of height 1 with the given half widths, coarse texels."""
    columns, rows = np.meshgrid(np.arange(COARSE), np.arange(COARSE))
    distance = ((columns - centre[0]) / across) ** 2 + ((rows - centre[1]) / along) ** 2
    return np.asarray(np.exp(-0.5 * distance), np.float32)


def enlarged(image: FloatArray) -> FloatArray:
    """Return a coarse picture (256, 256) at the face's full size (1024, 1024)."""
    return np.asarray(
        cv2.resize(image, (FACE_SIZE, FACE_SIZE), interpolation=cv2.INTER_CUBIC), np.float32
    )


def noise(rng: np.random.Generator, size: int, sigma: float) -> FloatArray:
    """Return smooth noise (size, size) of unit variance."""
    white = rng.standard_normal((size, size), np.float32)
    smooth = np.asarray(cv2.GaussianBlur(white, (0, 0), sigma))
    return np.asarray(smooth / smooth.std(), np.float32)


def stroke(image: FloatArray, points: FloatArray, strength: float, width: int = 1) -> None:
    """Draw a line through points (N, 2) with sub-pixel precision."""
    fixed = np.round(points * 16).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(image, [fixed], False, strength, width, cv2.LINE_AA, 4)


def smooth_outline(points: FloatArray) -> NDArray[np.int32]:
    """Return the closed polygon through the points with its corners cut twice (Chaikin)."""
    for _ in range(2):
        after = np.roll(points, -1, axis=0)
        halves = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], axis=1)
        points = halves.reshape(-1, 2)
    return np.asarray(np.round(points), np.int32)
