"""Reads depth maps as cameras and tools store them: grey pictures of 16 bits or more, and arrays.

    .png           16-bit grey, or 16-bit colour whose three channels are alike
    .tif, .tiff    16- or 32-bit grey, whole numbers or fractions
    .npy           an array (H, W) of whole numbers or fractions

Files do not say which length they count in. Whole numbers are taken for millimetres and
fractions for metres, until somebody knows better.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fercore.errors import DatasetError
from fercore.io.files import one_line, read_bytes
from fercore.io.images import decoded, orientation, require_bearable, require_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fercore.structures import FloatArray

DEPTH_KINDS = (".npy", ".tif", ".tiff", ".png")
"""Where one map is stored more than once, the earlier kind loses less."""

METRE_M, MILLIMETRE_M = 1.0, 0.001

_FORMATS = ("PNG", "TIFF")
_NPY_MAGIC = b"\x93NUMPY"
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_BITS, _PNG_COLOUR = 24, 25  # places in the file: bits a channel, kind of colour
_PNG_SIZE = slice(16, 24)  # columns and rows, big-endian
_PNG_RGB = 2
_ACROSS: dict[int, Callable[[FloatArray], FloatArray]] = {
    5: np.transpose,
    6: lambda units: np.rot90(units, -1),
    7: lambda units: np.rot90(units, 2).T,
    8: np.rot90,
}
"""What EXIF's numbers for pictures that lie on their side do to them."""

_UNMEASURED_16 = 65535  # as some tools write what was not measured


@dataclass(frozen=True, slots=True)
class DepthMap:
    """A depth map as it is stored."""

    units: FloatArray  # (H, W), NaN where unknown
    unit_m: float  # metres in one unit, by the kind of file alone
    remark: str = ""  # what was converted; empty: nothing

    def metres(self, unit_m: float) -> FloatArray:
        """Return the map (H, W) in metres, NaN where unknown, if a unit is so long."""
        return self.units * np.float32(unit_m)


def read_depth_map(path: Path, size: tuple[int, int] | None = None) -> DepthMap:
    """Read a depth map; zero, negative and infinite values are unknown.

    `size` is the (height, width) of the picture that it belongs to; None accepts any.

    Raises:
        DatasetError: it is missing, damaged, too large, holds no depth, or is not of the size.
    """
    path = Path(path)
    content = read_bytes(path, DatasetError)
    values = _array(path, content) if content.startswith(_NPY_MAGIC) else _picture(path, content)
    require_size(path, values.shape, size)
    unit_m = METRE_M if values.dtype.kind == "f" else MILLIMETRE_M
    with np.errstate(over="ignore"):  # of doubles beyond single precision: infinite, so unknown
        units = values.astype(np.float32)
    known = np.isfinite(units) & (units > 0)
    if values.dtype == np.uint16:
        known &= values != _UNMEASURED_16
    return DepthMap(np.where(known, units, np.float32(np.nan)), unit_m)


def read_depth_beside(path: Path, picture: Path, size: tuple[int, int]) -> DepthMap:
    """Read the depth map that belongs to a picture's file; `size` is that of the upright picture.

    Where EXIF turns the picture and the map bears no such mark, its sides tell whether it lies as
    the picture is stored; then it is turned along.

    Raises:
        DatasetError: as `read_depth_map`, or its sides do not tell.
    """
    shown = orientation(picture)
    if shown == 1 or orientation(path) != 1:
        return read_depth_map(path, size)
    if shown not in _ACROSS or size[0] == size[1]:
        raise DatasetError(
            f"{path} does not say whether it is turned or mirrored as EXIF tells of its picture "
            f"{picture.name}; save both upright"
        )
    found = read_depth_map(path)
    if found.units.shape == size[::-1]:
        units = np.ascontiguousarray(_ACROSS[shown](found.units))
        found = DepthMap(units, found.unit_m, "depth is turned as its picture's EXIF says")
    require_size(path, found.units.shape, size)
    return found


def _picture(path: Path, content: bytes) -> NDArray[Any]:
    if content.startswith(_PNG_MAGIC) and content[_PNG_BITS : _PNG_COLOUR + 1] == bytes(
        (16, _PNG_RGB)
    ):
        return _three_alike(path, content)
    image = decoded(path, content, _FORMATS)
    if not image.mode.startswith(("I", "F")):
        raise DatasetError(
            f"{path} is a picture of kind {image.mode}, 8 bits a channel, and no depth map; "
            "depth must be a 16-bit grey PNG in millimetres"
        )
    return np.array(image)


def _three_alike(path: Path, content: bytes) -> NDArray[Any]:
    """Decode a 16-bit colour PNG, of which Pillow would keep 8 bits."""
    import cv2

    require_bearable(path, *np.frombuffer(content[_PNG_SIZE], ">u4").tolist())
    try:
        values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as reason:
        raise DatasetError(f"{path} is a damaged picture: {one_line(reason)}") from reason
    if values is None:
        raise DatasetError(f"{path} is a damaged picture: it ends early or is no PNG inside")
    if values.ndim != 3 or (values != values[..., :1]).any():
        raise DatasetError(
            f"{path} is a colour picture and no depth map; "
            "depth must be a 16-bit grey PNG in millimetres"
        )
    first: NDArray[Any] = values[..., 0]
    return first


def _array(path: Path, content: bytes) -> NDArray[Any]:
    file = io.BytesIO(content)
    try:
        shape, kind = _header(file)
        require_bearable(path, *reversed(shape))
        if kind.kind not in "uif" or kind.itemsize < 2:
            raise ValueError(f"values of type {kind} are no depth")
        if math.prod(shape) * kind.itemsize > len(content) - file.tell():
            raise ValueError("it ends early")
        file.seek(0)
        values: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return values.reshape(shape)
    except DatasetError:
        raise
    # A header is a Python expression: what is wrong in it raises whatever parsing may raise.
    except Exception as reason:
        raise DatasetError(f"{path} is no array with a depth map: {one_line(reason)}") from reason


def _header(file: io.BytesIO) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Return rows and columns of an array, and the type of its values."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, kind = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} of the format is unknown")
    sides = [int(side) for side in shape if side != 1] if len(shape) > 2 else list(shape)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"its shape {shape} is no picture's")
    return (sides[0], sides[1]), kind
