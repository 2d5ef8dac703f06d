import math

import numpy as np
import pytest

from fercore.report.statistics import corrected_t_test, holm, mcnemar_exact


def test_corrected_t_test_by_hand() -> None:
    """Two experiments have one degree of freedom, where t is Cauchy: p = 1 - 2/pi atan t."""
    t, p = corrected_t_test(np.array([0.0, 0.2]), test_to_train=0.5)
    assert t == pytest.approx(0.1 / math.sqrt((1 / 2 + 1 / 2) * 0.02))
    assert p == pytest.approx(1 - 2 / math.pi * math.atan(t))


def test_the_correction_is_that_of_ten_folds() -> None:
    differences = np.array([0.03, 0.01, 0.04, -0.01, 0.05, 0.02, 0.0, 0.03, 0.06, 0.02])
    plain, _ = corrected_t_test(differences, 0)
    corrected, p = corrected_t_test(differences, 6 / 54)
    assert corrected == pytest.approx(plain * math.sqrt(0.1 / (0.1 + 1 / 9)))
    assert 0 < p < 1
    assert corrected_t_test(-differences, 6 / 54) == pytest.approx((-corrected, p))


def test_many_experiments_do_not_make_the_variance_vanish() -> None:
    """200 draws share their subjects: the correction keeps t from growing with their number."""
    few = np.tile([0.0, 0.1], 10)
    many = np.tile([0.0, 0.1], 100)
    assert corrected_t_test(many, 1 / 9)[0] < 1.3 * corrected_t_test(few, 1 / 9)[0]
    assert corrected_t_test(many, 0)[0] > 3 * corrected_t_test(few, 0)[0]


@pytest.mark.parametrize("differences", [[0.1], [0.1, 0.1, 0.1], [0.0, 0.0]])
def test_t_is_undefined_without_spread(differences: list[float]) -> None:
    assert all(math.isnan(value) for value in corrected_t_test(np.array(differences), 1 / 9))


def test_mcnemar_by_hand() -> None:
    assert mcnemar_exact(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar_exact(2, 10) == mcnemar_exact(10, 2)
    assert mcnemar_exact(3, 3) == 1
    assert mcnemar_exact(0, 0) == 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_holm_leaves_out_what_was_not_tested() -> None:
    adjusted = holm([0.02, math.nan, 0.03])
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.04)
