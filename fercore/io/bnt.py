"""Reads the range images of Bosphorus (`.bnt`) as meshes.

Little-endian throughout: rows and columns (u16), the background value (f64), the length of
a name (u16) and the name, the number of values (u32), then the values (f64): five planes of
rows × columns each, x, y, z in millimetres and u, v, the place in the picture from 0 to 1.
The lowest row of the face comes first. A point with the background value in any plane is
not part of the surface.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import MeshError
from fercore.io.files import beginning, read_bytes
from fercore.structures import Mesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_COORDINATE_MM = 1e6
"""A kilometre: what lies beyond is damage, not a face."""

_HEADER = struct.Struct("<HHdH")  # rows, columns, background, length of the name
_COUNT = struct.Struct("<I")  # number of values
_VALUE_BYTES = 8
_PLANES = 5
_TEAR = 10.0  # a triangle with an edge this many times the median bridges a jump in depth


@dataclass(frozen=True, slots=True)
class RangeImage:
    """The points of a range image, row after row."""

    rows: int
    columns: int
    points_mm: NDArray[np.float64]  # (N, 3), x to the image's right, y up, z towards the camera
    uv: NDArray[np.float64]  # (N, 2), place in the picture, as stored
    known: NDArray[np.bool_]  # (N,), part of the surface
    picture_name: str  # as the file gives it


def read_bnt(path: Path) -> Mesh:
    """Read a range image as a mesh with texture coordinates, without its picture.

    Neighbouring points become triangles, save across jumps in depth.

    Raises:
        MeshError: the file is missing, truncated, inconsistent or without a surface.
    """
    path = Path(path)
    content = read_bytes(path, MeshError)
    try:
        return range_mesh(parse_bnt(content))
    except ValueError as reason:
        raise MeshError(f"{path} is no usable range image: {reason}") from reason


def parse_bnt(content: bytes) -> RangeImage:
    """Convert the bytes of a `.bnt` file; every size is checked before anything is converted.

    Raises:
        ValueError: the bytes are not consistent; the message is the reason.
    """
    if len(content) < _HEADER.size + _COUNT.size:
        raise ValueError(f"it is truncated, it holds {beginning(content)} alone")
    rows, columns, background, name_bytes = _HEADER.unpack_from(content)
    start = _HEADER.size + name_bytes + _COUNT.size
    if len(content) < start:
        raise ValueError("it is truncated inside its header")
    (count,) = _COUNT.unpack_from(content, start - _COUNT.size)
    _require_sizes(len(content) - start, count, rows, columns)
    if not np.isfinite(background):
        raise ValueError("its background value is no finite number")
    name = content[_HEADER.size : start - _COUNT.size].decode("ascii", "replace").strip("\0 ")
    planes = np.frombuffer(content, "<f8", count, start).reshape(_PLANES, -1).T
    known = (planes != background).all(axis=1)
    _require_finite(planes[known])
    return RangeImage(rows, columns, planes[:, :3], planes[:, 3:], known, name)


def range_mesh(image: RangeImage) -> Mesh:
    """Return the surface of a range image.

    Raises:
        ValueError: no three neighbouring points are known.
    """
    triangles = _grid_triangles(image.known, _row_length(image))
    if not len(triangles):
        raise ValueError("it holds no surface, only background")
    triangles = _facing_camera(_without_tears(triangles, image.points_mm), image.points_mm)
    used, compact = np.unique(triangles, return_inverse=True)
    points, corners = image.points_mm[used], compact.reshape(-1, 3).astype(np.int32)
    u, v = image.uv[used].T.clip(0, 1)
    return Mesh(
        vertices_mm=points.astype(np.float32),
        triangles=corners,
        uv=np.stack([u, _upward(v, points[:, 1])], axis=1).astype(np.float32),
        uv_triangles=corners,
        texture_names=(image.picture_name,) if image.picture_name else (),
    )


def _require_sizes(available: int, count: int, rows: int, columns: int) -> None:
    if rows < 2 or columns < 2 or count != _PLANES * rows * columns:
        raise ValueError(
            f"its header announces {rows} rows, {columns} columns and {count} values, "
            f"which is not {_PLANES} for each point"
        )
    if available != _VALUE_BYTES * count:
        fault = "truncated" if available < _VALUE_BYTES * count else "longer than announced"
        raise ValueError(
            f"it is {fault}, {available} bytes follow its header in place of {_VALUE_BYTES * count}"
        )


def _require_finite(known: NDArray[np.float64]) -> None:
    if not np.isfinite(known).all():
        raise ValueError("it holds numbers that are not finite")
    if known.size and np.abs(known[:, :3]).max() > LARGEST_COORDINATE_MM:
        raise ValueError(f"it holds {np.abs(known[:, :3]).max():g}, which is no length")


def _row_length(image: RangeImage) -> int:
    """Return how many points lie between one and its neighbour in the next row.

    Descriptions disagree on whether a plane runs along its rows or its columns. The
    points tell: true neighbours are close.
    """
    return min(image.columns, image.rows, key=lambda step: _median_distance(image, step))


def _median_distance(image: RangeImage, step: int) -> float:
    both = image.known[step:] & image.known[:-step]
    if not both.any():
        return float("inf")
    apart = image.points_mm[step:][both] - image.points_mm[:-step][both]
    return float(np.median(np.linalg.norm(apart, axis=1)))


def _grid_triangles(known: NDArray[np.bool_], row_length: int) -> NDArray[np.int64]:
    """Return two triangles (T, 3) for each square of neighbours, if all corners are known."""
    at = np.arange(known.size).reshape(-1, row_length)
    here, right, above, beyond = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    halves = [np.stack(half, -1) for half in ((here, right, beyond), (here, beyond, above))]
    triangles: NDArray[np.int64] = np.stack(halves).reshape(-1, 3)
    whole: NDArray[np.bool_] = known[triangles].all(axis=1)
    return triangles[whole]


def _without_tears(
    triangles: NDArray[np.int64], points_mm: NDArray[np.float64]
) -> NDArray[np.int64]:
    corners = points_mm[triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    kept: NDArray[np.bool_] = longest <= _TEAR * np.median(longest)
    return triangles[kept]


def _facing_camera(
    triangles: NDArray[np.int64], points_mm: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the triangles counter-clockwise as seen by the camera."""
    corners = points_mm[triangles][:, :, :2]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return triangles if areas.sum() >= 0 else triangles[:, ::-1]


def _upward(v: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return v running upward; pictures are upright, so that y tells which way it runs."""
    along = float((v - v.mean()) @ (y_mm - y_mm.mean()))
    return v if along >= 0 else 1 - v
