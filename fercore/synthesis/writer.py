"""Writes synthetic scans in the layout and formats of BU-3DFE: texture atlas and landmarks too.

The left half shows the face from the image's left, upright; the right half shows it from
the right, turned by 180°. A triangle takes its colours from the view that sees it better.
Mouth and nostrils, which neither sees well, have a small frontal inset below the chin.

The model knows 68 landmarks. Lips (20) and lid corners are taken over as they are. The
lids' middles, the two edges of the brows, the sides of the nose and the 15 points of the
contour are interpolated from their neighbours and moved to the nearest vertex, so they
are plausible, not anatomically exact.

Per scan: `_F2D.bmp` (frontal picture), `_F3D.wrl` (cropped mesh), `_F3D.bmp` (texture of
both meshes), `_RAW.wrl` (uncropped mesh in a frame of its own), `_F3D.bnd` (83 landmarks)
and `_RAW.pse` (pose). `_F3D.wrl` is written last: where it exists, the scan is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from scipy.spatial import cKDTree

from fercore.runtime.files import whole_file
from fercore.synthesis.lighting import even_lighting
from fercore.synthesis.picture import Frame, LitSurface, face_picture, looks_of
from fercore.synthesis.scanner import (
    FROM_FRONT,
    FROM_LEFT,
    FROM_RIGHT,
    VIEW_YAW_DEG,
    ByIdentity,
    scanner_for,
    view_axes,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import FloatArray, Int32Array, UInt8Array
    from fercore.synthesis.appearance import Skin
    from fercore.synthesis.picture import Looks
    from fercore.synthesis.scanner import ScanSurface
    from fercore.synthesis.subjects import FaceModel

VIEW_WIDTH, VIEW_HEIGHT = 512, 568
_INSET_WIDTH, _INSET_HEIGHT = 144, 108
_INSET_CORNER = np.array((VIEW_WIDTH - _INSET_WIDTH, VIEW_HEIGHT - _INSET_HEIGHT))
_MARGIN_PIXELS = 4
POSE_LANDMARKS = (36, 39, 42, 45, 30, 48, 54, 8)
"""Of the 68: outer and inner eye corners, nose tip, mouth corners, chin."""

_BROW_EDGES_MM = (3.0, -4.0)  # upper and lower edge, from the brow's landmark
# Side of the nose from bridge to nostril: landmark and offset (outwards, up, forwards).
_NOSE_SIDE: tuple[tuple[int, tuple[float, float, float]], ...] = (
    (27, (8.0, -2.0, -5.0)),
    (28, (10.0, 0.0, -8.0)),
    (29, (13.0, -6.0, -12.0)),
    (31, (5.0, 5.0, -2.0)),
    (31, (0.0, 0.0, 0.0)),
    (32, (0.0, 0.0, 0.0)),
)
_RAW_TURN_DEG = 8.0
_RAW_SHIFT_MM = 40.0
# A tenth of the scanner's noise and a tenth of a pixel: more digits only cost space.
_POINT_FORMAT, _UV_FORMAT = "%.2f %.2f %.2f,\n", "%.4f %.4f,\n"

_HEADER = """#VRML V2.0 utf8
# Synthetic face, not a recording of a person.
Shape {{
  appearance Appearance {{
    material Material {{ ambientIntensity 1 diffuseColor 1 1 1 }}
    texture ImageTexture {{
      url "{texture}"
    }}
  }}
  geometry IndexedFaceSet {{
    solid FALSE
    coord Coordinate {{
      point [
"""
_FOOTER = """    ]
  }}
}}
Viewpoint {{
  position {x:.2f} {y:.2f} {z:.2f}
  orientation 0 0 1 0
  description "front"
}}
"""


@dataclass(frozen=True, slots=True)
class Atlas:
    """One scan's texture and the views it is made of."""

    rgb: UInt8Array  # (568, 1024, 3)
    frames: tuple[Frame, Frame, Frame]  # from the left, from the right, from the front

    def uv(self, surface: ScanSurface, vertices_mm: FloatArray) -> FloatArray:
        """Return the texture coordinates (U, 2) of a scan surface, v upward.

        `vertices_mm` (V, 3) are the surface's vertices, in the frame the views were taken in.
        """
        left, right, front = (frame.project(vertices_mm) for frame in self.frames)
        places = np.zeros((3, len(vertices_mm), 2))
        places[FROM_LEFT] = left
        places[FROM_RIGHT] = (2 * VIEW_WIDTH - 1, VIEW_HEIGHT - 1) - right
        places[FROM_FRONT] = front + _INSET_CORNER
        chosen = places[surface.uv_views, surface.uv_vertices]
        scaled = (chosen + 0.5) / (2 * VIEW_WIDTH, VIEW_HEIGHT)
        return np.clip(scaled * (1, -1) + (0, 1), 0, 1).astype(np.float32)


def take_atlas(
    lit: LitSurface, surface: ScanSurface, scanned_mm: FloatArray, rng: np.random.Generator
) -> Atlas:
    """Photograph all of a surface, whose vertices are `scanned_mm` (V, 3)."""
    inset = scanned_mm[surface.uv_vertices[surface.uv_views == FROM_FRONT]]
    frames = (
        _frame(scanned_mm, -VIEW_YAW_DEG, VIEW_WIDTH, VIEW_HEIGHT),
        _frame(scanned_mm, VIEW_YAW_DEG, VIEW_WIDTH, VIEW_HEIGHT),
        _frame(inset, 0.0, _INSET_WIDTH, _INSET_HEIGHT),
    )
    lighting = even_lighting(rng)
    left, right, front = (lit.picture(frame, lighting, rng) for frame in frames)
    rgb = np.ascontiguousarray(np.hstack([left, right[::-1, ::-1]]))
    rgb[-_INSET_HEIGHT:, VIEW_WIDTH - _INSET_WIDTH : VIEW_WIDTH] = front
    return Atlas(rgb, frames)


def _frame(scanned_mm: FloatArray, yaw_deg: float, width: int, height: int) -> Frame:
    """Return the frame that just holds the points, at its top where it is too high."""
    axes = view_axes(yaw_deg)
    seen = scanned_mm @ axes.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    usable = np.array([width, min(width, height)]) - 2 * _MARGIN_PIXELS
    mm_per_pixel = float(((high - low)[:2] / usable).max())
    middle = (low + high) / 2
    middle[1] = high[1] - (height / 2 - _MARGIN_PIXELS) * mm_per_pixel
    return Frame(axes, middle @ axes, mm_per_pixel, width, height)


def landmark_vertices(model: FaceModel, surface: ScanSurface) -> Int32Array:
    """Return the scan's vertex (83,) at each landmark of a `.bnd` file, in the file's order."""
    skin = np.flatnonzero(surface.vertices < model.regions["face"][1])
    tree = cKDTree(model.neutral_mm[surface.vertices[skin]])
    nearest = tree.query(_targets(model.neutral_mm[model.landmarks68]))[1]
    return np.asarray(skin[nearest], np.int32)


def _targets(points: FloatArray) -> FloatArray:
    """Return where on the neutral face the 83 landmarks lie, from the 68."""
    sides = (_nose_side(points, -1.0), _nose_side(_mirrored_nose(points), 1.0)[::-1])
    groups = (
        _eye(points[36:42]),
        _eye(points[42:48]),
        _brow(points[17:22]),
        _brow(points[22:27]),
        *sides,
        points[48:60],
        points[60:68],
        _contour(points[:17]),
    )
    return np.asarray(np.concatenate(groups), np.float32)


def _eye(lid: FloatArray) -> NDArray[np.float64]:
    upper, lower = (lid[1] + lid[2]) / 2, (lid[4] + lid[5]) / 2
    return np.stack([lid[0], lid[1], upper, lid[2], lid[3], lid[4], lower, lid[5]])


def _brow(points: FloatArray) -> NDArray[np.float64]:
    above, below = _BROW_EDGES_MM
    upper, lower = np.array((0, above, 0)), np.array((0, below, 0))
    return np.concatenate([points + upper, points[::-1] + lower])


def _mirrored_nose(points: FloatArray) -> FloatArray:
    mirrored = points.copy()
    mirrored[[31, 32]] = points[[35, 34]]
    return mirrored


def _nose_side(points: FloatArray, side: float) -> NDArray[np.float64]:
    return np.stack([points[index] + np.array(step) * (side, 1, 1) for index, step in _NOSE_SIDE])


def _contour(jaw: FloatArray) -> NDArray[np.float64]:
    """Resample the 17 points of the jaw line to 15; the chin stays in the middle."""
    place = np.linspace(0, 16, 15)
    return np.stack([np.interp(place, np.arange(17), jaw[:, axis]) for axis in range(3)], axis=1)


class NamedScan(Protocol):
    """Whatever knows the name its files start with, such as `F9001_AN01WH`."""

    @property
    def name(self) -> str:
        """Subject, expression, level and ancestry as BU-3DFE codes them."""


def write_scan(
    folder: Path,
    scan_id: NamedScan,
    model: FaceModel,
    vertices_mm: FloatArray,
    skin: Skin,
    rng: np.random.Generator,
) -> None:
    """Write all six files of one scan into an existing folder.

    `vertices_mm` (V, 3) are the model's vertices as the scanner finds them: the frame of F3D.
    Each file appears whole or not at all; `_F3D.wrl` comes last.

    Raises:
        OSError: a file cannot be written.
    """
    scanner = scanner_for(model)
    lit = LitSurface(vertices_mm, scanner, _looks(ByIdentity(model), skin))
    face_mm = vertices_mm[scanner.cropped.vertices]
    raw_mm = vertices_mm[scanner.uncropped.vertices]
    turn, shift_mm = _raw_motion(rng)
    texture = f"{scan_id.name}_F3D.bmp"
    _write(folder / f"{scan_id.name}_F2D.bmp", _bmp(face_picture(lit, face_mm, rng)))
    atlas = take_atlas(lit, scanner.uncropped, raw_mm, rng)
    _write(folder / texture, _bmp(atlas.rgb))
    _write(folder / f"{scan_id.name}_F3D.bnd", _bnd(_landmarks(ByIdentity(model)), face_mm))
    pose_points = vertices_mm[model.landmarks68[list(POSE_LANDMARKS)]] @ turn.T + shift_mm
    _write(folder / f"{scan_id.name}_RAW.pse", _pse(turn[:, 2], pose_points))
    raw_uv = atlas.uv(scanner.uncropped, raw_mm)
    raw_text = _vrml(scanner.uncropped, raw_mm @ turn.T + shift_mm, raw_uv, texture)
    _write(folder / f"{scan_id.name}_RAW.wrl", raw_text)
    face_uv = atlas.uv(scanner.cropped, face_mm)
    face_text = _vrml(scanner.cropped, face_mm, face_uv, texture)
    _write(folder / f"{scan_id.name}_F3D.wrl", face_text)


@lru_cache(maxsize=2)
def _looks(key: ByIdentity[FaceModel], skin: Skin) -> Looks:
    return looks_of(key.value, skin)


@lru_cache(maxsize=2)
def _landmarks(key: ByIdentity[FaceModel]) -> Int32Array:
    return landmark_vertices(key.value, scanner_for(key.value).cropped)


def _raw_motion(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the rigid motion from the frame of F3D to that of RAW."""
    vector = np.radians(rng.uniform(-_RAW_TURN_DEG, _RAW_TURN_DEG, 3))
    turn = np.asarray(cv2.Rodrigues(vector)[0], np.float64)
    return turn, rng.uniform(-_RAW_SHIFT_MM, _RAW_SHIFT_MM, 3)


def _vrml(
    surface: ScanSurface,
    vertices_mm: FloatArray | NDArray[np.float64],
    uv: FloatArray,
    texture: str,
) -> bytes:
    vertex_indices, uv_indices = _index_text(ByIdentity(surface))
    low, high = vertices_mm.min(axis=0), vertices_mm.max(axis=0)
    x, y, _ = (low + high) / 2
    parts = (
        _HEADER.format(texture=texture),
        _rows(_POINT_FORMAT, vertices_mm),
        "      ]\n    }\n    coordIndex [\n",
        vertex_indices,
        "    ]\n    texCoord TextureCoordinate {\n      point [\n",
        _rows(_UV_FORMAT, uv),
        "      ]\n    }\n    texCoordIndex [\n",
        uv_indices,
        _FOOTER.format(x=x, y=y, z=high[2] + 3 * (high[1] - low[1])),
    )
    return "".join(parts).encode("ascii")


@lru_cache(maxsize=4)
def _index_text(key: ByIdentity[ScanSurface]) -> tuple[str, str]:
    """Return both index lists; they never change from scan to scan and are half of the text."""
    line = "%d, %d, %d, -1,\n"
    return _rows(line, key.value.triangles), _rows(line, key.value.uv_triangles)


def _rows(row_format: str, values: FloatArray | NDArray[np.float64] | Int32Array) -> str:
    return row_format * len(values) % tuple(values.ravel().tolist())


def _bnd(landmarks: Int32Array, face_mm: FloatArray) -> bytes:
    rows = zip(landmarks.tolist(), face_mm[landmarks].tolist(), strict=True)
    return "".join(f"{i}\t\t{x:.2f} {y:.2f} {z:.2f}\n" for i, (x, y, z) in rows).encode("ascii")


def _pse(normal: NDArray[np.float64], points_mm: NDArray[np.float64]) -> bytes:
    text = _rows("%.6f %.6f %.6f\n", normal[None]) + _rows("%.2f %.2f %.2f\n", points_mm)
    return text.encode("ascii")


def _bmp(rgb: UInt8Array) -> bytes:
    return bytes(cv2.imencode(".bmp", rgb[..., ::-1])[1])


def _write(path: Path, content: bytes) -> None:
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)
