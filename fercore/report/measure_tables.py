"""The report's tables on calibration, levels, run times and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fercore.metrics import CALIBRATION_BINS
from fercore.report.content import Cell, Table, percent
from fercore.report.progress import setting
from fercore.report.statistics import in_paper_order
from fercore.report.tables import INTERVAL_NOTE, share_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.report.description import RunDescription
    from fercore.report.run_records import Timings
    from fercore.report.statistics import PipelineScore

_MEGABYTES_PER_GIGABYTE = 1024


def calibration_table(scores: Sequence[PipelineScore], description: RunDescription) -> Table:
    """Return how far confidence and accuracy agree."""
    return Table(
        name="calibration",
        title="Calibration",
        setting=setting(description),
        note=(
            f"Expected calibration error over {CALIBRATION_BINS} bins of equal width: the mean "
            "distance of accuracy from confidence (the leading probability), weighted by the "
            "bins' samples. Confidence above accuracy is overconfidence."
        ),
        header=("pipeline", "expected calibration error, %", "mean confidence, %", "accuracy, %"),
        shown=tuple(
            (
                score.slug,
                percent(score.calibration.expected_error),
                percent(score.confidence),
                percent(_pooled(score)),
            )
            for score in scores
        ),
        records=tuple(
            {
                "pipeline": score.slug,
                "expected_calibration_error": score.calibration.expected_error,
                "bins": CALIBRATION_BINS,
                "mean_confidence": score.confidence,
                "accuracy": _pooled(score),
            }
            for score in scores
        ),
    )


def _pooled(score: PipelineScore) -> float:
    """Return the accuracy over all predictions, as calibration counts them."""
    return float(np.trace(score.confusion) / score.confusion.sum())


def reliability_table(scores: Sequence[PipelineScore], description: RunDescription) -> Table:
    """Return the bins of the reliability diagrams."""
    records: tuple[dict[str, Cell], ...] = tuple(
        {
            "pipeline": score.slug,
            "from": float(score.calibration.edges[place]),
            "to": float(score.calibration.edges[place + 1]),
            "predictions": int(score.calibration.counts[place]),
            "mean_confidence": float(score.calibration.confidence[place]),
            "accuracy": float(score.calibration.accuracy[place]),
        }
        for score in scores
        for place in np.flatnonzero(score.calibration.counts).tolist()
    )
    return Table(
        name="reliability",
        title="Reliability diagrams, the bins that hold predictions",
        setting=setting(description),
        note=f"{CALIBRATION_BINS} bins of equal width of the leading probability.",
        header=("pipeline", "confidence", "predictions", "mean confidence, %", "accuracy, %"),
        shown=tuple(
            (
                str(record["pipeline"]),
                f"{record['from']:.2f} to {record['to']:.2f}",
                str(record["predictions"]),
                percent(float(record["mean_confidence"])),
                percent(float(record["accuracy"])),
            )
            for record in records
        ),
        records=records,
    )


def level_table(scores: Sequence[PipelineScore], description: RunDescription) -> Table:
    """Return accuracy against level."""
    levels = sorted({level for score in scores for level in score.levels})
    return Table(
        name="levels",
        title="Accuracy against level, %",
        setting=setting(description),
        note=f"Level 1 is the weakest expression, 4 the strongest. {INTERVAL_NOTE}",
        header=("pipeline", *(f"level {level}" if level else "no level" for level in levels)),
        shown=tuple(
            (score.slug, *(share_words(score.levels.get(level)) for level in levels))
            for score in scores
        ),
        records=tuple(
            {
                "pipeline": score.slug,
                "level": level,
                "accuracy": share.value,
                "low": share.low,
                "high": share.high,
                "predictions": share.predictions,
            }
            for score in scores
            for level, share in score.levels.items()
        ),
    )


def timing_table(timings: Timings, description: RunDescription) -> Table:
    """Return run times and peak memory of each pipeline."""
    rows: list[tuple[str, ...]] = []
    records: list[dict[str, Cell]] = []
    for slug in in_paper_order(timings.pipelines):
        chosen = timings.pipelines == slug
        seconds = float(timings.seconds[chosen].sum())
        experiments = int(timings.experiments[chosen].sum())
        peak_mb = float(timings.peak_rss_mb[chosen].max())
        chunks = int(chosen.sum())
        rows.append(
            (
                slug,
                duration(seconds),
                f"{seconds / experiments:,.1f}",
                str(experiments),
                str(chunks),
                f"{peak_mb / _MEGABYTES_PER_GIGABYTE:.2f}",
            )
        )
        records.append(
            {
                "pipeline": slug,
                "seconds": seconds,
                "experiments": experiments,
                "chunks": chunks,
                "peak_rss_mb": peak_mb,
            }
        )
    return Table(
        name="timings",
        title="Run times and peak memory",
        setting=setting(description),
        note=(
            "Seconds of all chunks together; chunks that ran at the same time count each. "
            f"Peak resident memory of the process that trained. Hardware: {description.hardware}"
        ),
        header=(
            *("pipeline", "time", "seconds per experiment", "experiments", "chunks"),
            "peak memory, GiB",
        ),
        shown=tuple(rows),
        records=tuple(records),
    )


def duration(seconds: float) -> str:
    """Return a time such as `2 h 05 min`, `3 min 20 s` or `12.3 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
