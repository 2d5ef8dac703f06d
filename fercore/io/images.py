"""Reads colour pictures and says what is wrong; finds the picture that belongs to a mesh."""

from __future__ import annotations

import io
import logging
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fercore.errors import DatasetError
from fercore.io.files import beginning, one_line, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fercore.structures import Mesh, UInt8Array

MOST_SIDE_PX, MOST_PIXELS = 16_384, 80_000_000
"""Larger pictures are refused before they are decoded; a telephone's best have 8,000 columns.
Libraries that count bytes in 32 bits end the whole program on much larger ones."""

PICTURE_SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp")

_FORMATS = ("BMP", "JPEG", "PNG", "GIF", "TIFF", "WEBP")
_PACKED_ENDINGS = (".gz", ".wrl", ".wrz")  # of x.wrl.gz, too
_log = logging.getLogger(__name__)


def read_rgb(path: Path, size: tuple[int, int] | None = None) -> UInt8Array:
    """Read a colour or grey picture as (H, W, 3), channel order R, G, B.

    `size` is the (height, width) that the picture must have; None accepts any.

    Raises:
        DatasetError: it is missing, of none of the formats, truncated, too large, a depth map,
            or not of the size.
    """
    image = decoded(path, read_bytes(Path(path), DatasetError), _FORMATS)
    if image.mode.startswith(("I", "F")):
        raise DatasetError(f"{path} is a 16-bit depth map where a colour picture is expected")
    rgb = np.array(image.convert("RGB"))
    require_size(path, rgb.shape[:2], size)
    return rgb


def orientation(path: Path) -> int:
    """Return how a picture's EXIF says that it is to be shown, 1 to 8; 1: as it is stored.

    Files that are no pictures, or say nothing, are shown as they are stored.
    """
    try:
        with Image.open(path) as image:
            found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # of many unrelated types; whoever reads the picture says what is wrong
        return 1
    return found if found in range(1, 9) else 1


def decoded(path: Path, content: bytes, formats: tuple[str, ...]) -> Image.Image:
    """Decode a file's content, a picture of one of Pillow's `formats`.

    Raises:
        DatasetError: it is no such picture, damaged or too large; the message names `path`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # bounded below
            with Image.open(io.BytesIO(content), formats=formats) as image:
                require_bearable(path, *image.size)
                image.load()
                # Telephones write pictures as the sensor lies, and note how to show them.
                return ImageOps.exif_transpose(image)
    except DatasetError:
        raise
    except UnidentifiedImageError as reason:
        shown, kinds = beginning(content), _listed(formats)
        raise DatasetError(f"{path} is no {kinds} picture, it starts with {shown}") from reason
    except Image.DecompressionBombError as reason:
        raise DatasetError(f"{path} {_too_large()}") from reason
    # The decoders meet damaged files with errors of many unrelated types.
    except Exception as reason:
        raise DatasetError(f"{path} is a damaged picture: {one_line(reason)}") from reason


def require_bearable(path: Path, width: int, height: int) -> None:
    """Make sure that a picture is not larger than what the libraries here can bear.

    Raises:
        DatasetError: it is.
    """
    if max(width, height) > MOST_SIDE_PX or width * height > MOST_PIXELS:
        raise DatasetError(f"{path} has {width}×{height} pixels, {_too_large()}")


def require_size(path: Path, found: tuple[int, ...], size: tuple[int, int] | None) -> None:
    """Make sure that a picture is of the (height, width) that is expected; None expects none.

    Raises:
        DatasetError: it is not.
    """
    if size is not None and found != size:
        raise DatasetError(
            f"{path} has {found[1]}×{found[0]} pixels, and {size[1]}×{size[0]} are expected"
        )


def _too_large() -> str:
    return (
        f"too large to be judged; make it smaller, at most {MOST_SIDE_PX} pixels a side"
        f" and {MOST_PIXELS // 1_000_000} million in all"
    )


def _listed(formats: tuple[str, ...]) -> str:
    """Return the names of formats as people read them, such as `bmp, jpg or png`."""
    names = [{"JPEG": "jpg", "TIFF": "tif"}.get(name, name.lower()) for name in formats]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


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
