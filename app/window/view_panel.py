"""What stands beside the pictures: a camera's settings, calmed verdicts, judging and keeping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from app.live.display import RestingFace, Steadiness
from app.sources.base import Adjustable, Health, LiveSource
from app.sources.choice import REALSENSE, SYNTHETIC, WEBCAM
from app.window.snapshot import Snapshot, save_snapshot, snapshot_folder
from app.window.widgets.camera_options import CameraOptions
from app.window.widgets.menus import Command
from fercore.errors import FercoreError
from fercore.faces.quality import UNKNOWN_QUALITY, Quality, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QImage

    from app.live.inference import Judged
    from app.sources.base import Condition, FrameSource
    from app.start.settings import Settings, Smoothness
    from app.window.arbiter import Arbiter
    from app.window.widgets.banner import Banner, Tone
    from app.window.widgets.lines import QualityBar
    from app.window.widgets.transport import Transport
    from fercore.structures import Analysis

CAMERAS = (
    (Command.REALSENSE, REALSENSE),
    (Command.WEBCAM, WEBCAM),
    (Command.SYNTHETIC, SYNTHETIC),
)
"""Command and source of the menu's entries."""

FILE_KINDS = (
    "All that can be played (*.wrl *.WRL *.bag *.db3 *.mp4 *.mkv *.mov *.avi *.webm);;"
    "Scans (*.wrl *.WRL);;RealSense recordings (*.bag *.db3);;"
    "Videos (*.mp4 *.mkv *.mov *.avi *.webm);;Any file (*)"
)
_TONES: dict[Health, Tone] = {
    Health.GOOD: "good",
    Health.DOUBTFUL: "doubtful",
    Health.LOST: "lost",
}
_MEASURE_EVERY_S = 0.2  # words that change faster cannot be read


class CameraPanel:
    """Keeps banner, transport and settings in step with the present source."""

    def __init__(self, banner: Banner, transport: Transport) -> None:
        self.options = CameraOptions()
        self.options.hide()
        self.options.chosen.connect(self._adjust)
        self._banner, self._transport = banner, transport
        self._adjustable: Adjustable | None = None
        self._health = Health.GOOD

    def show_source(self, source: FrameSource) -> None:
        """Make room for a camera, or for a replay's transport; once that knows its clips."""
        self._adjustable = source if isinstance(source, Adjustable) else None
        self._health = Health.GOOD
        is_live = isinstance(source, LiveSource)
        self._transport.set_live(is_live)
        self._banner.show_camera("good", Health.GOOD if is_live else "", "")
        self.options.set_settings(() if self._adjustable is None else self._adjustable.controls)
        self.options.setVisible(self._adjustable is not None)

    def follow(self, condition: Condition | None, when_lost: Callable[[], None]) -> None:
        """Show how the camera is doing; what a lost one showed last is no longer true."""
        if condition is None:
            return
        is_news = condition.health is Health.LOST and self._health is not Health.LOST
        self._health = condition.health
        if is_news:
            when_lost()
        self._banner.show_camera(_TONES[condition.health], condition.health, condition.sentence)
        if self._adjustable is not None:
            self.options.set_settings(self._adjustable.controls)

    def _adjust(self, name: str, value: float) -> None:
        if self._adjustable is not None:
            self._adjustable.adjust(name, value)


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

    def __init__(self, settings: Settings, bar: QualityBar, arbiter: Arbiter) -> None:
        self.bar = bar
        self._settings, self._arbiter = settings, arbiter
        self.smoothness: Smoothness = settings.smoothness  # how much verdicts are smoothed
        self._steadiness = Steadiness(self.smoothness)
        self.resting = RestingFace()
        self._measured_s: float | None = None
        self.quality: Quality = UNKNOWN_QUALITY
        self.judged: Judged | None = None  # the last frame, as the networks said it

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

    def take(self, judged: Judged, source: FrameSource | None) -> Analysis:
        """Take up a frame and return what to show of it."""
        self.judged = judged
        self._measure(judged, source)
        face = next((face.identity for face in judged.faces if face.followed), None)
        shown = self.resting.shown(judged.analysis, face, judged.angle)
        return self._steadiness.calmed(shown, face)

    def snapshot(self, view: QImage, source: FrameSource | None) -> str:
        """Keep this moment on the disk; return where, or why not, in a sentence."""
        try:
            self._arbiter.require_snapshot()
            if self.judged is None:
                return "There is no picture yet to take a snapshot of."
            name = source.name if source else ""
            taken = Snapshot(view, self.judged.analysis, self.quality, name)
            return f"Snapshot: {save_snapshot(taken, snapshot_folder())}"
        except FercoreError as error:
            return str(error)

    def clear(self) -> None:
        """Forget what was shown."""
        self.judged, self.quality, self._measured_s = None, UNKNOWN_QUALITY, None
        self._steadiness.forget()
        self.resting.forget()
        self.bar.clear()

    def _measure(self, judged: Judged, source: FrameSource | None) -> None:
        now_s = judged.analysis.frame.timestamp_s
        if self._measured_s is not None and 0 <= now_s - self._measured_s < _MEASURE_EVERY_S:
            return
        self._measured_s = now_s
        times = source.times if isinstance(source, _Timed) else None
        skew_s = times.skew_s if times else None
        self.quality = measure(judged.analysis.pair, skew_s, judged.angle)
        self.bar.show_indicators(self.quality.indicators())
