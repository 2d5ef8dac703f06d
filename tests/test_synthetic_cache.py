"""`fercore prepare synthetic` on a toy face: whole, interrupted, with a full disk, badly asked."""

from __future__ import annotations

import argparse
import errno
from dataclasses import replace

import numpy as np
import pytest
import readme_inputs as inputs

from fercore.caches import synthetic as synthetic_cache
from fercore.caches import writer as cache_writer
from fercore.caches.reading import open_cache, read_index
from fercore.caches.synthetic import CacheRecipe, make_row, prepare_synthetic
from fercore.cli import main
from fercore.cli import prepare as command
from fercore.errors import DatasetError, FercoreError
from fercore.networks.preprocessing import Preprocessing
from fercore.structures import FaceBox, RGBDFrame
from fercore.synthesis.samples import CameraSample, SampleRecipe
from fercore.synthesis.sensors import SCANNER
from fercore.training.faces import read_faces

FILES = ("rgb.npy", "depth_m.npy", "index.tsv", "cache.json")


class FixedDetector:
    """Finds a face in the middle of every picture, or wherever it is told."""

    def __init__(self, share=0.9):
        self.share = share

    def detect(self, rgb):
        height, width = rgb.shape[:2]
        low, high = (1 - self.share) / 2, (1 + self.share) / 2
        return [FaceBox(low * width, low * height, high * width, high * height, 0.9)]

    def close(self):
        pass


class Blind(FixedDetector):
    """Finds nothing."""

    def detect(self, rgb):
        return []


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "ict_face_model.npz"
    inputs.write_face_model(path)
    return path


@pytest.fixture
def recipe(model_file):
    samples = SampleRecipe((model_file,), 5, (SCANNER,), levels=(4,))
    return CacheRecipe(samples, 2, 3, Preprocessing())


@pytest.fixture
def in_this_process(monkeypatch):
    def in_order(work, jobs, workers):
        yield from map(work, jobs)

    monkeypatch.setattr(synthetic_cache, "in_order", in_order)
    monkeypatch.setattr(synthetic_cache, "_worker_detectors", [FixedDetector()])
    monkeypatch.setattr(synthetic_cache, "_BATCH", 2)


def noise_instead(recipe, plan):
    """Stand in for the renderer: pictures that depend on all they are given."""
    rng = np.random.default_rng([recipe.seed, plan.number, plan.index])
    rgb = rng.integers(0, 256, (64, 64, 3), np.uint8)
    depth_m = rng.uniform(0.4, 0.6, (64, 64)).astype(np.float32)
    corners = np.array([[10.0, 10.0], [54.0, 54.0]])
    return CameraSample(RGBDFrame(rgb, depth_m, None, 0.0, plan.index), corners)


@pytest.fixture
def without_rendering(monkeypatch):
    monkeypatch.setattr(synthetic_cache, "render_sample", noise_instead)


def contents(path):
    return {name: (path / name).read_bytes() for name in FILES}


@pytest.mark.usefixtures("in_this_process")
class TestCache:
    def test_training_can_read_it(self, recipe, tmp_path):
        assert list(prepare_synthetic(tmp_path / "cache", recipe, 1)) == [0, 2, 3, 5, 6]
        cache = open_cache(tmp_path / "cache")
        assert cache.is_synthetic
        assert "synthetic samples of ict_face_model" in cache.description
        assert {row.view for row in cache.rows} == {SCANNER}
        assert [row.subject for row in cache.rows] == ["F9001"] * 3 + ["M9002"] * 3
        assert {row.level for row in cache.rows} <= {0, 4}
        assert all(row.usable and row.valid_fraction > 0.3 for row in cache.rows)
        assert np.isfinite(cache.depth_m[:, 24:40, 24:40]).mean() > 0.9
        faces, _ = read_faces(tmp_path / "cache")
        assert set(faces.views) == {SCANNER}

    @pytest.mark.usefixtures("without_rendering")
    def test_interrupted_and_resumed_gives_the_same_bytes(self, recipe, tmp_path):
        list(prepare_synthetic(tmp_path / "whole", recipe, 1))
        run = prepare_synthetic(tmp_path / "cut", recipe, 1)
        assert [next(run), next(run)] == [0, 2]
        run.close()
        index = tmp_path / "cut" / "index.tsv"
        lines = index.read_bytes().splitlines(keepends=True)
        index.write_bytes(b"".join(lines[:-1]) + lines[-1][:9])  # killed while writing
        assert list(prepare_synthetic(tmp_path / "cut", recipe, 1)) == [1, 3, 5, 6]
        assert contents(tmp_path / "cut") == contents(tmp_path / "whole")

    @pytest.mark.usefixtures("without_rendering")
    def test_a_finished_cache_is_left_alone(self, recipe, tmp_path):
        list(prepare_synthetic(tmp_path / "cache", recipe, 1))
        assert list(prepare_synthetic(tmp_path / "cache", recipe, 1)) == [6]

    @pytest.mark.parametrize(
        "change", [{"seed": 6}, {"levels": (3,)}, {"cameras": ("d435",)}, {"occluded": False}]
    )
    def test_other_samples_are_another_cache(self, recipe, tmp_path, change):
        next(prepare_synthetic(tmp_path / "cache", recipe, 1))
        other = replace(recipe, samples=replace(recipe.samples, **change))
        with pytest.raises(DatasetError, match="other parameters"):
            next(prepare_synthetic(tmp_path / "cache", other, 1))

    @pytest.mark.usefixtures("without_rendering")
    def test_a_full_disk_is_one_sentence(self, recipe, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        run = prepare_synthetic(tmp_path / "cache", recipe, 1)
        next(run)
        monkeypatch.setattr(cache_writer, "_write_all", full)
        with pytest.raises(FercoreError, match=r"No space left on device.*same command again"):
            next(run)
        assert read_index(tmp_path / "cache") == []


def test_pictures_without_a_face_keep_their_row(recipe):
    row, rgb, depth_m = make_row(recipe, 4, Blind())
    assert (row.row, row.subject, row.status) == (4, "M9002", "no face")
    assert not rgb.any()
    assert np.isnan(depth_m).all()


def test_walls_taken_for_faces_are_not_learnt_from(recipe):
    row, rgb, _ = make_row(recipe, 4, FixedDetector(share=0.05))
    assert (row.status, row.reason) == ("no face", "something else was taken for the face")
    assert not rgb.any()


def test_a_row_does_not_depend_on_others(recipe):
    larger = replace(recipe, subjects=9)
    one, other = (make_row(r, 4, FixedDetector()) for r in (recipe, larger))
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


def run(*arguments):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(["synthetic", *map(str, arguments)]))


class TestCommand:
    def test_makes_and_resumes_a_cache_with_processes(self, model_file, tmp_path, capsys):
        output = tmp_path / "cache"
        options = ["--subjects", 1, "--samples-per-subject", 2, "--cameras", "sr305,d405"]
        options += ["--levels", "4", "--seed", 1, "--output", output]
        assert run(model_file, *options, "--workers", 2) == 0
        printed = capsys.readouterr().out
        assert "1 synthetic subjects" in printed
        assert "d405" in printed and "sr305" in printed
        before = contents(output)
        assert run(model_file, *options, "--workers", 1) == 0
        assert contents(output) == before

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            (["--samples-per-subject", "2"], "need --subjects"),
            (["--subjects", "2"], "need --samples-per-subject"),
            (["--subjects", "0", "--samples-per-subject", "2"], "--subjects 0 makes no sense"),
            (["--subjects", "1000", "--samples-per-subject", "2"], "give 1 to 999"),
            (["--subjects", "2", "--samples-per-subject", "-1"], "--samples-per-subject -1"),
            (["--subjects", "2", "--samples-per-subject", "2", "--cameras", "kinect"], "kinect"),
            (["--subjects", "2", "--samples-per-subject", "2", "--views", "1"], "--views"),
            (["--subjects", "2", "--samples-per-subject", "2", "--seed", "-1"], "--seed -1"),
        ],
    )
    def test_bad_options_are_named_and_nothing_is_written(
        self, model_file, tmp_path, options, named
    ):
        with pytest.raises(FercoreError, match=named):
            run(model_file, "--output", tmp_path / "cache", *options)
        assert not (tmp_path / "cache").exists()

    @pytest.mark.parametrize("cameras", ["d415,d415", "d415,", ""])
    def test_cameras_are_a_list(self, model_file, tmp_path, cameras, capsys):
        with pytest.raises(SystemExit):
            run(model_file, "--output", tmp_path / "cache", "--cameras", cameras)
        assert "different cameras" in capsys.readouterr().err

    def test_a_missing_face_model_is_one_sentence(self, tmp_path, capsys):
        arguments = ["prepare", "synthetic", str(tmp_path / "none.npz"), "--subjects", "1"]
        arguments += ["--samples-per-subject", "1", "--output", str(tmp_path / "cache")]
        assert main(arguments) == 2
        printed = capsys.readouterr().err
        assert printed.startswith("fercore: no face model at ")
        assert printed.count("\n") == 1
        assert not (tmp_path / "cache").exists()

    def test_options_of_samples_are_refused_for_data_sets(self, tmp_path):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        for option in (["--subjects", "2"], ["--cameras", "d415"], ["--no-occluders"]):
            arguments = ["bu3dfe", str(tmp_path), "--output", str(tmp_path / "cache"), *option]
            with pytest.raises(FercoreError, match=f"{option[0]} belongs to synthetic samples"):
                command.run(parser.parse_args(arguments))

    def test_a_data_set_has_one_folder(self, tmp_path):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        arguments = ["bu3dfe", str(tmp_path), str(tmp_path), "--output", str(tmp_path / "cache")]
        with pytest.raises(FercoreError, match="one folder, not 2"):
            command.run(parser.parse_args(arguments))
