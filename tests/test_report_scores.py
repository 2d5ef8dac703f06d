"""What the report computes from predictions, against figures computed by hand."""

import math

import numpy as np
import pytest

from fercore.report.hardest import rank_scans, rank_subjects
from fercore.report.run_records import Predictions, Split
from fercore.report.statistics import compare, in_paper_order, score

SPLIT = Split(frozenset({"c", "d", "e", "f"}), frozenset({"a", "b"}))


def made_up(
    slug: str,
    samples: list[tuple[int, str, int, int]],
    levels: list[int] | None = None,
) -> Predictions:
    """Return predictions; a sample is (experiment, subject, truth, predicted)."""
    count = len(samples)
    experiments, subjects, truth, predicted = zip(*samples, strict=True)
    probabilities = np.full((count, 6), 0.1)
    probabilities[np.arange(count), predicted] = 0.5
    return Predictions(
        np.full(count, slug),
        np.array(experiments),
        np.array(subjects),
        np.array(truth),
        np.array(levels or [3] * count),
        np.full(count, "f2d"),
        np.arange(count),
        probabilities,
    )


TWO_EXPERIMENTS = [
    *[(0, "a", 0, 0), (0, "a", 1, 1), (0, "a", 2, 0), (0, "a", 3, 3)],  # 3 of 4
    *[(1, "b", 0, 0), (1, "b", 1, 0)],  # 1 of 2
]


def test_score_by_hand() -> None:
    found = score("depth", made_up("depth", TWO_EXPERIMENTS, [3, 3, 4, 4, 3, 4]))
    assert found.experiments == (0, 1)
    assert found.accuracies.tolist() == [0.75, 0.5]
    assert found.accuracy.value == pytest.approx(0.625)  # and not 4 of 6
    assert found.deviation == pytest.approx(0.25 / math.sqrt(2))
    assert (found.accuracy.predictions, found.subjects) == (6, 2)
    assert (found.accuracy.low, found.accuracy.high) == (0.5, 0.75)
    assert found.recalls["anger"].value == 1
    assert found.recalls["disgust"].value == pytest.approx(0.5)
    assert "surprise" not in found.recalls
    assert found.confusion[2, 0] == 1
    assert found.levels[3].value == 1
    assert found.levels[4].value == pytest.approx((0.5 + 0) / 2)
    assert found.confidence == pytest.approx(0.5)
    assert found.calibration.expected_error == pytest.approx(4 / 6 - 0.5)


def test_scans_without_a_face_count_as_wrong() -> None:
    found = made_up("depth", TWO_EXPERIMENTS)
    found.probabilities[[0, 5]] = np.nan  # one that was right, one that was wrong
    scored = score("depth", found)
    assert scored.accuracies.tolist() == [0.5, 0.5]
    assert (scored.accuracy.predictions, scored.without_verdict) == (6, 2)
    assert scored.confusion.sum() == scored.calibration.counts.sum() == 4
    assert scored.recalls["anger"].value == pytest.approx(0.5)  # of one a experiment
    hardest = rank_scans(found)[0]
    assert (hardest.wrong, hardest.true_probability, hardest.taken_for) == (1, 0, "")


def test_one_experiment_has_no_deviation() -> None:
    found = score("depth", made_up("depth", TWO_EXPERIMENTS[:4]))
    assert math.isnan(found.deviation)


def test_the_order_is_that_of_table_1() -> None:
    slugs = ["rgb-vgg19", "later", "depth", "depth-pretrained-vgg19", "depth"]
    assert in_paper_order(slugs) == ["depth-pretrained-vgg19", "depth", "rgb-vgg19", "later"]


def test_comparison_by_hand() -> None:
    samples = [(number, "ab"[number], k % 6, k % 6) for number in (0, 1) for k in range(6)]
    first = made_up("depth", samples)
    wrong = [
        (n, s, t, (t + 1) % 6 if k in (0, 1, 7) else p) for k, (n, s, t, p) in enumerate(samples)
    ]
    found = compare(first, made_up("rgb-vgg19", wrong), {0: SPLIT, 1: SPLIT})
    assert found is not None
    assert (found.first, found.second, found.experiments) == ("depth", "rgb-vgg19", 2)
    assert found.difference.value == pytest.approx(3 / 12)
    assert (found.difference.low, found.difference.high) == pytest.approx((1 / 6, 2 / 6))
    assert (found.only_first, found.only_second) == (3, 0)
    assert found.mcnemar_p == pytest.approx(2 * 0.5**3)
    variance = (1 / 2 + 2 / 4) * np.var([2 / 6, 1 / 6], ddof=1)  # two test, four learn
    assert found.t == pytest.approx(0.25 / math.sqrt(variance))


def test_only_common_samples_are_compared() -> None:
    first = made_up("depth", TWO_EXPERIMENTS)
    second = made_up("rgb-vgg19", TWO_EXPERIMENTS).where(np.array([5, 2, 0]))
    found = compare(first, second, {0: SPLIT, 1: SPLIT})
    assert found is not None
    assert found.difference.predictions == 3
    assert found.difference.value == 0
    none = compare(first.where(first.experiments == 0), second.where(second.experiments == 1), {})
    assert none is None


def test_mcnemar_is_left_out_where_samples_repeat() -> None:
    first = made_up("depth", TWO_EXPERIMENTS)
    twice = Predictions(**{**vars(first), "rows": np.array([0, 1, 2, 3, 0, 1])})
    found = compare(twice, twice, {0: SPLIT, 1: SPLIT})
    assert found is not None
    assert math.isnan(found.mcnemar_p)
    assert math.isnan(found.t)


def test_hardest_scans_and_subjects_by_hand() -> None:
    good = made_up("depth", TWO_EXPERIMENTS)
    bad = made_up("rgb-vgg19", [(n, s, t, 5) for n, s, t, _ in TWO_EXPERIMENTS])
    both = Predictions(
        *(np.concatenate(pair) for pair in zip(columns(good), columns(bad), strict=True))
    )
    scans = rank_scans(both)
    assert [scan.row for scan in scans] == [2, 5, 0, 1, 3, 4]
    assert [scan.wrong for scan in scans] == [1, 1, 0.5, 0.5, 0.5, 0.5]
    assert (scans[0].expression, scans[0].subject) == ("fear", "a")
    assert scans[0].taken_for in ("anger", "surprise")
    assert scans[0].taken_share == 0.5
    assert (scans[2].taken_for, scans[2].true_probability) == ("surprise", pytest.approx(0.3))
    subjects = rank_subjects(both, scans)
    assert [subject.subject for subject in subjects] == ["b", "a"]
    assert subjects[0].wrong == pytest.approx((0.5 + 1) / 2)
    assert subjects[1].wrong == pytest.approx((0.5 + 0.5 + 1 + 0.5) / 4)
    assert subjects[0].by_pipeline == {"depth": 0.5, "rgb-vgg19": 0}
    assert subjects[0].hardest.row == 5


def test_a_scan_that_is_always_right_is_taken_for_nothing() -> None:
    (scan,) = rank_scans(made_up("depth", [(0, "a", 0, 0)]))
    assert (scan.wrong, scan.taken_for) == (0, "")


def test_pipelines_count_the_same_however_often_they_predicted() -> None:
    often = made_up("depth", [(k, "a", 0, 0) for k in range(9)])
    often = Predictions(**{**vars(often), "rows": np.zeros(9, np.int64)})
    once = made_up("rgb-vgg19", [(0, "a", 0, 1)])
    both = Predictions(
        *(np.concatenate(pair) for pair in zip(columns(often), columns(once), strict=True))
    )
    (scan,) = rank_scans(both)
    assert scan.wrong == pytest.approx(0.5)


def columns(predictions: Predictions) -> list[np.ndarray]:
    names = ("pipelines", "experiments", "subjects", "truth", "levels", "views", "rows")
    return [*(getattr(predictions, name) for name in names), predictions.probabilities]
