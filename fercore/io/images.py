"""Reads colour pictures (bmp, jpg, png) and 16-bit depth PNGs, and says what is wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fercore.errors import DatasetError
from fercore.io.files import beginning, read_bytes

if TYPE_CHECKING:
    from fercore.structures import FloatArray, UInt8Array

MILLIMETRES_PER_METRE = 1000.0

PICTURE_SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp")

_FORMATS = ("BMP", "JPEG", "PNG", "GIF", "TIFF", "WEBP")


def read_rgb(path: Path, size: tuple[int, int] | None = None) -> UInt8Array:
    """Read a colour or grey picture as (H, W, 3), channel order R, G, B.

    `size` is the (height, width) that the picture must have; None accepts any.

    Raises:
        DatasetError: it is missing, no bmp, jpg or png, truncated, a depth map, or not
            of the size.
    """
    image = _decode(Path(path))
    if image.mode.startswith("I"):
        raise DatasetError(f"{path} is a 16-bit depth map where a colour picture is expected")
    rgb = np.array(image.convert("RGB"))
    _require_size(path, rgb.shape[:2], size)
    return rgb


def read_depth_m(path: Path, size: tuple[int, int] | None = None) -> FloatArray:
    """Read a 16-bit grey PNG in millimetres, 0 for unknown, as (H, W) metres, NaN for unknown.

    `size` is the (height, width) that the depth map must have; None accepts any.

    Raises:
        DatasetError: it is missing, no picture, truncated, not 16-bit grey, or not of
            the size.
    """
    image = _decode(Path(path))
    if not image.mode.startswith("I"):
        raise DatasetError(
            f"{path} is a picture of kind {image.mode}; "
            "depth must be a 16-bit grey PNG in millimetres"
        )
    millimetres = np.array(image).astype(np.float32)
    _require_size(path, millimetres.shape, size)
    return np.where(
        millimetres > 0, millimetres / np.float32(MILLIMETRES_PER_METRE), np.float32(np.nan)
    )


def _decode(path: Path) -> Image.Image:
    content = read_bytes(path, DatasetError)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image.load()
            # Telephones write pictures as the sensor lies, and note how to show them.
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as reason:
        shown = beginning(content)
        raise DatasetError(
            f"{path} is no bmp, jpg or png picture, it starts with {shown}"
        ) from reason
    # The decoders meet damaged files with errors of many unrelated types.
    except Exception as reason:
        raise DatasetError(f"{path} is a damaged picture: {reason}") from reason


def _require_size(path: Path, found: tuple[int, ...], size: tuple[int, int] | None) -> None:
    if size is not None and found != size:
        raise DatasetError(
            f"{path} has {found[1]}×{found[0]} pixels, and {size[1]}×{size[0]} are expected"
        )
