"""Which subjects and which scans the pipelines fail on most.

Every pipeline counts the same, and within a pipeline every experiment that tested
the scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS
from fercore.report.content import Table, percent
from fercore.report.progress import setting
from fercore.report.statistics import in_paper_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fercore.report.description import RunDescription
    from fercore.report.run_records import Predictions

SHOWN_SUBJECTS, SHOWN_SCANS = 10, 12
_NO_OTHER = -1.0


@dataclass(frozen=True, slots=True)
class HardScan:
    """A test sample and how it fared."""

    row: int  # of the cache
    subject: str
    expression: str
    level: int
    view: str
    wrong: float  # 0..1, mean over pipelines of the share of wrong predictions
    true_probability: float  # 0..1, mean over pipelines, of the true expression; no face: 0
    taken_for: str  # the most frequent wrong expression, empty where it is always right
    taken_share: float  # 0..1, of the predictions, how often


@dataclass(frozen=True, slots=True)
class HardSubject:
    """A subject and how it fared."""

    subject: str
    wrong: float  # 0..1, mean over its scans
    by_pipeline: Mapping[str, float]  # accuracy 0..1, of pipelines that tested the subject
    scans: int
    hardest: HardScan


def rank_scans(predictions: Predictions) -> list[HardScan]:
    """Return all samples, the hardest first; equally often wrong ones by true probability."""
    rows, first, sample = np.unique(predictions.rows, return_index=True, return_inverse=True)
    _, pipeline = np.unique(predictions.pipelines, return_inverse=True)
    # A prediction's share of its sample: one over the pipelines, one over their experiments.
    pairs, pair, sizes = np.unique(
        np.stack([sample, pipeline]), axis=1, return_inverse=True, return_counts=True
    )
    weights = 1 / (np.bincount(pairs[0])[sample] * sizes[pair.ravel()])
    wrong = np.bincount(sample, weights=weights * ~predictions.correct)
    found = predictions.has_verdict
    leading = predictions.probabilities[np.arange(len(sample)), predictions.truth]
    true_probability = np.bincount(sample, weights=weights * np.where(found, leading, 0))
    verdicts = np.zeros((len(rows), len(EXPRESSIONS)))
    np.add.at(verdicts, (sample[found], predictions.predicted[found]), weights[found])
    verdicts[np.arange(len(rows)), predictions.truth[first]] = _NO_OTHER
    taken = verdicts.argmax(1)
    scans = [
        HardScan(
            row=int(rows[k]),
            subject=str(predictions.subjects[first[k]]),
            expression=EXPRESSIONS[predictions.truth[first[k]]].value,
            level=int(predictions.levels[first[k]]),
            view=str(predictions.views[first[k]]),
            wrong=float(wrong[k]),
            true_probability=float(true_probability[k]),
            taken_for=EXPRESSIONS[taken[k]].value if verdicts[k, taken[k]] > 0 else "",
            taken_share=float(verdicts[k, taken[k]]),
        )
        for k in range(len(rows))
    ]
    return sorted(scans, key=_hardness)


def rank_subjects(predictions: Predictions, scans: Sequence[HardScan]) -> list[HardSubject]:
    """Return all subjects, the hardest first."""
    of_subject: dict[str, list[HardScan]] = {}
    for scan in scans:
        of_subject.setdefault(scan.subject, []).append(scan)
    subjects = [
        HardSubject(
            subject=name,
            wrong=float(np.mean([scan.wrong for scan in own])),
            by_pipeline=_by_pipeline(predictions.where(predictions.subjects == name)),
            scans=len(own),
            hardest=own[0],
        )
        for name, own in of_subject.items()
    ]
    return sorted(subjects, key=lambda subject: (-round(subject.wrong, 9), subject.subject))


def _by_pipeline(predictions: Predictions) -> dict[str, float]:
    return {
        slug: float(predictions.correct[predictions.pipelines == slug].mean())
        for slug in in_paper_order(predictions.pipelines)
    }


def _hardness(scan: HardScan) -> tuple[float, float, int]:
    # Rounded: the order must not hang on the last bit of a sum.
    return (-round(scan.wrong, 9), round(scan.true_probability, 9), scan.row)


def subject_table(subjects: Sequence[HardSubject], description: RunDescription) -> Table:
    """Return the hardest subjects; all of them as records."""
    slugs = in_paper_order([slug for subject in subjects for slug in subject.by_pipeline])
    return Table(
        name="subjects",
        title="Hardest subjects",
        setting=setting(description),
        note=(
            f"The {min(SHOWN_SUBJECTS, len(subjects))} hardest of {len(subjects)} subjects. Wrong: "
            "mean over the subject's scans, every pipeline counting the same."
        ),
        header=("subject", "wrong, %", *(f"{slug}, accuracy %" for slug in slugs), "scans"),
        shown=tuple(
            (
                subject.subject,
                percent(subject.wrong),
                *(percent(subject.by_pipeline.get(slug, np.nan), 0) for slug in slugs),
                str(subject.scans),
            )
            for subject in subjects[:SHOWN_SUBJECTS]
        ),
        records=tuple(
            {
                "subject": subject.subject,
                "wrong": subject.wrong,
                **{slug: subject.by_pipeline.get(slug, np.nan) for slug in slugs},
                "scans": subject.scans,
                "hardest_row": subject.hardest.row,
            }
            for subject in subjects
        ),
    )


def scan_table(scans: Sequence[HardScan], description: RunDescription) -> Table:
    """Return the hardest scans; all of them as records."""
    return Table(
        name="scans",
        title="Hardest scans",
        setting=setting(description),
        note=(
            f"The {min(SHOWN_SCANS, len(scans))} hardest of {len(scans)} samples, by the share of "
            "wrong predictions, then by the probability given to the true expression."
        ),
        header=(
            *("subject", "true", "level", "view", "wrong, %", "mostly taken for"),
            *("probability of the true one, %", "row of the cache"),
        ),
        shown=tuple(
            (
                *(scan.subject, scan.expression, str(scan.level), scan.view, percent(scan.wrong)),
                f"{scan.taken_for} ({percent(scan.taken_share, 0)} %)" if scan.taken_for else "–",
                *(percent(scan.true_probability), str(scan.row)),
            )
            for scan in scans[:SHOWN_SCANS]
        ),
        records=tuple(
            {
                "row": scan.row,
                "subject": scan.subject,
                "expression": scan.expression,
                "level": scan.level,
                "view": scan.view,
                "wrong": scan.wrong,
                "true_probability": scan.true_probability,
                "taken_for": scan.taken_for,
                "taken_share": max(scan.taken_share, 0.0),
            }
            for scan in scans
        ),
    )
