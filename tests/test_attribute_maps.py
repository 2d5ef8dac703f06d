"""Attribute maps of known surfaces, and what frozen networks make of maps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from made_up_geometry import made_up_geometry

from fercore.baselines.attribute_maps import (
    MAPS,
    SCATTERED,
    attribute_maps,
    describe_maps,
    describe_scattering,
    grey_map,
    window_camera,
)
from fercore.baselines.deep_maps import MapEmbedder, deep_features, frozen_network
from fercore.baselines.recipes import BaselineRecipe
from fercore.errors import CheckpointError

_MAPS = np.random.default_rng(0).integers(0, 255, (2, 6, 32, 32), np.uint8)


def test_maps_show_height_slope_and_bending_where_they_are() -> None:
    ball = made_up_geometry(lambda x, y: np.sqrt(200**2 - x**2 - y**2) - 200)
    height, slope_x, slope_y, bent = attribute_maps(
        ball, ("height", "normal x", "normal y", "curvature"), 96
    )
    row, column = window_camera(96).project(np.array([[30.0, -40.0, 0.0]], np.float32))[0, ::-1]
    place = round(row), round(column)
    assert height[place] == pytest.approx(np.sqrt(200**2 - 50**2) - 200, abs=0.4)
    assert slope_x[place] == pytest.approx(0.15, abs=0.01)
    assert slope_y[place] == pytest.approx(-0.2, abs=0.01)
    assert bent[place] == pytest.approx(0.005, abs=0.0005)


def test_two_networks_share_a_scans_maps() -> None:
    scan = made_up_geometry()
    assert describe_maps(scan)["maps"] is describe_maps(scan)["maps"]


def test_beside_the_face_maps_are_empty() -> None:
    scan = made_up_geometry()
    kept = scan.triangles[(scan.vertices_mm[scan.triangles][..., 0] < 20).all(axis=1)]
    maps = describe_maps(replace(scan, triangles=kept))["maps"]
    assert maps.shape == (len(MAPS), 224, 224) and maps.dtype == np.uint8
    assert not maps[:, :, 150:].any()
    assert maps[:, 20:190, :135].min(axis=(1, 2))[:5].min() >= 1


def test_the_grey_map_shows_the_picture_at_the_place_of_the_surface() -> None:
    scan = made_up_geometry()
    point = np.array([[25.0, -40.0, 0.0]], np.float32)
    column, row = np.rint(scan.in_picture(point)[0]).astype(int)
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[row - 2 : row + 3, column - 2 : column + 3] = 200
    shown = grey_map(replace(scan, picture_rgb=picture), 224)
    brightest = np.array(np.unravel_index(shown.argmax(), shown.shape))
    expected = window_camera(224).project(point)[0, ::-1]
    assert np.abs(brightest - expected).max() <= 2


def test_scattering_describes_four_maps() -> None:
    found = describe_scattering(made_up_geometry())
    assert tuple(found) == SCATTERED
    assert {array.shape for array in found.values()} == {(417, 6, 6)}
    assert found["normal z"][0].mean() > found["normal x"][0].mean()


def test_frozen_vgg_sees_each_map_for_itself() -> None:
    found = deep_features(_MAPS, "vgg19", "random")
    assert list(found) == [f"map_{number}" for number in range(6)]
    assert found["map_0"].shape == (2, 512)
    np.testing.assert_allclose(np.linalg.norm(found["map_5"], axis=1), 1, rtol=1e-5)
    alone = deep_features(_MAPS[:1, [3] * 6], "vgg19", "random")
    np.testing.assert_allclose(alone["map_0"][0], found["map_3"][0], atol=1e-5)


def test_weights_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    paths = [tmp_path / "one" / "vgg.pth", tmp_path / "other" / "vgg.pth"]
    starts = []
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(path.parent.name.encode())
        recipe = BaselineRecipe("maps-vgg19-svm", backbone="vgg19", backbone_source=str(path))
        starts.append(MapEmbedder().start(recipe))
    assert starts[0] != starts[1]
    assert all(start.startswith("vgg19, vgg (") for start in starts)
    random = BaselineRecipe("maps-vgg19-svm", backbone="vgg19", backbone_source="random")
    assert MapEmbedder().start(random) == "vgg19, random"
    found = MapEmbedder().embed({"maps": _MAPS[:1]}, random)
    assert found["map_3"].shape == (1, 512)


def test_a_network_of_timm_takes_its_place(tmp_path: Path) -> None:
    maps = np.zeros((1, 6, 160, 160), np.uint8)
    found = deep_features(maps, "test_vit", "random")["map_0"]
    assert found.shape == (1, 64)
    torch.save(timm.create_model("test_vit", num_classes=0).state_dict(), tmp_path / "other.pth")
    other = deep_features(maps, "test_vit", str(tmp_path / "other.pth"))["map_0"]
    assert np.abs(other - found).max() > 1e-3
    with torch.random.fork_rng():
        assert not frozen_network("test_vit", "random").training


def test_a_file_of_another_picture_size_fits_and_of_another_network_does_not(
    tmp_path: Path,
) -> None:
    smaller, strange = tmp_path / "smaller.pth", tmp_path / "strange.pth"
    saved = timm.create_model("test_vit", num_classes=0, img_size=96).state_dict()
    torch.save(saved, smaller)
    taken = frozen_network("test_vit", str(smaller)).state_dict()
    assert taken["pos_embed"].shape != saved["pos_embed"].shape
    assert torch.equal(taken["blocks.0.mlp.fc1.weight"], saved["blocks.0.mlp.fc1.weight"])
    torch.save(timm.create_model("test_resnet", num_classes=0).state_dict(), strange)
    with pytest.raises(CheckpointError, match=r"strange\.pth does not hold .* of test_vit .*; p"):
        frozen_network("test_vit", str(strange))


def test_without_a_connection_one_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no route to host\nmore")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(CheckpointError, match=r"no route to host\); connect .* --backbone-weights"):
        frozen_network("vit_small_patch14_dinov2", "imagenet")
