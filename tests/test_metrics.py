import numpy as np
import pytest

from fercore import metrics
from fercore.metrics import subject_interval


def test_interval_of_identical_subjects_has_no_width() -> None:
    correct = np.tile([True, True, True, False], 5)
    subjects = np.repeat(["a", "b", "c", "d", "e"], 4)
    assert subject_interval(correct, subjects) == (0.75, 0.75)


def test_interval_is_wider_when_whole_subjects_fail() -> None:
    subjects = np.repeat([f"s{i}" for i in range(20)], 12)
    by_subject = np.repeat(np.arange(20) < 15, 12)
    scattered = np.tile(np.arange(12) < 9, 20)
    low, high = subject_interval(by_subject, subjects)
    assert low < 0.65
    assert high > 0.85
    assert subject_interval(scattered, subjects) == (0.75, 0.75)


def test_interval_agrees_with_theory_for_many_subjects() -> None:
    """Subjects that are all right or all wrong are a binomial draw of subjects."""
    subjects = np.repeat([f"s{i:03d}" for i in range(200)], 3)
    low, high = subject_interval(np.repeat(np.arange(200) < 140, 3), subjects)
    half_width = 1.96 * np.sqrt(0.7 * 0.3 / 200)
    assert (low, high) == pytest.approx((0.7 - half_width, 0.7 + half_width), abs=0.012)


def test_no_sample_is_an_error() -> None:
    none, nobody = np.array([], bool), np.array([], str)
    with pytest.raises(ValueError, match="no sample"):
        subject_interval(none, nobody)
    with pytest.raises(ValueError, match="no sample"):
        metrics.accuracy(none)
    with pytest.raises(ValueError, match="no sample"):
        metrics.experiment_weights(np.array([], np.int64))
    with pytest.raises(ValueError, match="no sample"):
        metrics.calibration(np.empty((0, 6)), np.array([], np.int64))


def test_experiments_of_unequal_size_count_the_same() -> None:
    correct = np.array([True, True, True, True, False, False])
    experiments = np.array([0, 0, 0, 0, 7, 7])
    weights = metrics.experiment_weights(experiments)
    assert weights.tolist() == pytest.approx([0.125] * 4 + [0.25] * 2)
    assert metrics.experiment_accuracies(correct, experiments).tolist() == [1.0, 0.0]
    assert metrics.accuracy(correct) == pytest.approx(4 / 6)
    assert metrics.accuracy(correct, weights) == pytest.approx(0.5)


def test_weighted_interval_is_that_of_the_weighted_mean() -> None:
    """With subjects all alike under the weights, the interval shrinks to the weighted mean."""
    subjects = np.array(["a", "a", "a", "b", "b", "b"])
    correct = np.array([True, True, False, True, True, False])
    weights = np.array([1.0, 1.0, 2.0, 1.0, 1.0, 2.0])
    assert subject_interval(correct, subjects, weights=weights) == (0.5, 0.5)
    assert subject_interval(correct, subjects) == pytest.approx((2 / 3, 2 / 3))


def test_a_subject_brings_its_predictions_of_all_experiments() -> None:
    """Two subjects: a draw is one of them twice, or both; so the interval is all or nothing."""
    subjects = np.array(["right"] * 5 + ["wrong"] * 5)
    assert subject_interval(subjects == "right", subjects) == (0.0, 1.0)


def test_columns_of_the_bootstrap_see_the_same_draws() -> None:
    subjects = np.array([f"s{i}" for i in range(12)])
    first = np.random.default_rng(0).random(12) < 0.5
    draws = metrics.subject_bootstrap(np.stack([first, ~first], axis=1), subjects)
    assert draws.shape == (metrics.BOOTSTRAP_DRAWS, 2)
    assert np.allclose(draws.sum(1), 1)
    assert draws[:, 0].std() > 0.1


def test_a_difference_is_measured_sample_by_sample() -> None:
    subjects = np.repeat([f"s{i}" for i in range(10)], 4)
    first, second = np.tile([1.0, 1, 1, 0], 10), np.tile([1.0, 0, 0, 1], 10)
    assert subject_interval(first - second, subjects) == (0.25, 0.25)


def test_confusion_counts_true_rows_and_predicted_columns() -> None:
    truth, predicted = np.array([0, 0, 0, 5]), np.array([0, 4, 4, 5])
    matrix = metrics.confusion(truth, predicted)
    assert matrix[0].tolist() == [1, 0, 0, 0, 2, 0]
    assert matrix.sum() == 4


def with_confidence(*confidences: float) -> np.ndarray:
    """Return probabilities that all lead with the first expression."""
    return np.array([[c, *[(1 - c) / 5] * 5] for c in confidences])


def test_calibration_by_hand() -> None:
    found = metrics.calibration(with_confidence(0.95, 0.95, 0.55, 0.55), np.array([0, 1, 0, 0]))
    assert found.counts.sum() == 4
    assert found.expected_error == pytest.approx(0.5 * abs(0.5 - 0.95) + 0.5 * abs(1 - 0.55))
    used = np.flatnonzero(found.counts)
    assert used.tolist() == [8, 14]  # 0.55 lies in (8/15, 9/15], 0.95 in (14/15, 1]
    assert found.accuracy[used].tolist() == [1.0, 0.5]
    assert found.confidence[used].tolist() == pytest.approx([0.55, 0.95])
    assert np.isnan(found.accuracy[0])
    assert len(found.edges) == metrics.CALIBRATION_BINS + 1


def test_certainty_and_the_edges_of_bins_fall_into_the_lower_bin() -> None:
    found = metrics.calibration(with_confidence(1.0, 0.5), np.array([0, 0]), bins=2)
    assert found.counts.tolist() == [1, 1]
    assert metrics.calibration(with_confidence(1.0), np.array([0])).expected_error == 0
