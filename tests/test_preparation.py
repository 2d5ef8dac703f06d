"""`fercore prepare` on a few sample scans, whole, damaged and interrupted."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from fercore.caches.reading import open_cache, read_index
from fercore.caches.records import FRONTAL_VIEWS
from fercore.caches.scans import Models, Recipe, prepare, prepare_scan
from fercore.cli import prepare as command
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.datasets.frames import (
    FARTHEST_MM,
    NEAREST_MM,
    WEBCAM,
    camera_view,
    register_scan,
    scan_frame,
)
from fercore.datasets.inspection import check_scan
from fercore.errors import DatasetError, FercoreError, MeshError
from fercore.faces.cropping import crop_face
from fercore.faces.detection import MediapipeFaceDetector, MediapipeFaceLandmarker
from fercore.geometry import MeshRenderer
from fercore.networks.preprocessing import Preprocessing

RECIPE = Recipe(views=2, seed=5, preprocessing=Preprocessing())
FILES = ("rgb.npy", "depth_m.npy", "index.tsv", "cache.json")


def copy_scans(sample_root, root, count: int) -> Bu3dfe:
    for scan in Bu3dfe(sample_root).scans()[:count]:
        folder = root / scan.id.subject
        folder.mkdir(parents=True, exist_ok=True)
        for path in scan.files().values():
            if path is not None:
                shutil.copy(path, folder)
    return Bu3dfe(root)


@pytest.fixture(scope="module")
def models():
    with MediapipeFaceDetector() as detector, MediapipeFaceLandmarker() as landmarker:
        yield Models(detector, landmarker)


@pytest.fixture
def scan(sample_root, tmp_path):
    return copy_scans(sample_root, tmp_path / "tree", 1).scans()[0]


def reread(scan):
    return Bu3dfe(scan.folder()).scans()[0]


class TestOneScan:
    def test_whole_scan(self, scan, models):
        entries = prepare_scan(scan, 30, RECIPE, models)
        assert [row.row for row, _, _ in entries] == [30, 31, 32]
        assert [row.view for row, _, _ in entries] == ["f2d", "camera", "camera"]
        for row, rgb, depth_m in entries:
            assert row.usable
            assert row.scan == scan.name
            assert row.valid_fraction > 0.3
            assert rgb.shape == (96, 96, 3)
            assert rgb.std() > 10
            assert np.isfinite(depth_m[24:40, 24:40]).mean() > 0.9

    def test_depth_shows_the_nose_in_front(self, scan, models):
        for _, _, depth_m in prepare_scan(scan, 0, RECIPE, models):
            rows, columns = np.unravel_index(np.nanargmin(depth_m), depth_m.shape)
            assert 20 < rows < 48
            assert 16 < columns < 48
            assert np.nanmax(depth_m) - np.nanmin(depth_m) < 0.2

    def test_registration_is_recorded(self, scan, models):
        front, *cameras = (row for row, _, _ in prepare_scan(scan, 0, RECIPE, models))
        assert front.fell_back is False
        assert 0 < front.edge_shift_px < 6
        assert {row.fell_back for row in cameras} == {None}

    def test_views_depend_on_the_seed_only(self, scan, models):
        once = prepare_scan(scan, 0, RECIPE, models)
        later = prepare_scan(scan, 300, RECIPE, models)
        other = prepare_scan(scan, 0, Recipe(2, 6, Preprocessing()), models)
        np.testing.assert_array_equal(once[1][1], later[1][1])
        assert (once[1][1] != other[1][1]).any()
        assert (once[1][1] != once[2][1]).any()

    def test_without_mesh(self, scan, models):
        scan.f3d.unlink()
        entries = prepare_scan(reread(scan), 0, RECIPE, models)
        assert {row.status for row, _, _ in entries} == {"unusable"}
        assert "F3D.wrl is missing" in entries[0][0].reason
        assert np.isnan(entries[0][2]).all()

    def test_broken_mesh(self, scan, models):
        scan.f3d.write_bytes(scan.f3d.read_bytes()[:2000])
        entries = prepare_scan(scan, 0, RECIPE, models)
        assert [row.status for row, _, _ in entries] == ["unusable"] * 3
        assert scan.f3d.name in entries[0][0].reason

    def test_a_scan_in_metres_gives_the_same_crops_and_says_so(self, scan, models):
        plain = prepare_scan(scan, 0, RECIPE, models)
        head, rest = scan.f3d.read_bytes().split(b"\n", 1)
        opened = b"\nTransform { scale 0.001 0.001 0.001 children [\n"
        scan.f3d.write_bytes(head + opened + rest + b"]}")
        converted = prepare_scan(scan, 0, RECIPE, models)
        for (_, rgb, depth_m), (row, same_rgb, same_depth_m) in zip(plain, converted, strict=True):
            assert row.usable and row.reason.endswith("scan read in metres")
            np.testing.assert_array_equal(rgb, same_rgb)
            # Registration goes its own way from the last bit on, by less than a millimetre.
            assert np.nanmedian(np.abs(depth_m - same_depth_m)) < 1e-3
        assert check_scan(scan).defects[-1] == "scan read in metres"

    def test_without_picture_the_mesh_is_rendered(self, scan, models):
        scan.f2d.unlink()
        entries = prepare_scan(reread(scan), 0, RECIPE, models)
        front, *cameras = (row for row, _, _ in entries)
        assert (front.status, front.view) == ("ok", "rendered")
        assert front.reason.startswith("rendered picture, for ")
        assert "F2D.bmp is missing" in front.reason
        assert (front.fell_back, front.edge_shift_px) == (None, None)
        assert front.view in FRONTAL_VIEWS
        assert np.isfinite(entries[0][2][24:40, 24:40]).mean() > 0.9
        assert {(row.status, row.view) for row in cameras} == {("ok", "camera")}

    def test_training_sees_what_prediction_sees(self, scan, models):
        scan.f2d.unlink()
        bare = reread(scan)
        frame, _ = scan_frame(bare, models.landmarker)
        row, rgb, depth_m = prepare_scan(bare, 0, RECIPE, models)[0]
        pair = crop_face(frame, models.detector.detect(frame.rgb)[0], RECIPE.preprocessing)
        assert row.box == pair.box
        np.testing.assert_array_equal(rgb, pair.rgb)
        np.testing.assert_array_equal(depth_m, pair.depth_m)

    def test_an_unusable_picture_counts_as_none(self, scan, models):
        Image.new("RGB", (300, 512), (96, 96, 96)).save(scan.f2d)
        front = prepare_scan(scan, 0, RECIPE, models)[0][0]
        assert (front.status, front.view) == ("ok", "rendered")
        assert "300×512 pixels" in front.reason

    def test_without_picture_and_texture_nothing_is_shown(self, scan, models):
        scan.f2d.unlink()
        scan.texture.unlink()
        entries = prepare_scan(reread(scan), 0, RECIPE, models)
        assert {row.status for row, _, _ in entries} == {"no texture"}
        assert "F2D.bmp is missing" in entries[0][0].reason
        assert not entries[0][1].any()

    def test_without_texture_the_picture_remains(self, scan, models):
        scan.texture.unlink()
        front, *cameras = (row for row, _, _ in prepare_scan(reread(scan), 0, RECIPE, models))
        assert front.status == "ok"
        assert {row.status for row in cameras} == {"no texture"}

    def test_picture_without_face(self, scan, models):
        Image.new("RGB", (512, 512), (96, 96, 96)).save(scan.f2d)
        front, *cameras = prepare_scan(scan, 0, RECIPE, models)
        assert front[0].status == "no face"
        assert front[0].box is None
        assert not front[1].any()
        assert all(row.usable for row, _, _ in cameras)


class TestFrames:
    def test_registered_scan(self, scan, models):
        found = register_scan(scan, models.landmarker)
        assert found.rgb.shape == (512, 512, 3)
        assert found.depth_m.shape == found.registered_m.shape == (512, 512)
        assert not found.registration.fell_back

    def test_scan_frame_with_picture(self, scan, models):
        frame, remark = scan_frame(scan, models.landmarker)
        assert remark == ""
        np.testing.assert_array_equal(frame.rgb, scan.picture_rgb())
        assert frame.origin == scan.name
        assert frame.truth == scan.id.expression

    def test_scan_frame_without_picture(self, scan, models):
        scan.f2d.unlink()
        frame, remark = scan_frame(reread(scan), models.landmarker)
        assert remark.startswith("rendered picture, for ")
        assert frame.rgb.shape == (512, 512, 3)
        assert models.detector.detect(frame.rgb)

    def test_scan_frame_without_mesh(self, scan, models):
        scan.f3d.unlink()
        with pytest.raises(MeshError, match="missing"):
            scan_frame(reread(scan), models.landmarker)

    def test_camera_views_hold_the_whole_head(self, scan):
        renderer = MeshRenderer(scan.mesh())
        whole = 0
        for seed in range(8):
            frame = camera_view(renderer, np.random.default_rng(seed))
            known = np.isfinite(frame.depth_m)
            assert frame.intrinsics == WEBCAM
            assert NEAREST_MM - 120 < 1000 * np.nanmedian(frame.depth_m) < FARTHEST_MM + 120
            edges = (known[0], known[-1], known[:, 0], known[:, -1])
            whole += not any(edge.any() for edge in edges)
        assert whole == 8


@pytest.fixture(scope="module")
def tree(sample_root, tmp_path_factory):
    return copy_scans(sample_root, tmp_path_factory.mktemp("tree"), 3)


@pytest.fixture(scope="module")
def whole(tree, tmp_path_factory):
    output = tmp_path_factory.mktemp("whole") / "cache"
    recipe = Recipe(views=1, seed=5, preprocessing=Preprocessing())
    assert len(list(prepare(tree, output, recipe, workers=2))) == 3
    return output


class TestWholeTree:
    recipe = Recipe(views=1, seed=5, preprocessing=Preprocessing())

    def test_cache_can_be_opened(self, whole, tree):
        cache = open_cache(whole)
        assert [row.scan for row in cache.rows[::2]] == [scan.name for scan in tree.scans()]
        assert len(cache.select()) == 6
        assert len(cache.select(expressive=True)) == 4

    def test_interrupted_and_resumed_gives_the_same_bytes(self, whole, tree, tmp_path):
        output = tmp_path / "cache"
        run = prepare(tree, output, self.recipe, workers=1)
        next(run)
        run.close()
        assert len(read_index(output)) == 2
        assert len(list(prepare(tree, output, self.recipe, workers=1))) == 2
        for name in FILES:
            assert (output / name).read_bytes() == (whole / name).read_bytes()

    def test_finished_cache_is_left_alone(self, whole, tree):
        before = {name: (whole / name).stat().st_mtime_ns for name in FILES[:2]}
        assert list(prepare(tree, whole, self.recipe, workers=2)) == []
        assert before == {name: (whole / name).stat().st_mtime_ns for name in FILES[:2]}

    def test_more_scans_are_another_cache(self, whole, sample_root, tmp_path):
        larger = copy_scans(sample_root, tmp_path / "larger", 4)
        with pytest.raises(DatasetError, match="other parameters"):
            next(prepare(larger, whole, self.recipe, workers=1))

    def test_killed_process_leaves_no_workers_and_whole_rows(self, whole, tree, tmp_path):
        output = tmp_path / "cache"
        arguments = ["prepare", "bu3dfe", str(tree.root), "--output", str(output)]
        code = f"import sys; from fercore.cli import main; sys.exit(main({arguments!r}))"
        options = ["--views", "1", "--seed", "5", "--workers", "2"]
        code = code.replace(repr(arguments), repr(arguments + options))
        process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        wait_for(lambda: rows_in(output) >= 2)
        process.kill()
        process.wait()
        wait_for(lambda: not group_is_alive(process.pid))
        list(prepare(tree, output, self.recipe, workers=1))
        for name in FILES:
            assert (output / name).read_bytes() == (whole / name).read_bytes()


class TestCommand:
    def run(self, *arguments: str) -> int:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        return command.run(parser.parse_args(["bu3dfe", *arguments]))

    def test_summary(self, whole, tree, capsys):
        options = ["--output", str(whole), "--views", "1", "--seed", "5"]
        assert self.run(str(tree.root), *options) == 0
        printed = capsys.readouterr().out
        assert "3 scans" in printed
        assert "fell back to their start: 0" in printed

    @pytest.mark.parametrize("option", [["--views", "-1"], ["--workers", "0"], ["--seed", "-1"]])
    def test_senseless_numbers(self, tree, tmp_path, option):
        with pytest.raises(FercoreError, match=f"{option[0]} {option[1]}"):
            self.run(str(tree.root), "--output", str(tmp_path / "cache"), *option)

    def test_missing_tree(self, tmp_path):
        with pytest.raises(DatasetError, match="does not exist"):
            self.run(str(tmp_path / "nowhere"), "--output", str(tmp_path / "cache"))


def rows_in(output) -> int:
    try:
        return len(read_index(output))
    except DatasetError:
        return 0


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.05)
