"""The paper's claim about disturbed light, measured on what `fercore stress` wrote.

The claim (section 1): colour suffers from illumination, depth does not, and fusion is
better than either. At every severity three heads of one network see the same
samples, so differences are paired and their intervals come from the same draws of
subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.metrics import INTERVAL_PERCENTILES, subject_bootstrap
from fercore.report.run_records import HEADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from fercore.report.run_records import Stress

ILLUMINATION = ("gain", "gamma", "side-light", "colour-cast")
HOLDS, OPEN, FAILS = "holds", "undecided", "does not hold"


@dataclass(frozen=True, slots=True)
class Point:
    """All heads of a checkpoint at one severity of one perturbation."""

    severity: float
    samples: int
    subjects: tuple[str, ...]
    accuracy: Mapping[str, float]  # by head, 0..1
    interval: Mapping[str, tuple[float, float]]  # by head, 95 % over subjects
    draws: Mapping[str, NDArray[np.float64]]  # by head, accuracy under each draw of subjects


@dataclass(frozen=True, slots=True)
class StressCurve:
    """A checkpoint under one perturbation of growing severity."""

    weights: str
    perturbation: str
    unit: str
    points: tuple[Point, ...]  # by rising severity

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads that every point has."""
        return tuple(head for head in HEADS if all(head in p.accuracy for p in self.points))

    @property
    def measured(self) -> bool:
        """Whether it goes beyond faces as they are; an interrupted run may stop there."""
        return any(point.severity != 0 for point in self.points)

    @property
    def disturbs_light(self) -> bool:
        """Whether it changes the illumination alone."""
        return self.perturbation in ILLUMINATION


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim holds at one severity."""

    curve: StressCurve
    severity: float
    outcome: str  # HOLDS, OPEN or FAILS
    gain: float  # by how much the claimed winner is ahead, -1..1
    low: float  # 95 % over subjects
    high: float


def stress_curves(stress: Stress) -> list[StressCurve]:
    """Return a curve for each checkpoint and perturbation, in the order of the file."""
    return [
        _curve(stress, weights, perturbation)
        for weights in _in_order(stress.weights)
        for perturbation in _in_order(stress.perturbations[stress.weights == weights])
    ]


def light_fails(curve: StressCurve) -> list[Point]:
    """Return the points where colour has lost accuracy against faces as they are.

    Lost means that the 95 % interval of the paired difference lies below 0.
    """
    start = next((point for point in curve.points if point.severity == 0), None)
    if start is None or "rgb" not in curve.heads:
        return []
    return [
        point for point in curve.points if _interval(point.draws["rgb"] - start.draws["rgb"])[1] < 0
    ]


def depth_carries(curves: Sequence[StressCurve]) -> list[Verdict]:
    """Judge, wherever light fails, whether depth is ahead of colour."""
    return [
        _verdict(curve, point, ("depth",), ("rgb",))
        for curve in curves
        if curve.disturbs_light and {"rgb", "depth"} <= set(curve.heads)
        for point in light_fails(curve)
    ]


def fusion_beats_both(curves: Sequence[StressCurve]) -> list[Verdict]:
    """Judge at every severity whether fusion is ahead of the better of colour and depth."""
    return [
        _verdict(curve, point, ("fusion",), ("rgb", "depth"))
        for curve in curves
        if set(curve.heads) == set(HEADS)
        for point in curve.points
    ]


def _verdict(
    curve: StressCurve, point: Point, winner: tuple[str], others: tuple[str, ...]
) -> Verdict:
    """Judge the lead over the strongest of `others`.

    Being ahead of all takes every interval above 0, not being so any below 0: the interval of
    the smallest lead itself would call two equal heads a defeat far too often.
    """
    (head,) = winner
    leads = {o: point.accuracy[head] - point.accuracy[o] for o in others}
    intervals = {o: _interval(point.draws[head] - point.draws[o]) for o in others}
    ahead = all(low > 0 for low, _ in intervals.values())
    behind = any(high < 0 for _, high in intervals.values())
    outcome = HOLDS if ahead else FAILS if behind else OPEN
    tightest = min(others, key=lambda other: leads[other])
    return Verdict(curve, point.severity, outcome, leads[tightest], *intervals[tightest])


def _interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(draws, INTERVAL_PERCENTILES)
    return float(low), float(high)


def _curve(stress: Stress, weights: str, perturbation: str) -> StressCurve:
    chosen = (stress.weights == weights) & (stress.perturbations == perturbation)
    severities = np.unique(stress.severities[chosen])
    points = tuple(_point(stress, chosen & (stress.severities == s)) for s in severities)
    return StressCurve(weights, perturbation, str(stress.units[chosen][0]), points)


def _point(stress: Stress, chosen: NDArray[np.bool_]) -> Point:
    accuracy, interval, draws = {}, {}, {}
    for place in np.unique(stress.heads[chosen]).tolist():
        rows = chosen & (stress.heads == place)
        counts = stress.samples[rows].astype(np.float64)
        shares = stress.correct[rows] / counts
        means = subject_bootstrap(shares[:, None], stress.subjects[rows], weights=counts)[:, 0]
        head = HEADS[place]
        accuracy[head] = float(np.average(shares, weights=counts))
        interval[head], draws[head] = _interval(means), means
    return Point(
        severity=float(stress.severities[chosen][0]),
        samples=int(counts.sum()),
        subjects=tuple(np.unique(stress.subjects[chosen]).tolist()),
        accuracy=accuracy,
        interval=interval,
        draws=draws,
    )


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(str(name) for name in names))
