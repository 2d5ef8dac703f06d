"""A recording of the RealSense SDK, `.bag` or `.db3`, frame by frame as fast as it is read.

It runs through the same streams as a camera. The SDK holds its reader up while
nobody takes frames, so pausing needs no word of its own.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from app.sources.base import SourceError
from app.sources.realsense.frames import WrongSizeError, colour_rgb, depth_m, explained
from app.sources.realsense.streams import DeviceStreams, FrameSet
from app.sources.recorded import Recorded, RecordedSource

if TYPE_CHECKING:
    from pathlib import Path

_TAKE_S = 0.2
_PATIENCE_S = 10.0
_SINGLES = 10
"""So many colour frames in a row without depth, and depth is missing for good; a few
single ones come with every start, while the syncer learns which streams there are."""


class RecordingSource(RecordedSource):
    """Plays colour and depth of a recording."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._context: Any = None
        self._playback: Any = None
        self._streams: DeviceStreams | None = None
        self._has_shown = False
        self._singles = 0
        self._duration_s, self._rate_hz = 0.0, 30.0

    @property
    def frame_rate_hz(self) -> float:
        """Colour pictures a second, as they were promised."""
        return self._rate_hz

    @property
    def frame_count(self) -> int:
        """Number of frames, by length and rate."""
        return round(self._duration_s * self.frame_rate_hz)

    def _start(self) -> None:
        import pyrealsense2 as rs

        self._context = rs.context()
        try:
            self._playback = self._context.load_device(str(self._path)).as_playback()
            self._playback.set_real_time(False)
            self._duration_s = self._playback.get_duration().total_seconds()
            self._streams = self._running()
            self._rate_hz = self._streams.frame_rate_hz
        except RuntimeError as error:
            self._stop()
            raise SourceError(
                f"{self._path} is no recording that the RealSense SDK can read"
                f" ({str(error).splitlines()[0]}); record it again."
            ) from error
        self._singles, self._has_shown = 0, False

    def _running(self) -> DeviceStreams:
        """Start both streams before the first frame passes, not one after the other."""
        self._playback.pause()
        streams = DeviceStreams(self._playback)
        self._playback.resume()
        return streams

    def _next(self) -> Recorded | None:
        streams = self._streams
        assert streams is not None
        while (frames := self._next_set(streams)) is not None:
            try:
                return self._developed(streams, frames)
            except WrongSizeError:
                continue
        if not self._has_shown:
            raise SourceError(
                f"{self._name} holds no colour picture, in which a face is found;"
                " record colour and depth."
            )
        return None

    def _next_set(self, streams: DeviceStreams) -> FrameSet | None:
        """Return the next complete set, or one of colour where depth is missing for good."""
        waited_s = 0.0
        while waited_s < _PATIENCE_S:
            try:
                frames = streams.take(_TAKE_S)
            except RuntimeError as error:
                raise explained(self._name, error) from error
            if frames is None:
                if self._has_stopped():
                    return None
                waited_s += _TAKE_S
                continue
            self._singles = 0 if frames.is_complete else self._singles + 1
            if frames.is_complete or (frames.colour is not None and self._singles > _SINGLES):
                return frames
        raise SourceError(f"{self._name} does not go on; it is damaged, record it again.")

    def _developed(self, streams: DeviceStreams, frames: FrameSet) -> Recorded:
        rgb = colour_rgb(frames.colour, streams.intrinsics)
        depth = None
        if frames.is_complete:
            depth = depth_m(streams.aligned_depth(frames), streams.intrinsics)
        assert frames.colour is not None
        self._has_shown = True
        return Recorded(rgb, depth, streams.intrinsics, frames.colour.get_timestamp() / 1000)

    def _has_stopped(self) -> bool:
        import pyrealsense2 as rs

        return bool(self._playback.current_status() == rs.playback_status.stopped)

    def _pass_over(self, frames: int) -> int:
        assert self._streams is not None
        return sum(self._next_set(self._streams) is not None for _ in range(frames))

    def _rewind(self) -> None:
        self._find(0)

    def _find(self, place: int) -> int:
        assert self._streams is not None
        self._streams.stop()
        self._playback.seek(datetime.timedelta(seconds=place / self._rate_hz))
        self._streams = self._running()
        self._singles = 0
        return place

    def _stop(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams.stop()
        self._playback = self._context = None
