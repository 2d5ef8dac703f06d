"""What each pipeline reached in a run, and how the pipelines compare, by which tests."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from fercore import metrics
from fercore.expressions import EXPRESSIONS
from fercore.report import paper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fercore.report.run_records import Evaluation, Predictions, Split

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Share:
    """A share of correct predictions, with its 95 % interval over subjects, each 0..1."""

    value: float
    low: float
    high: float
    predictions: int  # that it was taken from


@dataclass(frozen=True, slots=True)
class PipelineScore:
    """What one pipeline reached; every experiment counts the same."""

    slug: str
    experiments: tuple[int, ...]  # that are finished
    accuracies: NDArray[np.float64]  # (J,), 0..1, of each experiment
    accuracy: Share  # mean over experiments
    deviation: float  # standard deviation over experiments, NaN for fewer than two
    subjects: int
    without_verdict: int  # predictions of scans without a face or features; they count as wrong
    confusion: NDArray[np.int64]  # (6, 6) faces, rows true, columns predicted
    recalls: Mapping[str, Share]  # by expression, those that were tested
    levels: Mapping[int, Share]  # by level
    calibration: metrics.Calibration  # of scans with a face
    confidence: float  # mean leading probability, 0..1, of scans with a face


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pipelines on the samples and experiments that both have predicted."""

    first: str
    second: str
    experiments: int
    difference: Share  # of accuracies, first - second, -1..1
    t: float  # of the corrected resampled t-test, NaN where it is undefined
    p: float
    p_holm: float  # over all pairs
    only_first: int  # predictions that only the first gets right
    only_second: int
    mcnemar_p: float  # NaN where a sample is predicted more than once
    mcnemar_p_holm: float


def score_pipelines(evaluation: Evaluation) -> list[PipelineScore]:
    """Return the scores of all pipelines that have predictions, in the order of Table 1."""
    predictions = evaluation.predictions
    return [score(slug, predictions.of(slug)) for slug in in_paper_order(predictions.pipelines)]


def in_paper_order(slugs: NDArray[np.str_] | Sequence[str]) -> list[str]:
    """Return the distinct slugs in the order of Tables 1 and 2, others after them."""
    rows = list(paper.ORDER)
    found = {str(slug) for slug in slugs}
    return [slug for slug in rows if slug in found] + sorted(found.difference(rows))


def score(slug: str, predictions: Predictions) -> PipelineScore:
    """Measure one pipeline; `predictions` are its own."""
    accuracies = metrics.experiment_accuracies(predictions.correct, predictions.experiments)
    expressions, levels = predictions.truth, predictions.levels
    answered = predictions.answered
    return PipelineScore(
        slug=slug,
        experiments=tuple(np.unique(predictions.experiments).tolist()),
        accuracies=accuracies,
        accuracy=share(predictions),
        deviation=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else math.nan,
        subjects=len(np.unique(predictions.subjects)),
        without_verdict=len(predictions) - len(answered),
        confusion=metrics.confusion(answered.truth, answered.predicted),
        recalls={
            EXPRESSIONS[place].value: share(predictions.where(expressions == place))
            for place in np.unique(expressions)
        },
        levels={
            int(level): share(predictions.where(levels == level)) for level in np.unique(levels)
        },
        calibration=metrics.calibration(answered.probabilities, answered.truth),
        confidence=float(answered.probabilities.max(1).mean()),
    )


def share(predictions: Predictions) -> Share:
    """Return the accuracy on some predictions; every experiment counts the same."""
    return _share(predictions.correct, predictions)


def compare_all(evaluation: Evaluation) -> list[Comparison]:
    """Compare every two pipelines; p values are adjusted over all pairs."""
    predictions = evaluation.predictions
    by_slug = {slug: predictions.of(slug) for slug in in_paper_order(predictions.pipelines)}
    compared = (
        compare(by_slug[first], by_slug[second], evaluation.splits)
        for first, second in combinations(by_slug, 2)
    )
    return adjusted([comparison for comparison in compared if comparison is not None])


def adjusted(found: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons with their p values adjusted over all of them."""
    return [
        replace(comparison, p_holm=p, mcnemar_p_holm=mcnemar_p)
        for comparison, p, mcnemar_p in zip(
            found, holm([c.p for c in found]), holm([c.mcnemar_p for c in found]), strict=True
        )
    ]


def compare(
    first: Predictions, second: Predictions, splits: Mapping[int, Split]
) -> Comparison | None:
    """Compare two pipelines, not yet adjusted; None if they share no prediction."""
    first, second = _common(first, second)
    if not len(first):
        return None
    gain = first.correct.astype(np.float64) - second.correct
    t, p = corrected_t_test(
        metrics.experiment_accuracies(first.correct, first.experiments)
        - metrics.experiment_accuracies(second.correct, second.experiments),
        _test_to_train(first, splits),
    )
    only_first, only_second = int((gain > 0).sum()), int((gain < 0).sum())
    once = len(np.unique(first.rows)) == len(first)
    mcnemar_p = mcnemar_exact(only_first, only_second) if once else math.nan
    return Comparison(
        first=str(first.pipelines[0]),
        second=str(second.pipelines[0]),
        experiments=len(np.unique(first.experiments)),
        difference=_share(gain, first),
        t=t,
        p=p,
        p_holm=math.nan,
        only_first=only_first,
        only_second=only_second,
        mcnemar_p=mcnemar_p,
        mcnemar_p_holm=math.nan,
    )


def _share(values: NDArray[np.bool_] | NDArray[np.float64], predictions: Predictions) -> Share:
    weights = metrics.experiment_weights(predictions.experiments)
    low, high = metrics.subject_interval(values, predictions.subjects, weights=weights)
    return Share(metrics.accuracy(values, weights), low, high, len(predictions))


def _common(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Return the predictions of the samples that both predict in the same experiment, aligned."""
    size = 1 + max(first.rows.max(), second.rows.max())
    _, at_first, at_second = np.intersect1d(
        first.experiments * size + first.rows,
        second.experiments * size + second.rows,
        assume_unique=True,
        return_indices=True,
    )
    return first.where(at_first), second.where(at_second)


def _test_to_train(predictions: Predictions, splits: Mapping[int, Split]) -> float:
    """Return the mean ratio of test to training subjects; all have the same number of scans."""
    chosen = [splits[number] for number in np.unique(predictions.experiments).tolist()]
    return float(np.mean([len(split.test) / len(split.learning) for split in chosen]))


def corrected_t_test(differences: NDArray[np.float64], test_to_train: float) -> tuple[float, float]:
    """Return t and its two-sided p of the corrected resampled t-test.

    `differences` (J,) are those of two classifiers' accuracies in J experiments,
    `test_to_train` the ratio of test to training samples. Training sets overlap, so
    the variance of the mean is taken as (1/J + n_test/n_train) s², not s²/J. NaN with
    fewer than two experiments or where all differences are equal.

    Source: Nadeau and Bengio, Inference for the Generalization Error, Machine Learning
    52, 2003, section 3.
    """
    number = len(differences)
    if number < 2 or np.ptp(differences) < 1e-12:
        return math.nan, math.nan
    variance = (1 / number + test_to_train) * np.var(differences, ddof=1)
    t = float(np.mean(differences) / np.sqrt(variance))
    return t, float(2 * stats.t.sf(abs(t), number - 1))


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided p of McNemar's exact test.

    `only_first` samples only the first classifier gets right, `only_second` only the
    second. The test takes samples as independent; those of one subject are not, so the
    p is too small.
    """
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return float(stats.binomtest(only_first, discordant, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given; NaN stays and is not counted.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    adjusted = list(p_values)
    tested = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return adjusted
