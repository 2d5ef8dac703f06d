"""The synthetic face as somebody who sits before a depth camera and rests when asked to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.sources.scans.replay import FRAME_RATE_HZ
from app.sources.scans.synthetic import SyntheticSource

if TYPE_CHECKING:
    from fercore.structures import RGBDFrame

PERFORMANCE_FRAMES = 270  # all six expressions


class Sitter(SyntheticSource):
    """A `SyntheticSource` that rests while `rests` says so."""

    rests = False

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def open(self) -> None:
        """Render all that will be shown: a camera does not get faster while it runs."""
        super().open()
        self.prerender(1 if type(self).rests else PERFORMANCE_FRAMES)

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Return the next frame of the performance, its first one again while resting."""
        frame = super().read(timeout_s)
        if frame is None:
            return frame
        if type(self).rests:
            self._index = 0
        self._count += 1
        return replace(frame, index=self._count, timestamp_s=self._count / FRAME_RATE_HZ)
