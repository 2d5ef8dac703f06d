"""Calms the verdicts that are shown; whatever is recorded stays as the networks said it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fercore.study.verdict_arrays import Smoothing, verdict_array, verdicts_of

if TYPE_CHECKING:
    from app.start.settings import Smoothness
    from fercore.structures import Analysis

TIME_CONSTANTS_S: dict[Smoothness, float] = {"off": 0.0, "light": 0.15, "strong": 0.6}
"""After so long 63 % of a change is shown."""


class Steadiness:
    """Exponential smoothing over the frames' own time, so that their rate does not matter."""

    def __init__(self, smoothness: Smoothness = "off") -> None:
        self._face: int | None = None
        self._last_s = 0.0
        self.set_smoothness(smoothness)

    def set_smoothness(self, smoothness: Smoothness) -> None:
        """Smooth so much from now on."""
        self._time_constant_s = TIME_CONSTANTS_S[smoothness]
        self.forget()

    def forget(self) -> None:
        """Start afresh, such as with another source."""
        self._smoothing = Smoothing(self._time_constant_s)

    def calmed(self, analysis: Analysis, face: int | None = None) -> Analysis:
        """Return what to show of a frame; `face` is whom it judges: nobody inherits a verdict."""
        time_s = analysis.frame.timestamp_s
        if face != self._face or time_s < self._last_s:
            self.forget()
        self._face, self._last_s = face, time_s
        verdicts = analysis.verdicts
        if verdicts is None or self._time_constant_s == 0:
            return analysis
        smoothed = self._smoothing.add(verdict_array(verdicts), time_s)
        return replace(analysis, verdicts=verdicts_of(smoothed, time_s))
