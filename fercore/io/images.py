"""Reads colour pictures, and says what is wrong; decodes pictures of any kind."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fercore.errors import DatasetError
from fercore.io.files import beginning, one_line, read_bytes

if TYPE_CHECKING:
    from fercore.structures import UInt8Array

MOST_SIDE_PX, MOST_PIXELS = 16_384, 80_000_000
"""Larger pictures are refused before they are decoded; a telephone's best have 8,000 columns.
Libraries that count bytes in 32 bits end the whole program on much larger ones."""

PICTURE_SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp")

_FORMATS = ("BMP", "JPEG", "PNG", "GIF", "TIFF", "WEBP")


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
