"""Depth maps in every form that they are read in, and what is no depth map."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from fercore.errors import DatasetError
from fercore.io.depth_maps import read_depth_beside, read_depth_map

if TYPE_CHECKING:
    from pathlib import Path

MILLIMETRES = np.array([[0, 1, 500], [1000, 40000, 65535]], np.uint16)
EXPECTED_M = np.array([[np.nan, 0.001, 0.5], [1, 40, np.nan]], np.float32)


def metres(path: Path) -> Any:
    found = read_depth_map(path)
    return found.metres(found.unit_m)


@pytest.mark.parametrize("name", ["d.png", "D.PNG", "d.tiff", "d.tif"])
def test_whole_numbers_are_millimetres_and_extremes_unknown(tmp_path: Path, name: str) -> None:
    Image.fromarray(MILLIMETRES).save(tmp_path / name)
    np.testing.assert_allclose(metres(tmp_path / name), EXPECTED_M, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint16, np.int32, ">u2"])
def test_arrays_count_metres_in_fractions_and_millimetres_in_whole_numbers(
    tmp_path: Path, kind: Any
) -> None:
    values = np.nan_to_num(EXPECTED_M) * (1 if np.dtype(kind).kind == "f" else 1000)
    np.save(tmp_path / "d.npy", np.rint(values * 1e6) / 1e6 if kind == np.float64 else
            values.astype(kind))  # fmt: skip
    np.testing.assert_allclose(metres(tmp_path / "d.npy"), EXPECTED_M, rtol=1e-5)


def test_other_pictures_of_depth(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "alike.png"), np.repeat(MILLIMETRES[..., None], 3, 2))
    Image.fromarray(MILLIMETRES.astype(np.int32) % 65535, "I").save(tmp_path / "whole.tiff")
    Image.fromarray(np.nan_to_num(EXPECTED_M)).save(tmp_path / "fractions.tiff")
    for name in ("alike.png", "whole.tiff", "fractions.tiff"):
        np.testing.assert_allclose(metres(tmp_path / name), EXPECTED_M, rtol=1e-6)


def test_negative_infinite_and_overflowing_values_are_unknown(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", np.array([[-1.0, np.inf], [1e300, np.nan]]))
    assert np.isnan(read_depth_map(tmp_path / "d.npy").units).all()


def test_pictures_for_people_are_refused(tmp_path: Path) -> None:
    grey = (MILLIMETRES // 256).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([grey, grey, grey])).save(tmp_path / "jet.png")
    coloured = np.dstack([MILLIMETRES, MILLIMETRES, MILLIMETRES // 2])
    assert cv2.imwrite(str(tmp_path / "deep.png"), coloured)
    np.save(tmp_path / "bytes.npy", grey)
    for name in ("grey.png", "jet.png", "deep.png", "bytes.npy"):
        with pytest.raises(DatasetError, match=name):
            read_depth_map(tmp_path / name)


@pytest.mark.parametrize(
    ("shown", "stored"), [(5, Image.Transpose.TRANSPOSE), (6, Image.Transpose.ROTATE_90),
                          (7, Image.Transpose.TRANSVERSE), (8, Image.Transpose.ROTATE_270)]
)  # fmt: skip
def test_depth_is_turned_along_with_a_picture_that_lies_on_its_side(
    tmp_path: Path, shown: int, stored: Image.Transpose
) -> None:
    picture = _picture_shown(tmp_path, shown)
    Image.fromarray(MILLIMETRES).transpose(stored).save(tmp_path / "lying.png")
    found = read_depth_beside(tmp_path / "lying.png", picture, (2, 3))
    np.testing.assert_allclose(found.metres(0.001), EXPECTED_M)
    assert "turned as its picture" in found.remark
    Image.fromarray(MILLIMETRES).save(tmp_path / "upright.png")
    found = read_depth_beside(tmp_path / "upright.png", picture, (2, 3))
    np.testing.assert_allclose(found.metres(0.001), EXPECTED_M)
    assert found.remark == ""


def test_depth_that_may_stand_on_its_head_is_refused(tmp_path: Path) -> None:
    Image.fromarray(MILLIMETRES).save(tmp_path / "d.png")
    with pytest.raises(DatasetError, match="save both upright"):
        read_depth_beside(tmp_path / "d.png", _picture_shown(tmp_path, 3), (2, 3))
    marked = Image.Exif()
    marked[0x0112] = 3
    Image.fromarray(MILLIMETRES).rotate(180).save(tmp_path / "d.png", exif=marked)
    found = read_depth_beside(tmp_path / "d.png", _picture_shown(tmp_path, 3), (2, 3))
    np.testing.assert_allclose(found.metres(0.001), EXPECTED_M)


def _picture_shown(folder: Path, shown: int) -> Path:
    """Write a picture whose EXIF says how to show it."""
    exif = Image.Exif()
    exif[0x0112] = shown
    Image.new("RGB", (8, 8)).save(folder / f"{shown}.jpg", exif=exif)
    return folder / f"{shown}.jpg"


def test_size_is_required(tmp_path: Path) -> None:
    Image.fromarray(MILLIMETRES).save(tmp_path / "d.png")
    assert read_depth_map(tmp_path / "d.png", (2, 3)).units.shape == (2, 3)
    with pytest.raises(DatasetError, match="has 3×2 pixels, and 640×480 are expected"):
        read_depth_map(tmp_path / "d.png", (480, 640))


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000), }\n"),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (16000, 16), }\n"),
        npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (4, 4), }\n") + bytes(999),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -4), }\n") + bytes(99),
        npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\n") + bytes(99),
        npy(b"[" * 9000),
        npy(b"\xff\xfe"),
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00",
    ],
    ids=range(9),
)
def test_malformed_arrays_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.npy").write_bytes(content)
    with pytest.raises(DatasetError, match=r"d\.npy") as caught:
        read_depth_map(tmp_path / "d.npy")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["png", "tiff", "npy"])
def test_damage_is_a_depth_map_or_one_sentence(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 2**16, (24, 32), np.uint16)
    buffer = io.BytesIO()
    if kind == "npy":
        np.save(buffer, pixels)
    else:
        Image.fromarray(pixels).save(buffer, kind)
    original = np.frombuffer(buffer.getvalue(), np.uint8)
    for _ in range(150):
        damaged = original[: rng.integers(1, len(original) + 1)].copy()
        damaged[rng.integers(0, min(len(damaged), 200), 3)] = rng.integers(0, 256, 3)
        (tmp_path / "d").write_bytes(damaged.tobytes())
        try:
            units = read_depth_map(tmp_path / "d").units
            assert units.ndim == 2 and not (units <= 0).any()
        except DatasetError as error:
            assert str(error).isprintable()
