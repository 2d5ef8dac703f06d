"""The application's predictor, which counts what it has done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.inference.predictor import Predictor

if TYPE_CHECKING:
    from fercore.structures import Analysis, RGBDFrame


class CountingPredictor(Predictor):
    """Counts frames and verdicts."""

    judged = 0  # frames, with a verdict or not
    verdicts = 0

    def analyse(self, frame: RGBDFrame) -> Analysis:
        """Judge a frame."""
        analysis = super().analyse(frame)
        self.judged += 1
        self.verdicts += analysis.verdicts is not None
        return analysis
