import numpy as np
import pytest

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


def test_no_sample_is_an_error() -> None:
    with pytest.raises(ValueError, match="no sample"):
        subject_interval(np.array([], bool), np.array([], str))
