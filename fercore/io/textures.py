"""Finds the picture that belongs to a mesh, wherever its file says it lies."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fercore.errors import DatasetError
from fercore.io.images import PICTURE_SUFFIXES, read_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fercore.structures import Mesh

_PACKED_ENDINGS = (".gz", ".wrl", ".wrz")  # of x.wrl.gz, too
_log = logging.getLogger(__name__)


def with_texture(mesh: Mesh, picture: Path) -> Mesh:
    """Return the mesh with `picture` as texture; if that is unreadable, log it and go on."""
    try:
        return replace(mesh, texture_rgb=read_rgb(picture))
    except DatasetError as reason:
        _log.warning("the mesh is used without its texture: %s", reason)
        return mesh


def with_own_texture(mesh: Mesh, path: Path) -> Mesh:
    """Return the mesh of a file with its texture; if there is none, log it and go on."""
    picture = find_texture(path, mesh.texture_names)
    if picture is not None:
        return with_texture(mesh, picture)
    if mesh.texture_names:
        _log.warning("%s names the texture %s, which is missing", path, mesh.texture_names[0])
    return mesh


def find_texture(mesh_path: Path, texture_names: Sequence[str]) -> Path | None:
    """Return the picture that holds a mesh's texture, None if there is none.

    In this order, upper and lower case alike: the scan's own `_F3D.bmp`, which is the texture
    of `_F3D.wrl` and `_RAW.wrl`; the addresses that the mesh file gives, as paths from its
    folder, and their last parts; a picture named like the mesh (BU-4DFE); each of these as any
    kind of picture.

    In BU-3DFE that picture is an atlas of two camera views side by side, one of them
    turned by 180°: good as a texture, never as the colour picture, which is `_F2D.bmp`.
    """
    places = (_resolved(mesh_path.parent, name) for name in _candidates(mesh_path, texture_names))
    return next((place for place in places if place is not None), None)


def mesh_stem(path: Path) -> str:
    """Return the name of a mesh's file without its endings, also where it is gzipped."""
    name = path.name
    for ending in _PACKED_ENDINGS:
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name if name != path.name else path.stem


def _candidates(mesh_path: Path, texture_names: Sequence[str]) -> Iterator[str]:
    stem = mesh_stem(mesh_path)
    scan, _, kind = stem.rpartition("_")
    own = [f"{scan}_F3D"] if kind.upper() in ("F3D", "RAW") else []
    yield from (f"{name}.bmp" for name in own)
    for name in texture_names:
        # Blanks and the like are coded in addresses, but a file may really be named so.
        for plain in dict.fromkeys((name, unquote(name))):
            yield plain
            yield Path(plain.replace("\\", "/")).name
    named = [Path(unquote(name).replace("\\", "/")).stem for name in texture_names]
    for other in dict.fromkeys([*own, *named, stem]):
        yield from (other + suffix for suffix in PICTURE_SUFFIXES)


def _resolved(folder: Path, address: str) -> Path | None:
    """Return the file at an address below or beside a folder, None where there is none."""
    place = folder
    parts = address.replace("\\", "/").split("/")
    if not all(parts):
        return None  # an absolute path, of another machine
    for part in parts:
        if part == "." or not part:
            continue
        place = place.parent if part == ".." else _entry(place, part)
    return place if place != folder and os.path.isfile(place) else None


def _entry(folder: Path, name: str) -> Path:
    """Return what a folder has of this name, else of the same in upper or lower case."""
    exact = folder / name
    if os.path.lexists(exact):
        return exact
    try:
        entries = sorted(folder.iterdir())
    except (OSError, ValueError):
        return exact
    return next((entry for entry in entries if entry.name.lower() == name.lower()), exact)
