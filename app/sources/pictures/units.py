"""The depth maps of a folder of pictures: reading one, and finding out in which unit all count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.sources.base import SourceError
from app.sources.pictures import tum_lists
from fercore.errors import FercoreError
from fercore.faces.depth_units import DepthUnit, Seen, settle_unit, sightings
from fercore.io.depth_maps import MILLIMETRE_M, read_depth_beside
from fercore.io.images import read_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.sources.pictures.camera import PictureCamera
    from app.sources.pictures.pairing import Pair, PictureFolder
    from fercore.io.depth_maps import DepthMap
    from fercore.structures import UInt8Array

_ASKED = 5
"""So many pictures, spread over the folder, tell the unit."""

_AS_LISTED = "depth is taken for 5000 units a metre, as in TUM's data sets"


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
    is_as_listed = found.is_tum and unit == DepthUnit(tum_lists.UNIT_M, "")
    return unit._replace(remark=_AS_LISTED) if is_as_listed else unit


def stated_units(
    found: PictureFolder, camera: PictureCamera, depth: DepthMap
) -> tuple[float, tuple[float, ...]]:
    """Return the unit that files or layout state, and those that may be meant instead."""
    stated_m = camera.depth_unit_m
    if stated_m is not None:
        return stated_m, (1 / stated_m,) if stated_m > 1 else ()  # units a metre, the wrong way
    if found.is_tum and depth.unit_m == MILLIMETRE_M:
        return tum_lists.UNIT_M, (MILLIMETRE_M,)
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
