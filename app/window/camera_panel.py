"""What a window shows of a camera beside its pictures: condition, settings, no transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.sources.base import Adjustable, Health, LiveSource
from app.sources.choice import REALSENSE, SYNTHETIC, WEBCAM
from app.window.widgets.camera_options import CameraOptions
from app.window.widgets.menus import Command

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.sources.base import Condition, FrameSource
    from app.window.widgets.banner import Banner, Tone
    from app.window.widgets.transport import Transport

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
