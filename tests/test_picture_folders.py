"""Folders of pictures: their depth, their order, their camera file, and damaged ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import frames_of
from camera_doubles import write_pictures
from PIL import Image

from app.sources.base import SourceError
from app.sources.choice import opened_source
from app.sources.pictures.camera import read_camera

if TYPE_CHECKING:
    from pathlib import Path


def test_pictures_with_depth_by_the_cameras_own_unit(tmp_path: Path) -> None:
    frames = frames_of(write_pictures(tmp_path / "p", 3))
    assert [frame.origin for frame in frames] == ["000.png", "001.png", "002.png"]
    depth_m = frames[2].depth_m
    assert depth_m is not None and np.isnan(depth_m[0]).all()
    assert depth_m[1:] == pytest.approx(1002 * 0.0005)
    assert frames[0].intrinsics is not None and frames[0].intrinsics.fx == 30


def test_pictures_in_folders_of_their_own_and_without_depth(tmp_path: Path) -> None:
    flat = write_pictures(tmp_path / "flat", 2)
    folder = tmp_path / "apart"
    for name, ending in (("RGB", ".png"), ("depth", "-depth.png")):
        (folder / name).mkdir(parents=True)
        for index in range(2):
            content = (flat / f"{index:03d}{ending}").read_bytes()
            (folder / name / f"{index:03d}.png").write_bytes(content)
    (folder / "depth" / "001.png").unlink()
    frames = frames_of(folder)
    assert [frame.depth_m is None for frame in frames] == [False, True]
    assert frames[0].intrinsics is None


def test_damaged_pictures_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_pictures(tmp_path / "p", 3)
    (folder / "001.png").write_bytes(b"\x89PNG nonsense")
    assert [frame.origin for frame in frames_of(folder)] == ["000.png", "002.png"]
    assert "001.png" in caplog.text
    for path in folder.glob("00?.png"):
        path.write_bytes(b"")
    with pytest.raises(SourceError, match="no colour picture that can be read"):
        opened_source(str(folder))


@pytest.mark.parametrize(
    "text",
    [
        *("[1]", "{", '{"fx": "wide"}', '{"focal": 3}', '{"depth_unit_m": 0}', '{"fx": null}'),
        *("\xff", "[" * 100_000, '{"fx": NaN}', '{"fy": Infinity}', '{"cx": -3}'),
    ],
    ids=repr,
)
def test_a_wrong_camera_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "camera.json").write_text(text, encoding="latin-1")
    with pytest.raises(SourceError, match=r"camera\.json cannot be used .* depth_unit_m"):
        read_camera(tmp_path)


def test_a_camera_file_may_say_little(tmp_path: Path) -> None:
    (tmp_path / "camera.json").write_text(json.dumps({"frame_rate_hz": 5}))
    camera = read_camera(tmp_path)
    assert camera.frame_rate_hz == 5 and camera.intrinsics(4, 3) is None


@pytest.mark.parametrize(
    "camera",
    [
        {"fx": 1, "fy": 1, "cx": 16, "cy": 12},
        {"fx": 16, "fy": 12, "cx": 30, "cy": 30},
        {"fx": 30, "fy": 30, "cx": 12, "cy": 16},
        {"fx": 30, "fy": 30, "cx": 16, "cy": 12, "width": 1280, "height": 960},
    ],
    ids=["no focal length", "focal length and axis swapped", "axis swapped", "other size"],
)
def test_a_camera_that_took_other_pictures_is_refused(
    tmp_path: Path, camera: dict[str, float]
) -> None:
    folder = write_pictures(tmp_path / "p", 1)
    (folder / "camera.json").write_text(json.dumps(camera))
    with pytest.raises(SourceError, match=r"camera\.json"):
        opened_source(str(folder))


@pytest.mark.parametrize(
    ("said", "unit_m"), [({"depth_scale": 5000}, 1 / 5000), ({"depth_scale": 0.00025}, 0.00025)]
)
def test_a_scale_is_units_a_metre_or_metres_a_unit(
    tmp_path: Path, said: dict[str, float], unit_m: float
) -> None:
    content = b"\xef\xbb\xbf" + json.dumps(said).encode()  # with the mark that Windows writes
    (tmp_path / "camera.json").write_bytes(content)
    assert read_camera(tmp_path).depth_unit_m == pytest.approx(unit_m)


@pytest.mark.parametrize("fault", ["other size", "8 bits", "damaged", "missing"])
def test_a_bad_depth_map_does_not_cost_the_colour_picture(tmp_path: Path, fault: str) -> None:
    folder = write_pictures(tmp_path / "p", 3)
    bad = folder / "001-depth.png"
    if fault == "other size":
        Image.fromarray(np.full((12, 16), 1000, np.uint16)).save(bad)
    elif fault == "8 bits":
        Image.fromarray(np.full((24, 32), 200, np.uint8)).save(bad)
    elif fault == "damaged":
        bad.write_bytes(bad.read_bytes()[:60])
    else:
        bad.unlink()
    frames = frames_of(folder)
    assert [frame.depth_m is not None for frame in frames] == [True, False, True]
    words = {"other size": "16×12 pixels", "8 bits": "8 bits", "missing": "no depth map belongs"}
    assert words.get(fault, "damaged picture") in frames[1].remark
    assert str(folder) not in frames[1].remark
    assert frames[0].remark == frames[2].remark == ""


def test_pictures_play_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    for name in ("frame_10", "frame_2", "frame_1"):
        Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(folder / f"{name}.png")
    names = [frame.origin for frame in frames_of(folder)]
    assert names == ["frame_1.png", "frame_2.png", "frame_10.png"]
