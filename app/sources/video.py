"""A video file: colour only, so that the RGB head judges it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import cv2

from app.sources.base import SourceError
from app.sources.recorded import Recorded, RecordedSource

if TYPE_CHECKING:
    from pathlib import Path

FALLBACK_RATE_HZ = 30.0


class VideoSource(RecordedSource):
    """Plays whatever OpenCV decodes, upright as the file says."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._video: Any = None
        self._rate_hz = FALLBACK_RATE_HZ
        self._count = 0

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second, by the file's own word."""
        return self._rate_hz

    @property
    def frame_count(self) -> int:
        """Number of frames, by the file's own word; 0 where it does not say."""
        return self._count

    def _start(self) -> None:
        if not self._path.is_file():
            raise SourceError(f"{self._path} does not exist; name a video file.")
        if not has_pictures(self._path):
            raise self._unplayable()
        self._video = cv2.VideoCapture(str(self._path))
        if not self._video.isOpened() or not self._video.grab():
            self._stop()
            raise self._unplayable()
        rate_hz = self._video.get(cv2.CAP_PROP_FPS)
        self._rate_hz = rate_hz if 1 <= rate_hz <= 1000 else FALLBACK_RATE_HZ
        self._count = max(0, int(self._video.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._rewind()

    def _unplayable(self) -> SourceError:
        return SourceError(
            f"{self._path} is no video that can be played; convert it to MP4 (H.264)."
        )

    def _next(self) -> Recorded | None:
        came, bgr = self._video.read()
        if not came:
            return None
        time_s = max(0.0, self._video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        return Recorded(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), None, None, time_s)

    def _pass_over(self, frames: int) -> int:
        return sum(bool(self._video.grab()) for _ in range(frames))

    def _rewind(self) -> None:
        # Opened anew: not every format can be sought in.
        self._video.release()
        self._video = cv2.VideoCapture(str(self._path))

    def _stop(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.release()


def has_pictures(path: Path) -> bool:
    """Look into a file first with PyAV, which keeps its complaints to itself."""
    try:
        with av.open(str(path)) as container:
            return bool(container.streams.video)
    except (OSError, ValueError):  # PyAV's errors are both
        return False
