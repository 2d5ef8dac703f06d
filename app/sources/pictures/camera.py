"""The camera and the units of a folder of pictures.

Units of depth are found out where nothing says them. `camera.json` beside the pictures may,
with everything in it optional:

{"fx": 615.0, "fy": 615.0, "cx": 319.5, "cy": 239.5,   pixels of the colour picture
 "width": 640, "height": 480,                          size of the pictures this holds for
 "depth_unit_m": 0.001,                                metres in one unit of depth
 "depth_scale": 1000,                                  or units in one metre, as Open3D says
 "frame_rate_hz": 30}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Gt

from app.sources.base import SourceError
from app.sources.pictures.names import TUM_UNIT_M
from fercore.errors import FercoreError
from fercore.faces.depth_units import DepthUnit, Seen, settle_unit, sightings
from fercore.geometry.plausibility import intrinsics_doubt
from fercore.io.depth_maps import MILLIMETRE_M, read_depth_beside
from fercore.io.files import one_line, read_bytes
from fercore.io.images import read_rgb
from fercore.runtime.checking import described
from fercore.runtime.parsing import parsed_json
from fercore.structures import Intrinsics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from app.sources.pictures.pairing import Pair, PictureFolder
    from fercore.io.depth_maps import DepthMap
    from fercore.structures import UInt8Array

CAMERA_FILE = "camera.json"

_SCALE = "depth_scale"
_ASKED = 5
"""So many pictures, spread over the folder, tell the unit."""
Positive = Annotated[float, Gt(0)]
_AS_LISTED = "depth is taken for 5000 units a metre, as in TUM's data sets"


@dataclass(frozen=True, slots=True)
class PictureCamera:
    """What `camera.json` says; None where it says nothing."""

    fx: float | None = None  # pixels, as the next three
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    width: float | None = None  # pixels, as the next one; of the pictures that this holds for
    height: float | None = None
    depth_unit_m: float | None = None
    frame_rate_hz: float = 30.0

    def intrinsics(self, width: int, height: int) -> Intrinsics | None:
        """Return the pinhole camera of pictures of a size, None where it is not known.

        Raises:
            SourceError: what the file says cannot be of such pictures.
        """
        if self.fx is None or self.fy is None or self.cx is None or self.cy is None:
            return None
        for said, found in ((self.width, width), (self.height, height)):
            if said is not None and said != found:
                raise SourceError(
                    f"{CAMERA_FILE} is of pictures of another size than {width}×{height}."
                )
        camera = Intrinsics(self.fx, self.fy, self.cx, self.cy, width, height)
        doubt = intrinsics_doubt(camera)
        if doubt:
            raise SourceError(f"{CAMERA_FILE} cannot be used: {doubt}; correct it.")
        return camera


def read_camera(folder: Path) -> PictureCamera:
    """Read `camera.json`, if there is one.

    Raises:
        SourceError: it is no such file.
    """
    path = folder / CAMERA_FILE
    if not path.exists():
        return PictureCamera()
    known = (*PictureCamera.__dataclass_fields__, _SCALE)
    try:
        values = _numbers(parsed_json(read_bytes(path, SourceError)), known)
    except ValueError as error:
        raise SourceError(
            f"{path} cannot be used ({one_line(error)}); it holds {', '.join(known)}."
        ) from error
    return PictureCamera(**values)


def _numbers(content: Any, known: tuple[str, ...]) -> dict[str, float]:
    values = described(dict[str, Positive], content)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    scale = values.pop(_SCALE, None)
    if scale is not None:
        # Open3D's is units a metre, the RealSense SDK's metres a unit: one is above 1.
        values.setdefault("depth_unit_m", 1 / scale if scale > 1 else scale)
    return values


def depth_of(pair: Pair, rgb: UInt8Array) -> tuple[DepthMap | None, str]:
    """Return the depth map of a picture, or None, and a remark: what was done, or why not."""
    if pair.depth is None:
        return None, "no depth map belongs to this picture"
    height, width = rgb.shape[:2]
    try:
        found = read_depth_beside(pair.depth, pair.rgb, (height, width))
        return found, found.remark
    except FercoreError as error:
        return None, f"depth is left out: {error}".replace(str(pair.depth), pair.depth.name)


def unit_of(found: PictureFolder, camera: PictureCamera) -> DepthUnit | None:
    """Return the unit of a folder's depth maps, None where none can be used."""
    pairs = [pair for pair in found.pairs if pair.depth is not None]
    read = list(_read(pairs[:: max(1, len(pairs) // _ASKED)][:_ASKED]))
    if not read:
        return None
    stated_m, likely_m = stated_units(found, camera, read[0][1])
    seen = (Seen(rgb, depth.units, _focal_px(camera, rgb)) for rgb, depth in read)
    unit = settle_unit(sightings(seen), stated_m, likely_m)
    is_as_listed = found.is_tum and unit == DepthUnit(TUM_UNIT_M, "")
    return unit._replace(remark=_AS_LISTED) if is_as_listed else unit


def stated_units(
    found: PictureFolder, camera: PictureCamera, depth: DepthMap
) -> tuple[float, tuple[float, ...]]:
    """Return the unit that files or layout state, and those that may be meant instead."""
    stated_m = camera.depth_unit_m
    if stated_m is not None:
        return stated_m, (1 / stated_m,) if stated_m > 1 else ()  # units a metre, the wrong way
    if found.is_tum and depth.unit_m == MILLIMETRE_M:
        return TUM_UNIT_M, (MILLIMETRE_M,)
    return depth.unit_m, ()


def _read(pairs: Sequence[Pair]) -> Iterator[tuple[UInt8Array, DepthMap]]:
    for pair in pairs:
        try:
            rgb = read_rgb(pair.rgb)
        except FercoreError:
            continue  # it is spoken of when its turn comes
        depth, _ = depth_of(pair, rgb)
        if depth is not None:
            yield rgb, depth


def _focal_px(camera: PictureCamera, rgb: UInt8Array) -> float | None:
    height, width = rgb.shape[:2]
    try:
        found = camera.intrinsics(width, height)
    except SourceError:
        return None
    return found.fx if found else None
