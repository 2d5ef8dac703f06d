"""Results on disk: the columns of their tables, and a writer of one row a frame.

Tables and figures are computed from these files alone. A frame's row is complete or
absent: it is written in one call, unbuffered, so that a killed run keeps every
earlier frame.
"""

from __future__ import annotations

import contextlib
import errno
import os
from io import FileIO
from typing import TYPE_CHECKING

from fercore.errors import FercoreError, cure
from fercore.expressions import EXPRESSIONS, VERDICT_LABELS
from fercore.runtime.tables import table_line

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.structures import Analysis, Prediction

HEADS = ("fusion", "rgb", "depth")
PROBABILITY_COLUMNS = tuple(f"{head}_{label}" for head in HEADS for label in VERDICT_LABELS)
COLUMNS = (
    *("frame", "time_s", "origin", "truth", "box_x0", "box_y0", "box_x1", "box_y1"),
    *("box_score", "valid_depth", "latency_ms", "reason"),
    *PROBABILITY_COLUMNS,
)
"""Of `predictions.tsv` as `fercore predict` and the window write it."""

PREDICTION_COLUMNS = (
    *("pipeline", "experiment", "subject", "expression", "level", "view", "row"),
    *(f"p_{expression.value}" for expression in EXPRESSIONS),
)
"""Of `predictions.tsv` as `fercore evaluate` writes it; below, of its other tables."""
SPLIT_COLUMNS = ("experiment", "subject", "role")
CURVE_COLUMNS = (
    *("pipeline", "experiment", "epoch", "train_loss", "validation_loss"),
    *("validation_accuracy", "best"),
)
TIMING_COLUMNS = ("pipeline", "chunk", "experiments", "seconds", "peak_rss_mb")
STRESS_COLUMNS = (
    *("weights", "perturbation", "unit", "severity", "head", "subject", "samples", "correct"),
)


class PredictionWriter:
    """Appends analysed frames to a TSV file; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def __enter__(self) -> PredictionWriter:
        """Create the file, replacing an older one.

        Raises:
            FercoreError: the file cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered, so that a row is on its way before the next frame is taken.
            self._file = FileIO(self._path, "w")
        except OSError as error:
            raise FercoreError(
                f"{self._path} cannot be written ({error.strerror}); choose another folder."
            ) from error
        try:
            self._append(COLUMNS)
        except FercoreError:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._close()

    def write(self, analysis: Analysis) -> None:
        """Append one frame.

        Raises:
            FercoreError: the disk is full; all earlier rows are kept.
        """
        self._append(row(analysis))

    def _append(self, cells: tuple[str, ...]) -> None:
        if self._file is None:
            raise ValueError("the writer is used outside its with block")
        line = table_line(cells).encode()
        complete = self._file.tell()
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._cut_back_to(complete)
            raise FercoreError(
                f"{self._path} cannot be written any further ({error.strerror}); "
                f"{cure(error)}, what is written so far is complete."
            ) from error

    def _cut_back_to(self, length: int) -> None:
        """Remove half a row; a device that cannot be cut has none."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.truncate(length)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def row(analysis: Analysis) -> tuple[str, ...]:
    """Return the cells of one frame in the order of COLUMNS; empty where unknown."""
    frame, verdicts = analysis.frame, analysis.verdicts
    return (
        str(frame.index),
        f"{frame.timestamp_s:.4f}",
        frame.origin,
        frame.truth.value if frame.truth else "",
        *_box_cells(analysis),
        f"{1000 * analysis.latency_s:.1f}",
        analysis.reason,
        *_probability_cells(verdicts.fusion if verdicts else None),
        *_probability_cells(verdicts.rgb if verdicts else None),
        *_probability_cells(verdicts.depth if verdicts else None),
    )


def _box_cells(analysis: Analysis) -> tuple[str, ...]:
    if analysis.pair is None:
        return ("",) * 6
    box = analysis.pair.box
    corners = (f"{value:.0f}" for value in (box.x0, box.y0, box.x1, box.y1))
    return (*corners, f"{box.score:.3f}", f"{analysis.pair.valid_fraction:.3f}")


def _probability_cells(prediction: Prediction | None) -> tuple[str, ...]:
    if prediction is None:
        return ("",) * len(VERDICT_LABELS)
    cells = tuple(f"{p:.5f}" for p in prediction.probabilities)
    return (*cells, "") if prediction.calm is None else cells
