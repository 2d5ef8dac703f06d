"""A recording of the RealSense SDK, `.bag` or `.db3`, frame by frame as fast as it is read.

It runs through the same streams as a camera. The SDK holds its reader up while
nobody takes frames, so pausing needs no word of its own. It goes to a time only
roughly, so a moment is looked for by its own time, from some way before it.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Any

from app.sources.base import SourceError
from app.sources.camera_care import LONGEST_GAP_S
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
_AHEAD_S = (0.5, 5.0, math.inf)
"""So far before a moment the search for it begins: files are in the order in which frames arrived,
which is that of their times but for delays."""


class RecordingSource(RecordedSource):
    """Plays colour and depth of a recording."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._context: Any = None
        self._playback: Any = None
        self._streams: DeviceStreams | None = None
        self._has_shown = self._lacks_depth = False
        self._singles = 0
        self._first_s: float | None = None  # of the first moment, by the recording's clock
        self._found: FrameSet | None = None  # it comes next
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
        self._has_shown = self._lacks_depth = False
        self._first_s = None
        self._rewind()

    def _running(self, from_s: float) -> DeviceStreams:
        """Start both streams before the first frame passes, not one after the other."""
        self._playback.pause()
        self._streams = DeviceStreams(self._playback)
        if from_s > 0:  # the SDK takes a time once the streams run
            self._playback.seek(datetime.timedelta(seconds=from_s))
        self._playback.resume()
        self._singles, self._found = 0, None
        return self._streams

    def _next(self) -> Recorded | None:
        streams = self._streams
        assert streams is not None
        while (frames := self._next_set(streams)) is not None:
            try:
                moment = self._developed(streams, frames)
                self._follow(moment.time_s)
                return moment
            except WrongSizeError:
                continue
        if not self._has_shown:
            raise SourceError(
                f"{self._name} holds no colour picture, in which a face is found;"
                " record colour and depth."
            )
        return None

    def _follow(self, time_s: float) -> None:
        """Count by time too: what the camera dropped left a gap."""
        if self._first_s is None:
            self._first_s = time_s
        missing = self._place_at(time_s) - self._coming
        if 0 < missing < LONGEST_GAP_S * self._rate_hz:  # else its clock has leapt
            self._coming += missing

    def _place_at(self, time_s: float) -> int:
        return round((time_s - (self._first_s or 0.0)) * self._rate_hz)

    def _next_set(self, streams: DeviceStreams) -> FrameSet | None:
        """Return the next complete set, or one of colour where depth is missing for good."""
        found, self._found = self._found, None
        if found is not None:
            return found
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
            self._lacks_depth |= self._singles > _SINGLES
            if frames.is_complete or (frames.colour is not None and self._lacks_depth):
                return frames
        raise SourceError(f"{self._name} does not go on; it is damaged, record it again.")

    def _developed(self, streams: DeviceStreams, frames: FrameSet) -> Recorded:
        rgb = colour_rgb(frames.colour, streams.intrinsics)
        depth = None
        if frames.is_complete:
            depth = depth_m(streams.aligned_depth(frames), streams.intrinsics)
        self._has_shown = True
        return Recorded(rgb, depth, streams.intrinsics, _time_s(frames))

    def _has_stopped(self) -> bool:
        import pyrealsense2 as rs

        return bool(self._playback.current_status() == rs.playback_status.stopped)

    def _pass_over(self, frames: int) -> int:
        assert self._streams is not None
        return sum(self._next_set(self._streams) is not None for _ in range(frames))

    def _rewind(self) -> None:
        # Opened anew: the SDK does not always go back to the very start.
        import pyrealsense2 as rs

        self._stop()
        self._context = rs.context()
        try:
            self._playback = self._context.load_device(str(self._path)).as_playback()
            self._playback.set_real_time(False)
            self._duration_s = self._playback.get_duration().total_seconds()
            self._rate_hz = self._running(0.0).frame_rate_hz
        except RuntimeError as error:
            self._stop()
            raise SourceError(
                f"{self._path} is no recording that the RealSense SDK can read"
                f" ({str(error).splitlines()[0]}); record it again."
            ) from error

    def _find(self, place: int) -> int:
        if self._first_s is None:
            return super()._find(place)
        wanted_s = place / self._rate_hz
        for ahead_s in _AHEAD_S if place else ():
            self._restart(max(0.0, wanted_s - ahead_s))
            self._found = self._first_from(self._first_s + wanted_s)
            if self._found is not None:
                return self._place_at(_time_s(self._found))
        return super()._find(place)  # its clock is of no use, so moments are counted

    def _restart(self, from_s: float) -> None:
        """Go on from about a time since the start."""
        if from_s <= 0 or self._streams is None:
            self._rewind()
        else:
            self._streams.stop()
            self._running(from_s)

    def _first_from(self, wanted_s: float) -> FrameSet | None:
        """Return the first set from a time on, else the last of all; None where it was missed."""
        streams = self._streams
        assert streams is not None
        found, last_s, period_s = None, -math.inf, 1 / self._rate_hz
        while last_s < wanted_s - period_s / 2 and (frames := self._next_set(streams)) is not None:
            time_s = _time_s(frames)
            is_late = found is None and time_s > wanted_s + period_s / 2
            if is_late or (found is not None and not 0 <= time_s - last_s < LONGEST_GAP_S):
                return None
            found, last_s = frames, time_s
        return found

    def _stop(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams.stop()
        self._playback = self._context = None


def _time_s(frames: FrameSet) -> float:
    """Return when a set's colour was taken, by the recording's clock."""
    assert frames.colour is not None
    return float(frames.colour.get_timestamp()) / 1000
