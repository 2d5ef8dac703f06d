"""What the benchmark measures with: frames as a camera delivers them, a predictor that counts.

Frames are prepared beforehand and come 30 a second, come what may.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

from app.sources.base import FrameSource, SourceError, SourceFacts, SourceTimeout
from fercore.inference.predictor import Predictor
from fercore.structures import RGBDFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fercore.runtime.stopwatch import Stopwatch
    from fercore.structures import Analysis, Intrinsics, UInt8Array

FRAME_RATE_HZ = 30.0
PREPARED = 60
"""Frames kept; they are played to and fro, so that nothing ever jumps."""
DEPTH_UNIT_M = 0.001  # as a D435 has it
CAPTURE = "capture"
_READ_TIMEOUT_S = 10.0


class CountingPredictor(Predictor):
    """Counts frames and verdicts."""

    judged = 0  # frames, with a verdict or not
    verdicts = 0

    def analyse(self, frame: RGBDFrame) -> Analysis:
        """Judge a frame."""
        analysis = super().analyse(frame)
        self.judged += 1
        self.verdicts += analysis.verdicts is not None
        return analysis


class Raw(NamedTuple):
    """A frame as a camera delivers it."""

    rgb: UInt8Array  # (H, W, 3)
    depth: NDArray[np.uint16] | None  # (H, W), in DEPTH_UNIT_M, 0 where unknown
    intrinsics: Intrinsics | None

    @property
    def size_bytes(self) -> int:
        """Memory that its pictures take."""
        return self.rgb.nbytes + (0 if self.depth is None else self.depth.nbytes)


class TimedSource(FrameSource, Protocol):
    """A source that knows when its frames were taken."""

    @property
    def missed(self) -> int:
        """Frames that were taken but never read."""
        ...

    def captured_s(self, index: int) -> float:
        """Return when the frame of this index, a recent one, was taken, by time.monotonic()."""
        ...


def prepared_frames(source: FrameSource, count: int = PREPARED) -> list[Raw]:
    """Return the first frames of an opened source.

    Raises:
        SourceError: it gives none.
    """
    frames: list[Raw] = []
    with tqdm(total=count, desc="preparing", unit="frame", leave=False, disable=None) as bar:
        while len(frames) < count:
            try:
                frame = source.read(_READ_TIMEOUT_S)
            except SourceTimeout:
                break
            if frame is None:
                break
            frames.append(_raw(frame))
            bar.update()
    if not frames:
        raise SourceError(f"{source.name} gives no frames; choose another --source.")
    return frames


def to_and_fro(frames: Sequence[Raw]) -> list[Raw]:
    """Return the frames there and back again, for playing in a circle."""
    return [*frames, *frames[-2:0:-1]]


class PreparedSource:
    """Plays frames at 30 a second; a reader who comes late has missed some."""

    name = "prepared frames"
    facts = SourceFacts()

    def __init__(self, frames: Sequence[Raw], stopwatch: Stopwatch) -> None:
        self._frames = to_and_fro(frames)
        self._stopwatch = stopwatch
        self._closed = threading.Event()
        self._began_s = 0.0
        self._next = 0
        self.missed = 0

    def open(self) -> None:
        """Start the clock."""
        self._closed.clear()
        self._began_s = time.monotonic()
        self._next = 0

    def captured_s(self, index: int) -> float:
        """Return when the frame of this index was due."""
        return self._began_s + index / FRAME_RATE_HZ

    def read(self, timeout_s: float) -> RGBDFrame | None:
        """Wait for the next frame and return a copy of it; None once closed."""
        due = int((time.monotonic() - self._began_s) * FRAME_RATE_HZ)
        if due > self._next:
            self.missed += due - self._next
            self._next = due
        if self._closed.wait(max(0.0, self.captured_s(self._next) - time.monotonic())):
            return None
        index, self._next = self._next, self._next + 1
        with self._stopwatch.stage(CAPTURE):
            return _frame(self._frames[index % len(self._frames)], index)

    def close(self) -> None:
        """End a read that waits."""
        self._closed.set()


def _raw(frame: RGBDFrame) -> Raw:
    if frame.depth_m is None:
        return Raw(frame.rgb.copy(), None, frame.intrinsics)
    depth = np.nan_to_num(frame.depth_m / DEPTH_UNIT_M).round()
    return Raw(frame.rgb.copy(), depth.clip(0, 65535).astype(np.uint16), frame.intrinsics)


def _frame(raw: Raw, index: int) -> RGBDFrame:
    depth_m = None
    if raw.depth is not None:
        depth_m = raw.depth * np.float32(DEPTH_UNIT_M)
        depth_m[raw.depth == 0] = np.nan
    return RGBDFrame(raw.rgb.copy(), depth_m, raw.intrinsics, index / FRAME_RATE_HZ, index)
