import bu3dfe_fixtures as fixtures
import numpy as np
import pytest

from fercore.errors import DatasetError
from fercore.evaluation.benchmarks.difficulty import (
    LabelledShapes,
    classify_shapes,
    measure_difficulty,
    read_shapes,
)

SUBJECTS = 16


def shapes(separation, subjects=SUBJECTS):
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(np.arange(6), 4), subjects)
    codes = np.repeat([f"F9{number:03d}" for number in range(subjects)], 24)
    centres = rng.normal(0, separation, (6, 60))
    values = centres[labels] + rng.normal(0, 1, (len(labels), 60))
    return LabelledShapes(values.astype(np.float32), labels, codes)


def test_clearly_different_shapes_are_told_apart():
    found = classify_shapes(shapes(3.0), test_subjects=4, seed=0)
    assert found.accuracy == 1.0
    assert np.array_equal(found.confusion, np.eye(6) * 16)
    assert (found.train_subjects, found.test_subjects) == (12, 4)
    assert (found.train_scans, found.test_scans) == (12 * 24, 4 * 24)


def test_noise_stays_near_chance():
    assert classify_shapes(shapes(0.0), test_subjects=4, seed=0).accuracy < 0.35


def test_it_cannot_learn_from_the_test_subjects():
    data = shapes(3.0)
    swapped = data.labels.copy()
    swapped[data.subjects == "F9000"] = 5 - swapped[data.subjects == "F9000"]
    for seed in range(3):
        found = classify_shapes(LabelledShapes(data.shapes, swapped, data.subjects), 8, seed)
        unseen = "F9000" in np.random.default_rng(seed).permutation(np.unique(data.subjects))[:8]
        assert (found.accuracy == 1.0) is not unseen


def test_the_same_seed_gives_the_same_figure():
    first, second = (classify_shapes(shapes(0.4), 4, seed=1) for _ in range(2))
    assert first.accuracy == second.accuracy
    assert 0.3 < first.accuracy < 1.0
    assert first.penalty == second.penalty


def test_too_few_subjects_are_refused():
    with pytest.raises(DatasetError, match="give at least 28"):
        classify_shapes(shapes(1.0), test_subjects=20, seed=0)


def test_only_the_wanted_levels_of_expressions_are_read(tmp_path):
    for name in ("F9001_NE00WH", "F9001_AN02WH", "F9001_AN03WH", "M9002_SU04WH"):
        fixtures.write_scan(tmp_path, name)
    data = read_shapes(tmp_path)
    assert data.subjects.tolist() == ["F9001", "M9002"]
    assert data.labels.tolist() == [0, 5]
    assert data.shapes.shape[1] % 3 == 0


def test_meshes_of_different_topology_are_refused(tmp_path):
    fixtures.write_scan(tmp_path, "F9001_AN03WH", wrl=fixtures.grid_wrl(4, 4))
    fixtures.write_scan(tmp_path, "F9001_AN04WH", wrl=fixtures.grid_wrl(5, 4))
    with pytest.raises(DatasetError, match="different topology"):
        measure_difficulty(tmp_path)


def test_a_tree_without_the_levels_is_refused(tmp_path):
    fixtures.write_scan(tmp_path, "F9001_AN01WH")
    with pytest.raises(DatasetError, match=r"no F3D scan at levels \[3, 4\]"):
        measure_difficulty(tmp_path)
