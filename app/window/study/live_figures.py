"""What the last seconds of judged frames say about camera, light and distance."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fercore.faces.quality import Quality, measure

if TYPE_CHECKING:
    from app.live.inference import Judged
    from fercore.structures import FacePair

WINDOW_S = 2.0


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
