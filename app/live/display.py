"""Verdicts as they are shown: relative to a resting face, and calmed.

Whatever is recorded stays as the networks said it. The resting face is taken during three
seconds, by the rules of a study's baseline.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.study.baseline import Baseline, BaselineCollector
from fercore.study.verdict_arrays import Smoothing, verdict_array, verdicts_of

if TYPE_CHECKING:
    from app.start.settings import Smoothness
    from fercore.faces.head_angle import HeadAngle
    from fercore.structures import Analysis

DURATION_S = 3.0
_ANOTHER = "Another face is judged: verdicts are no longer relative to a resting face."
TIME_CONSTANTS_S: dict[Smoothness, float] = {"off": 0.0, "light": 0.15, "strong": 0.6}
"""After so long 63 % of a change is shown."""


class RestingFace:
    """Takes a resting face when asked to, and shows later frames relative to it.

    It is forgotten as soon as another face is judged, or time goes backwards.
    """

    def __init__(self) -> None:
        self._collector: BaselineCollector | None = None
        self._baseline: Baseline | None = None
        self._face: int | None = None
        self._last_s = 0.0
        self.news = ""  # what has become of it, in a sentence; whoever shows it takes it away

    @property
    def remark(self) -> str:
        """What must be known of the verdicts that are shown; empty: nothing."""
        if self._collector is not None:
            return ", taking the resting face: keep still"
        return ", relative to the resting face" if self._baseline is not None else ""

    def toggle(self) -> None:
        """Take the coming seconds as the resting face; forget one that was taken or begun."""
        if self._collector is not None or self._baseline is not None:
            self.forget("Verdicts are shown as the networks give them.")
        else:
            self._collector = BaselineCollector()
            self.news = f"Look at the camera with a face at rest for {DURATION_S:g} s."

    def forget(self, news: str = "") -> None:
        """Show verdicts as the networks give them."""
        self._collector = self._baseline = None
        self.news = news

    def shown(
        self, analysis: Analysis, face: int | None = None, angle: HeadAngle | None = None
    ) -> Analysis:
        """Return what to show of a frame; `face` is whom it judges, None while nobody is."""
        self._follow(face, analysis.frame.timestamp_s)
        if self._collector is not None:
            self._collect(self._collector, analysis, angle)
        if self._baseline is None or analysis.verdicts is None:
            return analysis
        relative = self._baseline.correct(verdict_array(analysis.verdicts))
        return replace(analysis, verdicts=verdicts_of(relative, analysis.frame.timestamp_s))

    def _follow(self, face: int | None, time_s: float) -> None:
        is_another = face is not None and self._face is not None and face != self._face
        if (is_another or time_s < self._last_s) and self.remark:
            self.forget(_ANOTHER)
        self._face, self._last_s = self._face if face is None else face, time_s

    def _collect(
        self, collector: BaselineCollector, analysis: Analysis, angle: HeadAngle | None
    ) -> None:
        collector.add(analysis, analysis.frame.timestamp_s, angle)
        if collector.duration_s < DURATION_S:
            return
        self._collector = None
        try:
            self._baseline = collector.result()
            self.news = "Verdicts are relative to this resting face; the same key ends that."
        except FercoreError as error:
            self.news = str(error).replace("baseline", "resting face")


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
