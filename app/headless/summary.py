"""Verdicts per scan beside the truth, from all frames that show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from app.drawing.overlay import CORRECT, HEADS, mark_of, verdict_text
from fercore.expressions import VERDICT_LABELS, Expression
from fercore.study.verdict_arrays import prediction_of, verdict_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import Analysis, Prediction


@dataclass(slots=True)
class ScanTally:
    """What was said about one scan; probabilities are summed over its frames."""

    truth: Expression
    sums: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((len(HEADS), len(VERDICT_LABELS)))
    )
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(HEADS), np.int64))

    def add(self, analysis: Analysis) -> None:
        """Add one frame."""
        said = verdict_array(analysis.verdicts)
        spoke = ~np.isnan(said[:, 0])
        self.sums[spoke] += said[spoke]  # an unknown calm stays unknown
        self.counts += spoke

    def verdict(self, head: int) -> Prediction | None:
        """Return the mean of a head's probabilities, None if it never spoke."""
        if not self.counts[head]:
            return None
        return prediction_of(self.sums[head] / self.counts[head], 0.0)


class Summary:
    """Collects analysed frames and says in the end how the heads did."""

    def __init__(self) -> None:
        self.frames = 0
        self.without_verdict = 0
        self._latency_s = 0.0
        self._scans: dict[str, ScanTally] = {}

    def add(self, analysis: Analysis) -> None:
        """Add one frame; frames without a true expression count, but in no scan."""
        self.frames += 1
        self.without_verdict += analysis.verdicts is None
        self._latency_s += analysis.latency_s
        frame = analysis.frame
        if frame.truth is not None:
            self._scans.setdefault(frame.origin, ScanTally(frame.truth)).add(analysis)

    @property
    def mean_latency_s(self) -> float:
        """Mean time from frame to verdict."""
        return self._latency_s / max(1, self.frames)

    def table(self) -> str:
        """Return one row a scan: truth and the three verdicts; empty without any truth."""
        from tabulate import tabulate

        rows = [
            (name, str(scan.truth), *(self._cell(scan, head) for head in range(len(HEADS))))
            for name, scan in self._scans.items()
        ]
        return tabulate(rows, ("scan", "truth", *HEADS)) if rows else ""

    def sentences(self) -> str:
        """Return how many scans each head got right, and how many frames there were."""
        frames = f"{self.frames} frames, {self.without_verdict} of them without a verdict."
        if not self._scans:
            return frames
        total = len(self._scans)
        right = ", ".join(f"{head} {self._correct(i)} of {total}" for i, head in enumerate(HEADS))
        return f"Scans judged correctly: {right}. {frames}"

    def _cell(self, scan: ScanTally, head: int) -> str:
        return verdict_text(scan.verdict(head), scan.truth)

    def _correct(self, head: int) -> int:
        return sum(mark_of(s.verdict(head), s.truth) == CORRECT for s in self._scans.values())
