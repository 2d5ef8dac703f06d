"""What a study's report shows, computed from the runs' own files."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS, VERDICT_LABELS
from fercore.results import HEADS
from fercore.study.events import MARKER, read_events
from fercore.study.predictions import read_predictions
from fercore.study.verdict_arrays import leading, most_probable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from fercore.study.events import Event
    from fercore.study.predictions import RunPredictions
    from fercore.study.run_tables import RecordedRun, Selection

RESAMPLES = 2000
BLOCK_S = 2.0  # frames nearer than this resemble each other
SEED = 0
BEFORE_S, AFTER_S, BIN_S = 1.0, 5.0, 0.25
PAIRS = (("fusion", "rgb"), ("fusion", "depth"), ("rgb", "depth"))

Key = tuple[str, str]  # subject, condition


@dataclass(frozen=True, slots=True)
class RunData:
    """A run and its tables."""

    run: RecordedRun
    rows: RunPredictions
    events: tuple[Event, ...]

    @property
    def key(self) -> Key:
        """Participant and condition."""
        return self.run.name.subject, self.run.record.condition

    @property
    def never_judged(self) -> int:
        """Frames of the source that no row tells of, from the gaps between its numbers."""
        steps = np.diff(self.rows.source_frames)
        return int(np.clip(steps - 1, 0, None).sum()) if len(steps) else 0

    @property
    def verdicts_per_second(self) -> float:
        """Rows a second of the run, 0 where it has no length."""
        duration_s = self.run.record.duration_s
        return len(self.rows) / duration_s if duration_s else 0.0

    @property
    def longest_gap_s(self) -> float:
        """Longest time between two rows, 0 where there are fewer."""
        gaps = np.diff(self.rows.time_s)
        return float(gaps.max()) if len(gaps) else 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Means of the seven verdicts with 95 % intervals, NaN where there is too little."""

    mean: NDArray[np.float64]  # (7,)
    low: NDArray[np.float64]  # (7,)
    high: NDArray[np.float64]  # (7,)


@dataclass(frozen=True, slots=True)
class Course:
    """Probabilities around the markers of one name in one condition."""

    marker: str
    condition: str
    participants: int
    occurrences: int
    times_s: NDArray[np.float64]  # (T,), middle of each bin, the marker at 0
    mean: NDArray[np.float64]  # (T, 7), over participants
    low: NDArray[np.float64]  # (T, 7), NaN with one participant
    high: NDArray[np.float64]  # (T, 7)


def load_runs(selection: Selection) -> list[RunData]:
    """Read the tables of all runs.

    Raises:
        FercoreError: one is missing or damaged.
    """
    return [
        RunData(run, read_predictions(run.place.predictions), tuple(read_events(run.place.events)))
        for run in selection.runs
    ]


def probabilities(data: RunData, corrected: bool) -> NDArray[np.float64]:
    """Return the leading head's probabilities (N, 7), NaN where no head spoke."""
    return leading(data.rows.corrected if corrected else data.rows.raw)


def knows_calm(data: RunData) -> bool:
    """Return whether a run's networks said how calm the face was."""
    return bool(np.isfinite(data.rows.raw[..., -1]).any())


def labels_of(means: Iterable[NDArray[np.float64]]) -> tuple[str, ...]:
    """Return what any of some means (..., 7) tells of: the expressions, and calm if it is known."""
    known = any(np.isfinite(mean[..., -1]).any() for mean in means)
    return VERDICT_LABELS if known else VERDICT_LABELS[: len(EXPRESSIONS)]


def grouped(runs: Sequence[RunData]) -> dict[Key, list[RunData]]:
    """Return the runs of each participant and condition."""
    groups: dict[Key, list[RunData]] = {}
    for data in runs:
        groups.setdefault(data.key, []).append(data)
    return dict(sorted(groups.items()))


def mean_over_time(runs: Sequence[RunData], corrected: bool) -> Interval:
    """Return a participant's mean with the interval of a bootstrap over blocks of 2 s."""
    sums, counts = [], []
    for data in runs:
        values = probabilities(data, corrected)
        spoken = ~np.isnan(values[:, 0])
        blocks = (data.rows.time_s[spoken] // BLOCK_S).astype(int)
        for block in np.unique(blocks):
            chosen = values[spoken][blocks == block]
            sums.append(chosen.sum(axis=0))
            counts.append(len(chosen))
    if not counts:
        return _unknown()
    return _bootstrap(np.array(sums), np.array(counts, np.float64))


def mean_over_participants(means: NDArray[np.float64]) -> Interval:
    """Return the mean of participants' means (P, 7), interval from a bootstrap over them."""
    known = means[~np.isnan(means[:, 0])]
    return _bootstrap(known, np.ones(len(known))) if len(known) else _unknown()


def marker_courses(runs: Sequence[RunData], corrected: bool) -> list[Course]:
    """Return the time course around each marker in each condition."""
    gathered: dict[tuple[str, str], dict[str, list[NDArray[np.float64]]]] = {}
    for data in runs:
        for event in data.events:
            if event.type == MARKER and event.name:
                course = _around(data, event.onset_s, corrected)
                people = gathered.setdefault((event.name, data.run.record.condition), {})
                people.setdefault(data.run.name.subject, []).append(course)
    return [_course(name, condition, p) for (name, condition), p in sorted(gathered.items())]


def flag_counts(runs: Sequence[RunData]) -> Counter[str]:
    """Return how many frames carry each flag."""
    return Counter(flag for data in runs for flags in data.rows.flags for flag in flags)


def agreement(runs: Sequence[RunData]) -> dict[str, float]:
    """Return, over frames in which all three heads spoke, how often they name the same.

    Keys: `frames`, `all`, and for each of PAIRS `a=b` (share) and `a~b` (Cohen's kappa).
    """
    raw = np.concatenate([data.rows.raw for data in runs])
    spoken = raw[~np.isnan(raw[:, :, 0]).any(axis=1)]
    chosen = {head: most_probable(spoken[:, place]) for place, head in enumerate(HEADS)}
    found: dict[str, float] = {"frames": float(len(spoken))}
    same = np.ones(len(spoken), bool)
    for first, second in PAIRS:
        equal = chosen[first] == chosen[second]
        same &= equal
        found[f"{first}={second}"] = float(equal.mean()) if len(spoken) else math.nan
        found[f"{first}~{second}"] = _kappa(chosen[first], chosen[second])
    found["all"] = float(same.mean()) if len(spoken) else math.nan
    return found


def _around(data: RunData, onset_s: float, corrected: bool) -> NDArray[np.float64]:
    """Return the means (T, 7) in bins around a moment, NaN in bins without a verdict."""
    values = probabilities(data, corrected)
    bins = np.floor((data.rows.time_s - onset_s + BEFORE_S) / BIN_S).astype(int)
    course = np.full((len(bin_times_s()), len(VERDICT_LABELS)), np.nan)
    for place in range(len(course)):
        chosen = values[(bins == place) & ~np.isnan(values[:, 0])]
        if len(chosen):
            course[place] = chosen.mean(axis=0)
    return course


def bin_times_s() -> NDArray[np.float64]:
    """Return the middles (T,) of the bins of a time course."""
    return np.arange(-BEFORE_S, AFTER_S, BIN_S) + BIN_S / 2


def _course(marker: str, condition: str, people: dict[str, list[NDArray[np.float64]]]) -> Course:
    own = np.array([_nanmean(np.array(courses)) for courses in people.values()])
    mean = _nanmean(own)
    low = high = np.full_like(mean, np.nan)
    if len(own) > 1:
        drawn = np.random.default_rng(SEED).integers(len(own), size=(RESAMPLES, len(own)))
        means = np.array([_nanmean(own[chosen]) for chosen in drawn])
        low, high = _quantiles(means)
    occurrences = sum(len(courses) for courses in people.values())
    return Course(marker, condition, len(own), occurrences, bin_times_s(), mean, low, high)


def _bootstrap(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> Interval:
    mean = sums.sum(axis=0) / counts.sum()
    if len(counts) < 2:
        return Interval(mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    drawn = np.random.default_rng(SEED).integers(len(counts), size=(RESAMPLES, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)[:, None]
    return Interval(mean, *_quantiles(means))


def _unknown() -> Interval:
    nothing = np.full(len(VERDICT_LABELS), np.nan)
    return Interval(nothing, nothing, nothing)


def _quantiles(means: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 2.5 % and 97.5 % quantiles over the first axis, NaN where all are."""
    ordered = np.sort(means, axis=0)  # NaN last
    known = np.isfinite(means).sum(axis=0)
    bounds = []
    for share in (0.025, 0.975):
        place = np.clip((share * (known - 1)).round().astype(int), 0, len(means) - 1)
        bounds.append(np.take_along_axis(ordered, place[None], 0)[0])
    return bounds[0], bounds[1]


def _nanmean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the first axis without NaN, NaN where there is nothing else."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _kappa(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return Cohen's kappa, NaN where it is not defined."""
    if not len(first):
        return math.nan
    shares = [
        np.bincount(each, minlength=len(VERDICT_LABELS)) / len(each) for each in (first, second)
    ]
    chance = float((shares[0] * shares[1]).sum())
    if chance >= 1:
        return math.nan
    return (float((first == second).mean()) - chance) / (1 - chance)
