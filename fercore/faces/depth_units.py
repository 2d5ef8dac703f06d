"""In which unit depth maps from files count: what a face's width in them tells.

Files rarely say it. A face is about 145 mm wide, so its width in pixels, its depth and the focal
length tell which of the units in use can be meant. Where exactly one can, depth is converted
and a remark says so; where none or several can, depth is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fercore.geometry.plausibility import (
    LEAST_WIDTH_MM,
    MOST_WIDTH_MM,
    SURE_LEAST_WIDTH_MM,
    SURE_MOST_WIDTH_MM,
    length_text,
    measure_face,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fercore.structures import FaceBox, FloatArray, UInt8Array

UNITS_M = {
    1.0: "metres",
    0.01: "centimetres",
    1 / 256: "256 units a metre",
    0.001: "millimetres",
    0.00025: "quarters of a millimetre",
    0.0002: "5000 units a metre",
    0.0001: "tenths of a millimetre",
}
"""Units in use: by KITTI (256), the L515 (quarters), TUM's data sets (5000), the D405 (tenths)."""

NARROWEST_LENS, WIDEST_LENS = 1.6, 0.45
"""Focal length in widths of the picture: a view of 35 and one of 96 degrees."""


class Sighting(NamedTuple):
    """A face in a picture with its depth map, of which the unit is asked."""

    units: FloatArray  # (H, W), NaN where unknown
    box: FaceBox
    fx: float | None  # focal length in pixels; None: not known


class DepthUnit(NamedTuple):
    """The unit that depth counts in, and what its reader should know of it."""

    unit_m: float | None  # metres in one unit; None: it cannot be told, so depth is of no use
    remark: str  # empty where the unit is as it was stated


class Seen(NamedTuple):
    """A picture and its depth map, of which the unit is asked."""

    rgb: UInt8Array  # (H, W, 3)
    units: FloatArray  # (H, W), NaN where unknown
    fx: float | None  # focal length in pixels; None: not known


def sightings(pictures: Iterable[Seen]) -> Iterator[Sighting]:
    """Yield the best face of each picture that shows one."""
    from fercore.faces.detection import MediapipeFaceDetector

    with MediapipeFaceDetector() as detector:
        for rgb, units, fx in pictures:
            for box in detector.detect(rgb)[:1]:
                yield Sighting(units, box, fx)


def settle_unit(
    sightings: Iterable[Sighting], stated_m: float, likely_m: Sequence[float] = ()
) -> DepthUnit:
    """Return the unit in which some depth maps of one recording count.

    `stated_m` is what the files or their layout say; `likely_m` are units that stand in for it
    where it cannot be right. Without any face in a depth map the stated unit is believed.
    """
    ranges = [_range_mm(sighting) for sighting in sightings]
    known = np.array([each for each in ranges if each is not None])
    if not len(known):
        return DepthUnit(stated_m, "")
    nearest_mm, widest_mm = np.median(known, axis=0).tolist()
    for unit_m in (stated_m, *likely_m):
        if nearest_mm * unit_m <= MOST_WIDTH_MM and widest_mm * unit_m >= LEAST_WIDTH_MM:
            return DepthUnit(unit_m, "" if unit_m == stated_m else _taken_for(unit_m))
    if nearest_mm < widest_mm:
        return DepthUnit(None, _no_face(nearest_mm * stated_m, widest_mm * stated_m))
    sure = [
        unit_m
        for unit_m in UNITS_M
        if SURE_LEAST_WIDTH_MM <= nearest_mm * unit_m <= SURE_MOST_WIDTH_MM
    ]
    if len(sure) == 1:
        return DepthUnit(sure[0], _taken_for(sure[0]))
    return DepthUnit(None, _no_face(nearest_mm * stated_m, widest_mm * stated_m, sure))


def _range_mm(sighting: Sighting) -> tuple[float, float] | None:
    """Return how wide the face would be at least and at most if a unit were a metre."""
    units, box, fx = sighting
    columns = units.shape[1]
    lenses = (NARROWEST_LENS * columns, WIDEST_LENS * columns) if fx is None else (fx, fx)
    least_mm, most_mm = (measure_face(units, box, each).width_mm for each in lenses)
    return None if least_mm is None or most_mm is None else (least_mm, most_mm)


def _taken_for(unit_m: float) -> str:
    name = UNITS_M.get(unit_m, f"units of {unit_m:g} m")
    return f"depth is taken for {name}, as a face's width tells"


def _no_face(least_mm: float, most_mm: float, sure: Sequence[float] = ()) -> str:
    width = length_text(least_mm)
    if least_mm < most_mm:
        width = f"between {width} and {length_text(most_mm)}"
    doubt = f"depth is left out: by it a face would be {width} wide"
    if sure:
        return f"{doubt}; its unit may be {' or '.join(UNITS_M[unit_m] for unit_m in sure)}"
    return f"{doubt}; its unit is not known"
