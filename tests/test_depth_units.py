"""What a face's width tells of the unit in which depth maps count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fercore.faces.depth_units import Sighting, settle_unit
from fercore.geometry.plausibility import intrinsics_doubt
from fercore.structures import FaceBox, FloatArray, Intrinsics

FX = 600.0
BOX = FaceBox(250, 170, 390, 310, 0.9)  # 140 mm at 0.6 m


def counted(unit_m: float) -> FloatArray:
    """Return a wall at 0.6 m, in a unit."""
    return np.full((480, 640), np.float32(0.6 / unit_m))


def sighting(unit_m: float, fx: float | None = FX) -> Sighting:
    return Sighting(counted(unit_m), BOX, fx)


@pytest.mark.parametrize("stated_m", [0.001, 1.0])
@pytest.mark.parametrize("unit_m", [0.001, 0.01, 1 / 256, 0.0002, 0.00025, 0.0001, 1.0])
def test_the_one_unit_that_makes_a_face_is_taken_and_said(unit_m: float, stated_m: float) -> None:
    found = settle_unit([sighting(unit_m)] * 3, stated_m)
    assert found.unit_m == pytest.approx(unit_m)
    assert bool(found.remark) is (unit_m != stated_m)


def test_where_two_units_make_a_face_none_is_taken() -> None:
    narrow = replace(BOX, x1=BOX.x0 + 165)  # 165 mm, or 132 by the next unit
    found = settle_unit([Sighting(counted(0.00025), narrow, FX)], 0.001)
    assert found.unit_m is None
    assert "quarters of a millimetre or 5000 units a metre" in found.remark


@pytest.mark.parametrize("unit_m", [1 / 50_000, 0.1, 3e-5])
def test_where_no_unit_makes_a_face_none_is_taken(unit_m: float) -> None:
    found = settle_unit([sighting(unit_m)], 0.001)
    assert found.unit_m is None and "depth is left out" in found.remark


def test_a_unit_the_wrong_way_round_is_turned() -> None:
    found = settle_unit([sighting(0.001)], 1000.0, (0.001,))
    assert found.unit_m == 0.001 and "millimetres" in found.remark


def test_without_focal_length_only_what_no_lens_could_make_is_refused() -> None:
    assert settle_unit([sighting(0.001, None)], 0.001) == (0.001, "")
    assert settle_unit([sighting(0.0002, None)], 0.001).unit_m is None
    assert settle_unit([sighting(0.001, None)], 0.0002, (0.001,)).unit_m == 0.001


def test_without_a_face_the_stated_unit_is_believed() -> None:
    unknown = np.full((480, 640), np.nan, np.float32)
    assert settle_unit([], 0.5) == settle_unit([Sighting(unknown, BOX, FX)], 0.5) == (0.5, "")


CAMERA = Intrinsics(615.0, 615.0, 319.5, 239.5, 640, 480)


@pytest.mark.parametrize(
    "change",
    [
        *({"fx": 0.0}, {"fy": -615.0}, {"fx": float("nan")}, {"cy": float("inf")}, {"fx": 3.0}),
        *({"fx": 319.5, "cx": 615.0, "fy": 239.5, "cy": 615.0}, {"cx": 239.5, "cy": 319.5}),
        {"fx": 1e9},
    ],
    ids=repr,
)
def test_senseless_cameras_are_doubted(change: dict[str, float]) -> None:
    assert intrinsics_doubt(replace(CAMERA, **change))


def test_cameras_of_every_kind_are_believed() -> None:
    assert intrinsics_doubt(CAMERA) == ""
    assert intrinsics_doubt(Intrinsics(1500.0, 1500.0, 361.0, 643.0, 720, 1280)) == ""
    assert intrinsics_doubt(Intrinsics(430.0, 430.0, 256.0, 256.0, 512, 512)) == ""
