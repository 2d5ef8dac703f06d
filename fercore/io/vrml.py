"""Reads the VRML 2.0 meshes of BU-3DFE and BU-4DFE.

Everything that a mesh's user relies on is checked here: the numbers are finite,
the indices in range. That matters: the ray caster does not check indices, and a
wrong one corrupts memory.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import DatasetError, MeshError
from fercore.io.files import read_bytes
from fercore.io.images import read_rgb
from fercore.io.polygons import fan_triangles, polygon_sizes, polygons
from fercore.io.vrml_scanner import (
    COORDINATE_INDEX,
    COORDINATES,
    TEXTURE_COORDINATE_INDEX,
    TEXTURE_COORDINATES,
    VrmlFields,
    scan_vrml,
)
from fercore.structures import Mesh

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

LARGEST_COORDINATE_MM = 1e6
"""A kilometre: what lies beyond is damage, not a face."""

_PICTURE_SUFFIXES = (".bmp", ".jpg", ".jpeg", ".png")
_log = logging.getLogger(__name__)


def read_vrml(path: Path, *, texture: bool = True) -> Mesh:
    """Read a mesh and, if `texture`, the picture that belongs to it.

    Accepts VRML 2.0 with one `IndexedFaceSet` of polygons with three or more corners,
    which are cut into fans of triangles. Where `texCoordIndex` is missing, `coordIndex`
    stands for it, as VRML 2.0 says. A texture that is missing or unreadable is logged,
    and the mesh comes without it; `find_texture` and `read_rgb` tell why.

    Raises:
        MeshError: the file is missing, not VRML, truncated or inconsistent.
    """
    path = Path(path)
    content = read_bytes(path, MeshError)
    try:
        mesh = parse_vrml(content)
    except ValueError as reason:
        raise MeshError(f"{path} is no usable mesh: {reason}") from reason
    return _with_own_texture(mesh, path) if texture and mesh.uv is not None else mesh


def parse_vrml(content: bytes) -> Mesh:
    """Convert the bytes of a VRML file to a mesh without its texture picture.

    Raises:
        ValueError: the bytes are not VRML or not consistent; the message is the reason.
    """
    fields = scan_vrml(content)
    vertices = _vertices(fields)
    corners = _polygons(fields, COORDINATE_INDEX, len(vertices))
    mesh = Mesh(vertices, fan_triangles(corners), texture_name=fields.texture_name)
    uv = _texture_coordinates(fields)
    if uv is None:
        return mesh
    uv_corners = _uv_polygons(fields, corners, len(uv))
    return replace(mesh, uv=uv, uv_triangles=fan_triangles(uv_corners))


def with_texture(mesh: Mesh, picture: Path) -> Mesh:
    """Return the mesh with `picture` as texture; if that is unreadable, log it and go on."""
    try:
        return replace(mesh, texture_rgb=read_rgb(picture))
    except DatasetError as reason:
        _log.warning("the mesh is used without its texture: %s", reason)
        return mesh


def find_texture(mesh_path: Path, texture_name: str | None) -> Path | None:
    """Return the picture beside a mesh that holds its texture, None if there is none.

    In this order, upper and lower case alike: the scan's own `_F3D.bmp`, which is the
    texture of `_F3D.wrl` and `_RAW.wrl`; the name that the mesh file gives; a picture
    named like the mesh (BU-4DFE).

    In BU-3DFE that picture is an atlas of two camera views side by side, one of them
    turned by 180°: good as a texture, never as the colour picture, which is `_F2D.bmp`.
    """
    wanted = _texture_candidates(mesh_path.stem, texture_name)
    for name in wanted:
        if os.path.isfile(mesh_path.parent / name):
            return mesh_path.parent / name
    beside = {entry.name.lower(): entry for entry in _entries(mesh_path.parent)}
    found = (beside.get(name.lower()) for name in wanted)
    return next((entry for entry in found if entry is not None and os.path.isfile(entry)), None)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _texture_candidates(stem: str, texture_name: str | None) -> list[str]:
    scan, _, kind = stem.rpartition("_")
    own = [f"{scan}_F3D.bmp"] if kind.upper() in ("F3D", "RAW") else []
    # Whole paths occur, with slashes of either kind; only the last part can be here.
    named = PureWindowsPath(texture_name or "").name
    return own + ([named] if named else []) + [stem + suffix for suffix in _PICTURE_SUFFIXES]


def _with_own_texture(mesh: Mesh, path: Path) -> Mesh:
    picture = find_texture(path, mesh.texture_name)
    if picture is not None:
        return with_texture(mesh, picture)
    if mesh.texture_name is not None:
        _log.warning("%s names the texture %s, which is missing", path, mesh.texture_name)
    return mesh


def _vertices(fields: VrmlFields) -> FloatArray:
    if COORDINATES not in fields.blocks:
        raise ValueError("it has no vertices (`Coordinate { point [ ... ] }`)")
    return _rows(fields, COORDINATES, 3)


def _texture_coordinates(fields: VrmlFields) -> FloatArray | None:
    if TEXTURE_COORDINATES in fields.blocks:
        uv = _rows(fields, TEXTURE_COORDINATES, 2)
        return uv if len(uv) else None
    if TEXTURE_COORDINATE_INDEX in fields.blocks:
        raise ValueError("it has a texCoordIndex but no texture coordinates")
    return None


def _rows(fields: VrmlFields, name: str, width: int) -> FloatArray:
    values = fields.blocks[name].numbers()
    if values.size % width:
        raise ValueError(f"{name} has {values.size} numbers, which is no multiple of {width}")
    if values.size and np.abs(values).max() > LARGEST_COORDINATE_MM:
        raise ValueError(f"{name} holds {values[np.abs(values).argmax()]:g}, which is no length")
    return values.astype(np.float32).reshape(-1, width)


def _polygons(fields: VrmlFields, name: str, count: int) -> NDArray[np.int32]:
    if name not in fields.blocks:
        raise ValueError(f"it has no {name}")
    return polygons(fields.blocks[name].indices(), count, name)


def _uv_polygons(fields: VrmlFields, corners: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    if TEXTURE_COORDINATE_INDEX not in fields.blocks:
        # VRML 2.0: without texCoordIndex, coordIndex chooses the texture coordinates too.
        return polygons(corners, count, "coordIndex, which stands for texCoordIndex here,")
    uv_corners = _polygons(fields, TEXTURE_COORDINATE_INDEX, count)
    if not np.array_equal(polygon_sizes(corners), polygon_sizes(uv_corners)):
        raise ValueError("the polygons of texCoordIndex do not match those of coordIndex")
    return uv_corners
