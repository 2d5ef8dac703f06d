"""The checklist before a run: what must be green, or overridden with a reason.

The last seconds of judged frames tell camera, light and distance. The face is measured and
judged by `fercore.faces.quality`, as in the window's quality bar. The other limits are
conventions of ours, not measured ones.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.sources.base import Condition, Health, LiveSource
from app.study.lsl import unix_offset
from fercore.faces.quality import Grade, Quality, measure
from fercore.study.run_files import Check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from app.live.inference import Judged
    from app.sources.base import FrameSource
    from app.study.desk import Desk
    from fercore.faces.quality import Indicator
    from fercore.structures import FacePair

WINDOW_S = 2.0
MIN_FRAMES_PER_SECOND = 10.0
MIN_FREE_BYTES = {False: 1_000_000_000, True: 10_000_000_000}
"""Room on the disk by whether videos are kept."""
_STEP_S, _SETTLING_S = 0.1, 30.0
_BEGINNING_OF_2024_S = 1_704_067_200.0


class Observed(NamedTuple):
    """Medians over the last two seconds; None where nothing was measured."""

    frames_per_second: float = 0.0  # judged
    face_share: float = 0.0  # of frames with a face, 0..1
    distance_m: float | None = None
    brightness: float | None = None  # of the face, 0..255
    valid_share: float | None = None  # of the face box with measured depth, 0..1

    @property
    def quality(self) -> Quality:
        """How well the face is seen, as in the window's quality bar."""
        return Quality(self.distance_m, self.valid_share, None, self.brightness, None)


class _Frame(NamedTuple):
    """What is kept of one frame: no image."""

    host_s: float
    has_face: bool
    distance_m: float
    brightness: float
    valid_share: float


class LiveFigures:
    """Written by the judging thread, read by the window's."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._frames: deque[_Frame] = deque()

    def add(self, judged: Judged) -> None:
        """Take a judged frame."""
        frame = _figures(judged.arrival.arrived_s, judged.analysis.pair)
        with self._guard:
            self._frames.append(frame)
            _forget(self._frames, frame.host_s)

    def observed(self) -> Observed:
        """Return what the last two seconds say."""
        with self._guard:
            _forget(self._frames, time.monotonic())
            frames = list(self._frames)
        if not frames:
            return Observed()
        return Observed(
            len(frames) / WINDOW_S,
            sum(frame.has_face for frame in frames) / len(frames),
            _median([frame.distance_m for frame in frames]),
            _median([frame.brightness for frame in frames]),
            _median([frame.valid_share for frame in frames]),
        )


def _figures(host_s: float, pair: FacePair | None) -> _Frame:
    nan = float("nan")
    if pair is None:
        return _Frame(host_s, False, nan, nan, nan)
    seen = measure(pair)
    return _Frame(
        host_s,
        True,
        nan if seen.distance_m is None else seen.distance_m,
        nan if seen.brightness is None else seen.brightness,
        nan if pair.depth_m is None else pair.valid_fraction,
    )


def _forget(frames: deque[_Frame], now_s: float) -> None:
    while frames and frames[0].host_s < now_s - WINDOW_S:
        frames.popleft()


def _median(values: list[float]) -> float | None:
    known = [value for value in values if value == value]
    return float(np.median(known)) if known else None


class Surroundings(NamedTuple):
    """What is checked beside the frames."""

    source: FrameSource | None
    bytes_free: int
    keeps_videos: bool
    clock: str  # what is wrong with it; empty: nothing
    lsl_on: bool
    lsl_missing: Sequence[str]


def surroundings(desk: Desk, source: FrameSource | None, clock: str) -> Surroundings:
    """Return what is to be checked at a desk; `clock` says what is wrong with the clock."""
    privacy = desk.study.privacy
    return Surroundings(
        source=source,
        bytes_free=_bytes_free(desk.folder),
        keeps_videos=privacy.keeps_colour or privacy.keeps_depth,
        clock=clock,
        lsl_on=desk.lsl_on,
        lsl_missing=desk.lsl_missing,
    )


class ClockWatch:
    """Notices when the computer's clock is set while the study runs."""

    def __init__(self) -> None:
        self._offset_s = unix_offset().offset_s
        self._stepped_at_s: float | None = None
        self._step_s = 0.0

    def problem(self) -> str:
        """Return what is wrong with the clock, empty when nothing is."""
        now_s, offset_s = time.monotonic(), unix_offset().offset_s
        if abs(offset_s - self._offset_s) > _STEP_S:
            self._stepped_at_s, self._step_s = now_s, offset_s - self._offset_s
        self._offset_s = offset_s
        if now_s + offset_s < _BEGINNING_OF_2024_S:
            return "the date is wrong; set the clock"
        if self._stepped_at_s is not None and now_s < self._stepped_at_s + _SETTLING_S:
            return f"was set by {self._step_s:+.1f} s just now; wait half a minute"
        return ""


def all_checks(observed: Observed, around: Surroundings) -> tuple[Check, ...]:
    """Return the whole checklist."""
    return (
        _camera(around.source),
        _seen("distance", observed.quality.distance, observed),
        _seen("light", observed.quality.light, observed),
        _seen("valid depth", observed.quality.depth, observed),
        _frame_rate(observed),
        _disk(around),
        Check("clock", not around.clock, around.clock or "steady"),
        _lsl(around),
    )


def _bytes_free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0  # the disk is gone


def _camera(source: FrameSource | None) -> Check:
    if source is None:
        return Check("camera", False, "none is open")
    if not isinstance(source, LiveSource):
        return Check("camera", False, f"{source.name} is no camera")
    condition: Condition = source.condition
    good = condition.health is Health.GOOD
    return Check("camera", good, source.name if good else condition.sentence or condition.health)


def _seen(name: str, indicator: Indicator, observed: Observed) -> Check:
    if indicator.grade is Grade.UNKNOWN:
        return Check(name, False, "not measured" if observed.face_share else "no face")
    if indicator.grade is Grade.GOOD:
        return Check(name, True, indicator.figure)
    return Check(name, False, f"{indicator.figure}, {indicator.word}; should be {indicator.wanted}")


def _frame_rate(observed: Observed) -> Check:
    good = observed.frames_per_second >= MIN_FRAMES_PER_SECOND
    finding = f"{observed.frames_per_second:.0f} judged frames/s"
    wanted = f"; should be {MIN_FRAMES_PER_SECOND:.0f} or more"
    return Check("frame rate", good, finding if good else finding + wanted)


def _disk(around: Surroundings) -> Check:
    needed = MIN_FREE_BYTES[around.keeps_videos]
    finding = f"{around.bytes_free / 1e9:.1f} GB free"
    good = around.bytes_free >= needed
    return Check("disk", good, finding if good else f"{finding}; should be {needed / 1e9:.0f} GB")


def _lsl(around: Surroundings) -> Check:
    if not around.lsl_on:
        return Check("LSL", True, "off")
    if around.lsl_missing:
        return Check("LSL", False, f"no stream {', '.join(around.lsl_missing)}")
    return Check("LSL", True, "on")
