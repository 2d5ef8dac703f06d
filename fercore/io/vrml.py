"""Reads VRML 2.0 meshes, gzipped too: those of BU-3DFE and BU-4DFE, and other exporters'.

Everything that a mesh's user relies on is checked here: the numbers are finite,
the indices in range. That matters: the ray caster does not check indices, and a
wrong one corrupts memory.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import MeshError
from fercore.io.files import read_bytes
from fercore.io.images import with_own_texture
from fercore.io.vrml_nodes import parse_nodes
from fercore.io.vrml_scene import (
    fan_triangles,
    placed,
    polygon_sizes,
    polygons,
    shown_mesh,
    texture_names,
    turned_texture,
    vertex_colours,
)
from fercore.io.vrml_text import plain_text
from fercore.structures import Mesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.io.vrml_nodes import Node
    from fercore.io.vrml_scene import ShownMesh
    from fercore.io.vrml_text import NumberBlock
    from fercore.structures import FloatArray, Int32Array

LARGEST_COORDINATE_MM = 1e6
"""A kilometre: what lies beyond is damage, not a face."""

COORDINATE_INDEX, TEXTURE_COORDINATE_INDEX = "coordIndex", "texCoordIndex"


def read_vrml(path: Path, *, texture: bool = True) -> Mesh:
    """Read a mesh and, if `texture`, the picture that belongs to it.

    Accepts VRML 2.0 with one `IndexedFaceSet` of polygons with three or more corners,
    which are cut into fans of triangles. Where `texCoordIndex` is missing, `coordIndex`
    stands for it, as VRML 2.0 says. A texture that is missing or unreadable is logged,
    and the mesh comes without it; `find_texture` and `read_rgb` tell why. Lengths and axes are
    the file's own, whatever they are.

    Raises:
        MeshError: the file is missing, not VRML, truncated or inconsistent.
    """
    path = Path(path)
    content = read_bytes(path, MeshError)
    try:
        mesh = parse_vrml(content)
    except ValueError as reason:
        raise MeshError(f"{path} is no usable mesh: {reason}") from reason
    return with_own_texture(mesh, path) if texture and mesh.uv is not None else mesh


def parse_vrml(content: bytes) -> Mesh:
    """Convert the bytes of a VRML file to a mesh without its texture picture.

    Transforms and texture transforms are applied, texture coordinates that wrap brought back.

    Raises:
        ValueError: the bytes are not VRML or not consistent; the message is the reason.
    """
    scene = parse_nodes(plain_text(content))
    shown = shown_mesh(scene)
    vertices = _vertices(shown)
    corners = _polygons(shown.face_set, COORDINATE_INDEX, len(vertices))
    mesh = Mesh(
        vertices,
        fan_triangles(corners),
        vertex_rgb=vertex_colours(shown.face_set, corners, len(vertices)),
        texture_names=texture_names(shown.appearance, scene),
    )
    places = _texture_coordinates(shown)
    if places is not None:
        corners = _uv_polygons(shown.face_set, corners, len(places))
        uv, uv_triangles = _wrapped(places, fan_triangles(corners), shown)
        mesh = replace(mesh, uv=uv, uv_triangles=uv_triangles)
    return _outside_out(mesh) if _is_inside_out(shown) else mesh


def _vertices(shown: ShownMesh) -> FloatArray:
    block = _points(shown.face_set, "coord", "Coordinate")
    if block is None:
        raise ValueError("it has no vertices (`Coordinate { point [ ... ] }`)")
    block.require_decimal_points()
    points = placed(_rows(block, "Coordinate", 3), shown.placement)
    _require_lengths(points, "Coordinate")
    return points.astype(np.float32)


def _texture_coordinates(shown: ShownMesh) -> NDArray[np.float64] | None:
    block = _points(shown.face_set, "texCoord", "TextureCoordinate")
    if block is not None:
        uv = turned_texture(_rows(block, "TextureCoordinate", 2), shown.appearance)
        _require_lengths(uv, "TextureCoordinate")
        return uv if len(uv) else None
    if shown.face_set.block(TEXTURE_COORDINATE_INDEX) is not None:
        raise ValueError("it has a texCoordIndex but no texture coordinates")
    return None


def _points(face_set: Node, name: str, kind: str) -> NumberBlock | None:
    node = face_set.node(name)
    if node is not None and node.kind.startswith("USE "):
        raise ValueError(f"its {name} is {node.kind}, which nothing before it defines")
    return node.block("point") if node is not None and node.kind == kind else None


def _rows(block: NumberBlock, name: str, width: int) -> NDArray[np.float64]:
    values = block.numbers()
    if values.size % width:
        raise ValueError(f"{name} has {values.size} numbers, which is no multiple of {width}")
    _require_lengths(values, name)
    return values.reshape(-1, width)


def _require_lengths(values: NDArray[np.float64], name: str) -> None:
    if values.size and not np.abs(values).max() <= LARGEST_COORDINATE_MM:
        largest = values.flat[np.abs(values).argmax()]
        raise ValueError(f"{name} holds {largest:g}, which is no length")


def _polygons(face_set: Node, name: str, count: int) -> NDArray[np.int32]:
    block = face_set.block(name)
    if block is None:
        raise ValueError(f"it has no {name}")
    return polygons(block.indices(), count, name)


def _uv_polygons(face_set: Node, corners: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    if face_set.block(TEXTURE_COORDINATE_INDEX) is None:
        # VRML 2.0: without texCoordIndex, coordIndex chooses the texture coordinates too.
        return polygons(corners, count, "coordIndex, which stands for texCoordIndex here,")
    uv_corners = _polygons(face_set, TEXTURE_COORDINATE_INDEX, count)
    if not np.array_equal(polygon_sizes(corners), polygon_sizes(uv_corners)):
        raise ValueError("the polygons of texCoordIndex do not match those of coordIndex")
    return uv_corners


def _wrapped(
    uv: NDArray[np.float64], triangles: Int32Array, shown: ShownMesh
) -> tuple[FloatArray, Int32Array]:
    """Return texture coordinates and triangles on the one copy of the picture that exists.

    The picture repeats without end unless `repeatS` and `repeatT` say that its edge does. Each
    triangle is brought back whole, by the copy that its middle lies in.
    """
    texture = None if shown.appearance is None else shown.appearance.node("texture")
    repeats = [texture is None or texture.word(name) != b"FALSE" for name in ("repeatS", "repeatT")]
    copies = np.floor(uv[triangles].mean(axis=1)) * repeats
    if not copies.any():
        return uv.astype(np.float32), triangles
    keys = np.column_stack([triangles.ravel(), np.repeat(copies, 3, axis=0)])
    moved, places = np.unique(keys, axis=0, return_inverse=True)
    back = uv[moved[:, 0].astype(np.int64)] - moved[:, 1:]
    return back.astype(np.float32), places.reshape(-1, 3).astype(np.int32)


def _is_inside_out(shown: ShownMesh) -> bool:
    """Tell whether the corners of its triangles run clockwise as seen from outside."""
    mirrored = bool(np.linalg.det(shown.placement[:3, :3]) < 0)
    return mirrored != (shown.face_set.word("ccw") == b"FALSE")


def _outside_out(mesh: Mesh) -> Mesh:
    flipped = None if mesh.uv_triangles is None else mesh.uv_triangles[:, ::-1]
    return replace(mesh, triangles=mesh.triangles[:, ::-1], uv_triangles=flipped)
