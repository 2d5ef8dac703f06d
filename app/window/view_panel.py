"""What a window does with a frame beside drawing it: calm its verdicts, judge and keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from app.live.resting import RestingFace
from app.live.steadiness import Steadiness
from app.window.snapshot import Snapshot, save_snapshot, snapshot_folder
from app.window.widgets.quality_bar import QualityBar
from fercore.errors import FercoreError
from fercore.faces.quality import UNKNOWN_QUALITY, Quality, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QImage

    from app.live.inference import Judged
    from app.sources.base import FrameSource
    from app.start.settings import Settings, Smoothness
    from fercore.structures import Analysis

_MEASURE_EVERY_S = 0.2  # words that change faster cannot be read


class _Times(Protocol):
    @property
    def skew_s(self) -> float | None: ...


@runtime_checkable
class _Timed(Protocol):
    """A source that knows when colour and depth were taken."""

    @property
    def times(self) -> _Times | None: ...


class ViewPanel:
    """Keeps quality and smoothing in step with what is shown."""

    def __init__(self, settings: Settings) -> None:
        self.bar = QualityBar()
        self._settings = settings
        self.smoothness: Smoothness = settings.smoothness  # how much verdicts are smoothed
        self._steadiness = Steadiness(self.smoothness)
        self.resting = RestingFace()
        self._measured_s: float | None = None
        self.quality: Quality = UNKNOWN_QUALITY
        self.analysis: Analysis | None = None  # the last one, as the networks said it
        self.snapshot_refusal: Callable[[], str] = str  # why none may be taken; empty: one may

    @property
    def remark(self) -> str:
        """What must be known of the verdicts that are shown; empty: as the networks said them."""
        smoothing = "" if self.smoothness == "off" else f", {self.smoothness} smoothing"
        return self.resting.remark + smoothing

    def set_smoothness(self, smoothness: Smoothness) -> None:
        """Smooth so much from now on, and after the next start."""
        self.smoothness = self._settings.smoothness = smoothness
        self._steadiness.set_smoothness(smoothness)

    def toggle_resting(self) -> None:
        """Take the coming seconds as the resting face, or forget it; verdicts start afresh."""
        self.resting.toggle()
        self._steadiness.forget()

    def take(
        self, analysis: Analysis, judged: Judged | None, source: FrameSource | None
    ) -> Analysis:
        """Take up a frame and return what to show of it."""
        self.analysis = analysis
        self._measure(analysis, judged, source)
        face = next((f.identity for f in judged.faces if f.followed), None) if judged else None
        shown = self.resting.shown(analysis, face, judged.angle if judged else None)
        return self._steadiness.calmed(shown, face)

    def snapshot(self, view: QImage, source: FrameSource | None) -> str:
        """Keep this moment on the disk; return where, or why not, in a sentence."""
        if refusal := self.snapshot_refusal():
            return refusal
        if self.analysis is None:
            return "There is no picture yet to take a snapshot of."
        name = source.name if source else ""
        taken = Snapshot(view, self.analysis, self.quality, name)
        try:
            return f"Snapshot: {save_snapshot(taken, snapshot_folder())}"
        except FercoreError as error:
            return str(error)

    def clear(self) -> None:
        """Forget what was shown."""
        self.analysis, self.quality, self._measured_s = None, UNKNOWN_QUALITY, None
        self._steadiness.forget()
        self.resting.forget()
        self.bar.clear()

    def _measure(
        self, analysis: Analysis, judged: Judged | None, source: FrameSource | None
    ) -> None:
        now_s = analysis.frame.timestamp_s
        if self._measured_s is not None and 0 <= now_s - self._measured_s < _MEASURE_EVERY_S:
            return
        self._measured_s = now_s
        times = source.times if isinstance(source, _Timed) else None
        skew_s, angle = times.skew_s if times else None, judged.angle if judged else None
        self.quality = measure(analysis.pair, skew_s, angle)
        self.bar.show_indicators(self.quality.indicators())
