"""Synthetic camera samples: planned evenly, rendered the same every time, labelled truly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import readme_inputs as inputs

from fercore.errors import FaceModelError
from fercore.expressions import EXPRESSIONS, Expression
from fercore.structures import FaceBox
from fercore.synthesis.samples import SampleRecipe, plan_sample, render_sample
from fercore.synthesis.sensors import CAMERA_NAMES, CAMERAS, SCANNER


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "ict_face_model.npz"
    inputs.write_face_model(path)
    return SampleRecipe((path,), 3, ("d435", SCANNER))


def plans(recipe, count, number=1):
    return [plan_sample(recipe, number, index) for index in range(count)]


class TestPlan:
    def test_every_label_comes_once_in_each_round(self, recipe):
        for start in (0, 28):
            labels = [(p.expression, p.level) for p in plans(recipe, 56)[start : start + 28]]
            assert len(set(labels)) == 25
            assert {expression for expression, _ in labels} == {None, *EXPRESSIONS}
            assert labels.count((None, 0)) == 4

    def test_levels_are_those_asked_for(self, recipe):
        few = replace(recipe, levels=(3, 4))
        counts = Counter((p.label, p.level) for p in plans(few, 16))
        assert counts.pop(("neutral", 0)) == 4
        assert set(counts.values()) == {1}
        assert {level for _, level in counts} == {3, 4}

    def test_cameras_take_turns(self, recipe):
        every = replace(recipe, cameras=CAMERA_NAMES)
        counts = Counter(p.camera for p in plans(every, 24))
        assert counts == dict.fromkeys(CAMERA_NAMES, 4)

    def test_a_label_says_nothing_of_the_camera(self, recipe):
        every = replace(recipe, cameras=CAMERA_NAMES)
        pairs = {(p.expression, p.camera) for n in range(1, 30) for p in plans(every, 25, n)}
        assert len(pairs) == 7 * len(CAMERA_NAMES)

    def test_names_tell_samples_apart(self, recipe):
        names = {p.name for n in (1, 2) for p in plans(recipe, 60, n)}
        assert len(names) == 120
        assert {name[:5] for name in names} == {"F9001", "M9002"}

    def test_subjects_differ_in_their_order(self, recipe):
        first, second = ([p.label for p in plans(recipe, 25, n)] for n in (1, 2))
        assert first != second

    def test_face_models_take_turns_in_pairs_of_subjects(self, recipe, tmp_path):
        both = replace(recipe, face_models=(tmp_path / "a", tmp_path / "b"))
        assert [both.model_of(n).name for n in range(1, 6)] == ["a", "a", "b", "b", "a"]


def of_camera(recipe, camera):
    return next(p for p in plans(recipe, 30) if p.camera == camera and p.expression is not None)


class TestRendering:
    def test_a_camera_sees_a_face_in_a_room(self, recipe):
        plan = of_camera(recipe, "d435")
        sample = render_sample(recipe, plan)
        frame, limits = sample.frame, CAMERAS["d435"]
        assert frame.rgb.shape == (480, 640, 3)
        assert frame.rgb.std() > 5
        assert (frame.truth, frame.origin, frame.index) == (plan.expression, plan.name, plan.index)
        assert frame.intrinsics.fx in limits.focals_px
        columns, rows = sample.landmarks_px.mean(axis=0).astype(int)
        around = frame.depth_m[rows - 20 : rows + 20, columns - 20 : columns + 20]
        assert np.isfinite(around).mean() > 0.5
        assert limits.nearest_face_m - 0.1 < np.nanmedian(around) < limits.farthest_face_m + 0.1

    def test_the_scanner_sees_a_face_alone(self, recipe):
        sample = render_sample(recipe, of_camera(recipe, SCANNER))
        depth_m = sample.frame.depth_m
        assert sample.frame.rgb.shape == (512, 512, 3)
        assert sample.frame.intrinsics is None
        assert np.isnan(depth_m[0]).any()
        assert np.isfinite(depth_m[200:300, 200:300]).mean() > 0.95
        assert 0.9 < np.nanmin(depth_m) < np.nanmax(depth_m) < 1.1

    @pytest.mark.parametrize("camera", ["d435", SCANNER])
    def test_a_sample_is_the_same_whatever_was_rendered_before(self, recipe, camera):
        plan = of_camera(recipe, camera)
        once = render_sample(recipe, plan).frame
        render_sample(recipe, plan_sample(recipe, 2, 0))
        again = render_sample(recipe, plan).frame
        np.testing.assert_array_equal(once.rgb, again.rgb)
        np.testing.assert_array_equal(once.depth_m, again.depth_m)

    def test_another_seed_gives_another_sample(self, recipe):
        plan = of_camera(recipe, "d435")
        one, other = (
            render_sample(replace(recipe, seed=seed), plan).frame.rgb.astype(int) for seed in (3, 4)
        )
        assert np.abs(one - other).mean() > 5

    def test_a_missing_face_model_is_named(self, recipe, tmp_path):
        lost = replace(recipe, face_models=(tmp_path / "nowhere.npz",))
        with pytest.raises(FaceModelError, match=r"nowhere\.npz"):
            render_sample(lost, plan_sample(lost, 1, 0))

    def test_boxes_around_something_else_are_told(self, recipe):
        sample = render_sample(recipe, of_camera(recipe, "d435"))
        low, high = sample.landmarks_px.min(axis=0), sample.landmarks_px.max(axis=0)
        width = float((high - low).max())
        assert sample.shows_face_in(FaceBox(*low, *high, 0.9))
        assert not sample.shows_face_in(FaceBox(*(low + 2 * width), *(high + 2 * width), 0.9))
        assert not sample.shows_face_in(FaceBox(*(low - 2 * width), *(high + 2 * width), 0.9))

    def test_neutral_has_no_expression(self, recipe):
        plan = next(p for p in plans(recipe, 28) if p.expression is None)
        assert (plan.label, plan.level, plan.name[6:10]) == ("neutral", 0, "NE00")
        assert render_sample(recipe, plan).frame.truth is None

    def test_labels_are_expressions(self, recipe):
        assert {p.label for p in plans(recipe, 28)} == {"neutral", *map(str, Expression)}
