"""The surface of the MakeHuman head in the form that painting and scanning expect.

The head comes as a coarse mesh of quads that is meant to be seen subdivided. Here its
parts get the materials and regions of the generic face model, vertices are sorted by
region, and texture coordinates are laid out anew: the face as ICT-FaceKit's lies, the iris
in the middle of the eye's tile, the teeth as two rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from fercore.structures import FloatArray
from fercore.synthesis.photographed_skin import tile_of_atlas
from fercore.synthesis.subdivision import subdivide

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fercore.structures import Int32Array, UInt8Array

Box = tuple[float, float, float, float]
Layout = Callable[[FloatArray], FloatArray]

# The body's islands in MakeHuman's atlas: u from, v from, u to, v to.
HEAD_ISLAND: Box = (0.641, 0.148, 0.994, 0.818)
MOUTH_ISLAND: Box = (0.70, 0.0, 1.0, 0.142)
SOCKET_ISLANDS: Box = (0.0, 0.52, 0.18, 0.66)
NECK_ISLAND: Box = (0.0, 0.80, 0.60, 1.0)
# Where they lie on the head's tile.
_HEAD_ON_TILE: Box = (0.01, 0.36, 0.99, 0.99)
_NECK_ON_TILE: Box = (0.01, 0.01, 0.48, 0.32)
_MOUTH_ON_TILE: Box = (0.51, 0.01, 0.73, 0.32)
_SOCKETS_ON_TILE: Box = (0.76, 0.01, 0.98, 0.32)

_LIMBUS = 0.125  # radius of the painted iris on the eye's tile
_LIMBUS_DEG = 27.5  # the same, seen from the middle of the eyeball
_FARTHEST = 0.49


def inside(uv: FloatArray, island: Box) -> NDArray[np.bool_]:
    """Tell which places (N, 2) of the atlas lie in a box."""
    low, high = np.array(island[:2]), np.array(island[2:])
    return np.asarray(((uv > low) & (uv < high)).all(axis=-1))


def head_layout(uv: FloatArray) -> FloatArray:
    """Put the head (Q, 4, 2), which lies on its side in the atlas, upright on its tile."""
    u0, v0, u1, v1 = HEAD_ISLAND
    upright = _rescaled(uv[..., ::-1] * (1, -1), (v0, -u1, v1, -u0), _HEAD_ON_TILE)
    neck = inside(uv.mean(axis=1), NECK_ISLAND)
    upright[neck] = _rescaled(uv[neck], NECK_ISLAND, _NECK_ON_TILE)
    return upright


def mouth_layout(uv: FloatArray) -> FloatArray:
    """Put the mouth's lining (Q, 4, 2) on the head's tile."""
    return _rescaled(uv, MOUTH_ISLAND, _MOUTH_ON_TILE)


def socket_layout(uv: FloatArray) -> FloatArray:
    """Put the eye sockets (Q, 4, 2) on the head's tile."""
    return _rescaled(uv, SOCKET_ISLANDS, _SOCKETS_ON_TILE)


def _rescaled(uv: FloatArray, source: Box, target: Box) -> FloatArray:
    share = (uv - np.array(source[:2])) / (np.array(source[2:]) - source[:2])
    return np.asarray(target[:2] + share * (np.array(target[2:]) - target[:2]), np.float32)


def eye_layout(places_mm: FloatArray) -> FloatArray:
    """Lay an eyeball out around its gaze: distance from the middle is the angle to it."""
    middle = (places_mm.min(axis=0) + places_mm.max(axis=0)) / 2
    x, y, z = (places_mm - middle).T
    off_axis = np.hypot(x, y)
    radius = np.degrees(np.arctan2(off_axis, z)) / _LIMBUS_DEG * _LIMBUS
    scale = np.minimum(radius, _FARTHEST) / np.maximum(off_axis, 1e-6)
    return np.asarray(np.stack([0.5 + x * scale, 0.5 + y * scale], axis=1), np.float32)


def upper_row_layout(places_mm: FloatArray) -> FloatArray:
    """Lay the upper teeth (N, 3) out in the upper half of their tile."""
    return _row_layout(places_mm, 0.5)


def lower_row_layout(places_mm: FloatArray) -> FloatArray:
    """Lay the lower teeth (N, 3) out in the lower half of their tile."""
    return _row_layout(places_mm, 0.0)


def _row_layout(places_mm: FloatArray, low: float) -> FloatArray:
    """Lay a row of teeth out along its arch, in the half of the tile that begins at `low`."""
    low_mm, high_mm = places_mm.min(axis=0), places_mm.max(axis=0)
    angle = np.arctan2(places_mm[:, 0], np.maximum(places_mm[:, 2] - low_mm[2], 1e-3))
    height = (places_mm[:, 1] - low_mm[1]) / max(float(high_mm[1] - low_mm[1]), 1e-3)
    along = 0.5 + 0.98 * angle / np.pi
    return np.asarray(np.stack([along, low + 0.02 + 0.46 * height], axis=1), np.float32)


MATERIALS = (
    "M_Face",
    "M_BackHead",
    "M_GumsTongue",
    "M_TeethBand",
    "M_EyeballLeft",
    "M_EyeballRight",
)

# Parts in the order of their vertices, with their materials. A vertex that two parts share
# belongs to the first.
_PARTS: tuple[tuple[str, str], ...] = (
    ("narrow_face", "M_Face"),
    ("narrow_head", "M_BackHead"),  # hairline and throat, which the face's tile does not reach
    ("face_rest", "M_Face"),
    ("head_neck", "M_BackHead"),
    ("mouth_socket", "M_BackHead"),
    ("eye_sockets", "M_BackHead"),
    ("tongue", "M_GumsTongue"),
    ("teeth_upper", "M_TeethBand"),
    ("teeth_lower", "M_TeethBand"),
    ("eyeball_left", "M_EyeballLeft"),
    ("eyeball_right", "M_EyeballRight"),
)
_PART = {name: number for number, (name, _) in enumerate(_PARTS)}
_GROUPS = {
    "helper-tongue": "tongue",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-l-eye": "eyeball_left",
    "helper-r-eye": "eyeball_right",
}
_BODY = "body"

# How the parts lie on their tiles: from their places in MakeHuman's atlas, or from those in mm.
_FLAT_LAYOUTS: dict[str, Layout] = {
    "narrow_head": head_layout,
    "head_neck": head_layout,
    "mouth_socket": mouth_layout,
    "eye_sockets": socket_layout,
}
_SOLID_LAYOUTS: dict[str, Layout] = {
    "teeth_upper": upper_row_layout,
    "teeth_lower": lower_row_layout,
    "eyeball_left": eye_layout,
    "eyeball_right": eye_layout,
}

_TILE_MARGIN = 0.004
# What the crop of a scan keeps, on the neutral face: an oval that ends before the ears.
_OVAL_MIDDLE_MM, _OVAL_HALF_MM = (0.0, -22.0), (76.0, 104.0)
_OVAL_BACK_MM = -66.0
_EYE_SIZE, _EYE_BACK_MM = 0.975, 0.5  # so that narrowed lids stay in front of the eyeballs
# Where the helpers sit for believable mouths: factors about their middle, shift in mm.
# The mouth's lining, which would show through cheeks and lips that move far, sits deeper.
_SEATS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "teeth_upper": ((0.94, 1.0, 0.98), (0.0, -4.5, -1.0)),
    "teeth_lower": ((0.90, 1.0, 0.95), (0.0, -2.0, -2.5)),
    "eyeball_left": ((1.0, 1.0, 1.0), (0.0, 0.0, -_EYE_BACK_MM)),
    "eyeball_right": ((1.0, 1.0, 1.0), (0.0, 0.0, -_EYE_BACK_MM)),
    "mouth_socket": ((0.86, 0.90, 0.97), (0.0, 0.0, -4.0)),
    "tongue": ((0.95, 0.8, 0.9), (0.0, -9.0, -6.0)),
}


@dataclass(frozen=True, slots=True)
class HeadSurface:
    """The subdivided head and how positions of the coarse one become its own."""

    refine: csr_array[Any]  # (V, C), places from those of the coarse mesh
    part: NDArray[np.int64]  # (V,), which of the parts, sorted
    quads: Int32Array  # (Q, 4), indices into V
    quad_part: NDArray[np.int64]  # (Q,)
    corner_uv: FloatArray  # (Q, 4, 2), place in MakeHuman's atlas
    coarse_vertex: NDArray[np.int64]  # (C,), the fine vertex behind each coarse one, or -1

    def refined(self, values_mm: FloatArray) -> FloatArray:
        """Subdivide displacements (..., C, 3) in mm, and seat eyes, teeth and tongue."""
        flat = np.moveaxis(values_mm, -2, 0).reshape(values_mm.shape[-2], -1)
        fine = (self.refine @ flat).reshape(-1, *values_mm.shape[:-2], 3)
        for name, (factors, _) in _SEATS.items():
            chosen = self.part == _PART[name]
            middle = fine[chosen].mean(axis=0)
            fine[chosen] = middle + np.array(factors, np.float32) * (fine[chosen] - middle)
        return np.ascontiguousarray(np.moveaxis(fine, 0, -2), np.float32)

    def placed(self, places_mm: FloatArray) -> FloatArray:
        """Subdivide places (C, 3) in mm: as displacements, and each part where it belongs."""
        fine = self.refined(places_mm)
        for name, (_, shift) in _SEATS.items():
            fine[self.part == _PART[name]] += np.array(shift, np.float32)
        return fine

    def regions(self) -> dict[str, tuple[int, int]]:
        """Return the generic face model's regions: first vertex, one past the last."""
        starts = np.searchsorted(self.part, np.arange(len(_PARTS) + 1)).tolist()
        spans = {name: (starts[n], starts[n + 1]) for n, (name, _) in enumerate(_PARTS)}
        return {
            "face": (0, spans["face_rest"][1]),
            "face_narrow": (0, spans["narrow_head"][1]),
            "head_neck": spans["head_neck"],
            "mouth_socket": spans["mouth_socket"],
            "gums_tongue": spans["tongue"],
            "teeth": (spans["teeth_upper"][0], spans["teeth_lower"][1]),
            "eyeball_left": spans["eyeball_left"],
            "eyeball_right": spans["eyeball_right"],
        }

    def material(self) -> UInt8Array:
        """Return the material (Q,) of each quad, an index into MATERIALS."""
        table = np.array([MATERIALS.index(material) for _, material in _PARTS], np.uint8)
        return np.asarray(table[self.quad_part])

    def tile_uv(self, neutral_mm: FloatArray) -> FloatArray:
        """Return the places (Q, 4, 2) of all corners on the tiles of their materials."""
        uv = self.corner_uv.copy()
        face = self.material() == MATERIALS.index("M_Face")
        uv[face] = tile_of_atlas(uv[face].reshape(-1, 2)).reshape(-1, 4, 2)
        for name, layout in _FLAT_LAYOUTS.items():
            chosen = self.quad_part == _PART[name]
            uv[chosen] = layout(uv[chosen])
        for name, solid_layout in _SOLID_LAYOUTS.items():
            self._lay_out(uv, neutral_mm, name, solid_layout)
        return np.asarray(uv, np.float32)

    def _lay_out(self, uv: FloatArray, neutral_mm: FloatArray, name: str, layout: Layout) -> None:
        places = np.full((len(neutral_mm), 2), np.nan, np.float32)
        chosen = self.part == _PART[name]
        places[chosen] = layout(neutral_mm[chosen])
        quads = self.quad_part == _PART[name]
        uv[quads] = places[self.quads[quads]]


def build_surface(
    base_mm: FloatArray,
    quads: Int32Array,
    quads_uv: Int32Array,
    uv: FloatArray,
    groups: NDArray[np.str_],
) -> HeadSurface:
    """Subdivide the head and sort it by parts.

    `base_mm` (C, 3) is in the generic frame; `groups` (F,) names each quad's group. Lashes
    and joints are left out.
    """
    part = _parts(base_mm, quads, uv[quads_uv], groups)
    kept = part >= 0
    fine = subdivide(quads[kept], len(base_mm))
    fine_uv = subdivide(quads_uv[kept], len(uv))
    quad_part = np.repeat(part[kept], 4)
    vertex_part = np.full(fine.smooth.shape[0], len(_PARTS), np.int64)
    np.minimum.at(vertex_part, fine.quads, quad_part[:, None])
    order = np.argsort(vertex_part, kind="stable")
    order = order[vertex_part[order] < len(_PARTS)]
    place = np.full(len(vertex_part), -1, np.int64)
    place[order] = np.arange(len(order))
    refine = _rounder_eyes(fine.smooth[order], vertex_part[order], order, base_mm)
    return HeadSurface(
        refine=refine,
        part=vertex_part[order],
        quads=place[fine.quads].astype(np.int32),
        quad_part=quad_part,
        corner_uv=np.asarray((fine_uv.linear @ uv)[fine_uv.quads], np.float32),
        coarse_vertex=place[: len(base_mm)],
    )


def _parts(
    base_mm: FloatArray, quads: Int32Array, corner_uv: FloatArray, groups: NDArray[np.str_]
) -> NDArray[np.int64]:
    """Return each quad's part (F,), or -1 for what is left out."""
    part = np.full(len(quads), -1, np.int64)
    for group, name in _GROUPS.items():
        part[groups == group] = _PART[name]
    body = groups == _BODY
    part[body] = _PART["head_neck"]
    middle = corner_uv.mean(axis=1)
    part[body & inside(middle, MOUTH_ISLAND)] = _PART["mouth_socket"]
    part[body & inside(middle, SOCKET_ISLANDS)] = _PART["eye_sockets"]
    skin = part == _PART["head_neck"]
    head = skin & ~inside(middle, NECK_ISLAND)
    on_tile = np.zeros(len(quads), bool)
    tile = tile_of_atlas(corner_uv[head].reshape(-1, 2)).reshape(-1, 8)
    on_tile[head] = (tile > _TILE_MARGIN).all(axis=1) & (tile < 1 - _TILE_MARGIN).all(axis=1)
    narrow = skin & _in_oval(base_mm)[quads].all(axis=1)
    part[narrow] = _PART["narrow_head"]
    part[on_tile] = _PART["face_rest"]
    part[on_tile & narrow] = _PART["narrow_face"]
    return part


def _in_oval(places_mm: FloatArray) -> NDArray[np.bool_]:
    distance = np.abs((places_mm[:, :2] - _OVAL_MIDDLE_MM) / _OVAL_HALF_MM)
    return np.asarray(((distance**3).sum(axis=1) < 1) & (places_mm[:, 2] > _OVAL_BACK_MM))


def _rounder_eyes(
    refine: csr_array[Any],
    part: NDArray[np.int64],
    order: NDArray[np.int64],
    base_mm: FloatArray,
) -> csr_array[Any]:
    """Undo the shrinking of the eyeballs, which would open gaps behind the lids."""
    dense = refine.tolil()
    for name in ("eyeball_left", "eyeball_right"):
        rows = np.flatnonzero(part == _PART[name])
        old = order[rows][order[rows] < len(base_mm)]
        middle = np.zeros(len(base_mm), np.float32)
        middle[old] = 1 / len(old)
        centre = middle @ base_mm
        before = np.linalg.norm(base_mm[old] - centre, axis=1).mean()
        after = np.linalg.norm(refine[rows[order[rows] < len(base_mm)]] @ base_mm - centre, axis=1)
        factor = np.float32(_EYE_SIZE * before / after.mean())
        dense[rows] = refine[rows].multiply(factor) + (1 - factor) * middle
    return csr_array(dense).astype(np.float32)
