"""Registration of depth to colour: its parts, and the whole on pairs with known motion."""

from __future__ import annotations

import argparse
import json
import math
import re

import cv2
import numpy as np
import pytest

from fercore.cli import bench
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.errors import DatasetError, FercoreError
from fercore.evaluation.benchmarks.registration import measure_registration
from fercore.geometry import Similarity
from fercore.registration import register, registering, steady_landmarks, warp_depth
from fercore.registration.refinement import relit
from fercore.registration.registering import (
    EXTENTS,
    FEATURES,
    LANDMARKS,
    edge_distance,
    face_outline,
)
from fercore.report.registration_figure import write_overlay

MOTION = Similarity.about((255.5, 255.5), 1.07, -6.0, (14.0, -9.0))


def dome(size: int = 256, radius: float = 100.0) -> np.ndarray:
    """Return the depth map of half a ball, one millimetre a pixel, 0.9 m away at its tip."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    square = radius**2 - rows**2 - columns**2
    height_mm = np.sqrt(np.where(square > 0, square, np.nan))
    return (1.0 - height_mm / 1000).astype(np.float32)


def lambert(depth_m: np.ndarray, light: tuple[float, float, float]) -> np.ndarray:
    """Return the brightness 40..200 of a dome under one lamp (x right, y up, z to the camera)."""
    size = len(depth_m)
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    normals = np.stack([columns, -rows, 1000 * (1 - depth_m)], axis=-1) / 100
    towards = np.array(light) / np.linalg.norm(light)
    return np.nan_to_num(40 + 160 * np.clip(normals @ towards, 0, None), nan=40).astype(np.float32)


class TestSimilarity:
    points = np.random.default_rng(0).uniform(0, 512, (60, 2)).astype(np.float32)

    def test_about_keeps_the_centre_but_for_the_shift(self):
        np.testing.assert_allclose(MOTION.apply(np.array([[255.5, 255.5]])), [[269.5, 246.5]])

    def test_inverse_undoes(self):
        back = MOTION.then(MOTION.inverse())
        np.testing.assert_allclose(back.matrix, np.eye(2, 3), atol=1e-9)

    def test_then_is_in_order(self):
        both = MOTION.then(Similarity(scale=2.0))
        np.testing.assert_allclose(both.apply(self.points), 2 * MOTION.apply(self.points))

    def test_matrix_round_trip(self):
        again = Similarity.from_matrix(MOTION.matrix)
        np.testing.assert_allclose(again.matrix, MOTION.matrix)

    def test_fit_ignores_outliers(self):
        rng = np.random.default_rng(1)
        target = MOTION.apply(self.points) + rng.normal(0, 0.3, self.points.shape)
        target[:12] += rng.uniform(15, 60, (12, 2))
        found = Similarity.fitted(self.points, target)
        assert found.scale == pytest.approx(MOTION.scale, abs=2e-3)
        assert found.angle_deg == pytest.approx(MOTION.angle_deg, abs=0.15)
        assert found.residuals(self.points[12:], target[12:]).max() < 1.5

    def test_fit_of_one_place_does_not_break(self):
        same = np.full((5, 2), 7.0, np.float32)
        assert np.isfinite(Similarity.fitted(same, same).matrix).all()


class TestWarpDepth:
    def test_moves_depth_and_keeps_its_values(self):
        depth_m = np.full((60, 80), np.nan, np.float32)
        depth_m[20:30, 30:50] = 0.7
        moved = warp_depth(depth_m, Similarity(shift_x=5, shift_y=-3))
        expected = np.full((60, 80), np.nan, np.float32)
        expected[17:27, 35:55] = 0.7
        np.testing.assert_allclose(moved, expected, atol=1e-6)

    def test_unknown_depth_does_not_spread(self):
        depth_m = dome()
        depth_m[120:124, 120:124] = np.nan
        moved = warp_depth(depth_m, Similarity(1.0, 0.0, 0.4, 0.4))
        assert np.isnan(moved).sum() == pytest.approx(np.isnan(depth_m).sum(), rel=0.02)
        assert np.nanmin(moved) >= np.nanmin(depth_m) - 1e-6

    def test_all_unknown(self):
        assert np.isnan(warp_depth(np.full((9, 9), np.nan, np.float32), MOTION)).all()


class TestRelighting:
    def test_finds_the_light(self):
        depth_m = dome()
        grey = lambert(depth_m, (0.5, 0.6, 1.0))
        relief = relit(depth_m, 1.0, grey, Similarity())
        inner = np.isfinite(dome(radius=80.0))
        assert np.abs(relief.grey - grey)[inner].mean() < 4

    def test_paint_does_not_count(self):
        depth_m = dome()
        grey = lambert(depth_m, (0.2, 0.3, 1.0))
        grey[140:170, 90:160] = 10  # dark lips on the dome
        explained = relit(depth_m, 1.0, grey, Similarity()).explained
        assert explained[145:165, 95:155].mean() < 0.1
        assert explained[70:110, 100:150].mean() > 0.7
        assert not explained[0, 0]


class TestSteadyLandmarks:
    picture = np.zeros((512, 512, 3), np.uint8)

    def test_median_undoes_each_motion(self):
        """A landmarker that sees a dot for each point of a grid must get the grid back."""
        rgb = self.picture.copy()
        cv2.circle(rgb, (300, 200), 6, (255, 255, 255), -1)

        def find(moved):
            rows, columns = np.nonzero(moved[..., 0] > 100)
            return np.tile(np.array([[columns.mean(), rows.mean()]], np.float32), (468, 1))

        points = steady_landmarks(find, rgb)
        assert points.shape == (len(FEATURES), 2)
        np.testing.assert_allclose(points, np.tile([300, 200], (len(FEATURES), 1)), atol=0.3)

    def test_one_answer_is_enough(self):
        answers = iter([None, np.zeros((468, 2), np.float32)])
        assert steady_landmarks(lambda _: next(answers, None), self.picture) is not None

    def test_none_without_face(self):
        assert steady_landmarks(lambda _: None, self.picture) is None

    def test_features_are_distinct_points_of_the_mesh(self):
        assert len(set(FEATURES.tolist())) == len(FEATURES)
        assert FEATURES.min() >= 0
        assert FEATURES.max() < 468


class TestRegister:
    """On a dome under a lamp, with landmarks that are a little wrong."""

    depth_m = dome(512, 180.0)

    def lit(self, motion: Similarity) -> np.ndarray:
        grey = lambert(self.depth_m, (0.6, 0.8, 0.8))
        moved = cv2.warpAffine(grey, motion.matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        return np.repeat(moved.astype(np.uint8)[..., None], 3, axis=2)

    def points(self, motion: Similarity) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(4)
        points = rng.uniform(150, 360, (80, 2)).astype(np.float32)
        return motion.apply(points).astype(np.float32), points

    def test_falls_back_when_the_refinement_runs_away(self, monkeypatch):
        for wrong, phrase in (
            (Similarity(shift_x=9.0), "edge moved by 9.0 px"),
            (Similarity.about((255, 255), 1.05, 0.0, (0, 0)), r"edge moved|scale changed"),
            (Similarity.about((255, 255), 1.0, 3.5, (0, 0)), r"edge moved|turned"),
            (Similarity(shift_y=5.0), "landmarks came apart"),
        ):
            monkeypatch.setattr(registering, "refine", lambda *a, w=wrong: (a[3].then(w), 0.5))
            found = register(self.lit(MOTION), self.depth_m, 1.0, *self.points(MOTION))
            assert found.fell_back
            assert found.transform == found.start
            assert found.reason
            assert re.search(phrase, found.reason)

    def test_accepts_a_small_refinement(self, monkeypatch):
        small = Similarity(shift_x=1.5)
        monkeypatch.setattr(registering, "refine", lambda *a: (a[3].then(small), 0.5))
        found = register(self.lit(MOTION), self.depth_m, 1.0, *self.points(MOTION))
        assert not found.fell_back
        assert found.reason == ""
        assert found.started_from == LANDMARKS
        assert found.edge_shift_px == pytest.approx(1.5)
        assert found.residual_px == pytest.approx(1.5, abs=0.05)

    def test_says_when_simpleitk_finds_no_overlap(self, monkeypatch):
        def fail(*_):
            raise RuntimeError("All samples map outside moving image buffer")

        monkeypatch.setattr(registering, "refine", fail)
        found = register(self.lit(MOTION), self.depth_m, 1.0, *self.points(MOTION))
        assert found.fell_back
        assert "overlap" in found.reason

    def test_starts_from_the_extents_without_landmarks(self):
        found = register(self.lit(Similarity()), self.depth_m, 1.0, None, self.points(MOTION)[1])
        assert found.started_from == EXTENTS
        assert found.start == Similarity()
        assert math.isnan(found.residual_px)

    @pytest.mark.parametrize(
        ("motion", "phrase"),
        [
            (Similarity.about((255, 255), 1.6, 0.0, (0, 0)), "imply a scale of 1.60"),
            (Similarity.about((255, 255), 0.5, 0.0, (0, 0)), "imply a scale of 0.50"),
            (Similarity.about((255, 255), 1.0, -35.0, (0, 0)), "imply a turn by -35.0 degrees"),
            (Similarity(shift_x=80.0, shift_y=60.0), "imply a shift by 100 px"),
        ],
    )
    def test_landmarks_that_imply_too_much_are_not_believed(self, motion, phrase, monkeypatch):
        small = Similarity(shift_x=1.5)
        monkeypatch.setattr(registering, "refine", lambda *a: (a[3].then(small), 0.5))
        found = register(self.lit(Similarity()), self.depth_m, 1.0, *self.points(motion))
        assert found.started_from == EXTENTS
        assert found.start == Similarity()
        assert phrase in found.landmarks_doubt
        assert phrase in found.remark
        # They must not judge the refinement either.
        assert math.isnan(found.start_residual_px) and math.isnan(found.residual_px)
        assert not found.fell_back
        assert found.transform == small

    def test_landmarks_of_another_face_are_not_believed(self):
        points, _ = self.points(Similarity())
        other = points + np.random.default_rng(5).normal(0, 15, points.shape).astype(np.float32)
        found = register(self.lit(Similarity()), self.depth_m, 1.0, other, points)
        assert found.started_from == EXTENTS
        assert "px apart at best" in found.landmarks_doubt

    def test_landmarks_in_one_place_are_not_believed(self):
        same = np.full((80, 2), 250.0, np.float32)
        found = register(self.lit(Similarity()), self.depth_m, 1.0, same, same)
        assert found.started_from == EXTENTS
        assert "scale" in found.landmarks_doubt

    @pytest.mark.parametrize(
        "motion",
        [
            Similarity.about((255, 255), 1.1, 8.0, (20.0, 20.0)),
            Similarity.about((255, 255), 0.9, -8.0, (-20.0, 20.0)),
        ],
    )
    def test_the_whole_range_that_is_measured_is_believed(self, motion, monkeypatch):
        monkeypatch.setattr(registering, "refine", lambda *a: (a[3], 0.5))
        points, rendered = self.points(motion)
        trembling = points + np.random.default_rng(6).normal(0, 3, points.shape).astype(np.float32)
        found = register(self.lit(motion), self.depth_m, 1.0, trembling, rendered)
        assert found.started_from == LANDMARKS
        assert found.landmarks_doubt == found.remark == ""
        assert found.start == Similarity.fitted(rendered, trembling)

    def test_both_doubts_are_said(self):
        nothing = np.full((512, 512), np.nan, np.float32)
        wrong = self.points(Similarity(shift_x=200.0))
        found = register(self.lit(MOTION), nothing, 1.0, *wrong)
        assert found.fell_back
        assert found.remark == (
            "the landmarks imply a shift by 200 px; too little depth to register"
        )

    @pytest.mark.parametrize("known", [0, 20])
    def test_too_little_depth(self, known):
        depth_m = np.full((512, 512), np.nan, np.float32)
        depth_m[:known, :known] = 1.0
        found = register(self.lit(MOTION), depth_m, 1.0, None, None)
        assert found.fell_back
        assert "too little depth" in found.reason

    def test_picture_without_contrast(self):
        plain = np.full((512, 512, 3), 128, np.uint8)
        found = register(plain, self.depth_m, 1.0, *self.points(Similarity()))
        outline = face_outline(self.depth_m)
        assert edge_distance(outline, found.transform, Similarity()) <= 6


@pytest.fixture(scope="module")
def measured(sample_root):
    return list(measure_registration(sample_root, pairs=7))


class TestKnownMotion:
    def test_error_at_the_edge(self, measured):
        errors = [result.edge_error_px for result in measured]
        assert np.median(errors) <= 2
        assert max(errors) <= 5

    def test_starts_from_landmarks(self, measured):
        assert {result.registration.started_from for result in measured} == {LANDMARKS}

    def test_is_repeatable(self, sample_root, measured):
        again = next(measure_registration(sample_root, pairs=7))
        before, after = measured[0].registration, again.registration
        np.testing.assert_allclose(after.transform.matrix, before.transform.matrix, atol=1e-6)
        assert again.edge_error_px == pytest.approx(measured[0].edge_error_px, abs=1e-6)

    def test_mutual_information_improves_on_the_landmarks(self, measured):
        starts = [result.start_error_px for result in measured]
        ends = [result.edge_error_px for result in measured]
        assert np.mean(ends) < 0.9 * np.mean(starts)

    def test_pairs_need_a_texture(self, tmp_path, sample_root):
        scan = Bu3dfe(sample_root).scans()[0]
        (tmp_path / scan.f3d.name).write_bytes(scan.f3d.read_bytes())
        with pytest.raises(DatasetError, match="no textured mesh"):
            next(measure_registration(tmp_path, pairs=1))


class TestFigure:
    def test_three_panels(self, sample_root, tmp_path):
        path = tmp_path / "overlay.png"
        write_overlay(Bu3dfe(sample_root).scans()[0], path)
        page = cv2.imread(str(path))
        assert page.shape[1] > 3 * 512
        for left in (16, 544, 1072):
            panel = page[44:556, left : left + 512]
            assert len(np.unique(panel.reshape(-1, 3), axis=0)) > 200

    def test_unwritable_file(self, sample_root, tmp_path):
        with pytest.raises(FercoreError, match="cannot be written"):
            write_overlay(Bu3dfe(sample_root).scans()[0], tmp_path / "missing" / "overlay.png")


class TestCommand:
    def run(self, *arguments: str) -> int:
        parser = argparse.ArgumentParser()
        bench.add_arguments(parser)
        return bench.run(parser.parse_args(["registration", *arguments]))

    def test_table(self, sample_root, capsys):
        assert self.run(str(sample_root), "--pairs", "2") == 0
        printed = capsys.readouterr().out
        assert "registered" in printed
        assert "2 pairs, 0 fell back" in printed

    def test_json(self, sample_root, capsys):
        assert self.run(str(sample_root), "--pairs", "1", "--json") == 0
        (result,) = json.loads(capsys.readouterr().out)
        assert result["edge_error_px"] < 5
        assert result["registration"]["started_from"] == LANDMARKS

    def test_no_pairs(self, sample_root):
        with pytest.raises(FercoreError, match="--pairs 0"):
            self.run(str(sample_root), "--pairs", "0")
