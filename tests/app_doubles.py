"""Stand-ins for the parts around the application: small scans, sources, networks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from bu3dfe_fixtures import grid_wrl, write_scan

from app.sources.base import SourceError, SourceFacts
from app.sources.choice import opened_source
from fercore.expressions import EXPRESSIONS, Expression
from fercore.structures import Analysis, FaceBox, FacePair, Prediction, RGBDFrame, Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.sources.base import FrameSource

GRID = (24, 30)  # columns and rows of the small meshes


def write_tree(root: Path, *names: str) -> Path:
    """Write scans such as `F9001_NE00WH` below `root`, one folder a subject."""
    for name in names:
        write_scan(root / name[:5], name, grid_wrl(*GRID))
    return root


def sample_frame(index: int = 0, truth: Expression | None = None) -> RGBDFrame:
    """Return a small frame with a bright square on grey and a tilted plane of depth."""
    rgb = np.full((120, 160, 3), 96, np.uint8)
    rgb[30:90, 50:110] = (200, 150, 120)
    depth_m = np.full((120, 160), np.nan, np.float32)
    depth_m[30:90, 50:110] = np.linspace(0.42, 0.50, 60, dtype=np.float32)
    origin = f"F9001_{truth.bu3dfe_code}03WH" if truth else "F9001_NE00WH"
    return RGBDFrame(rgb, depth_m, None, index / 30, index, truth, origin)


def prediction(expression: Expression, share: float = 0.75, time_s: float = 0.0) -> Prediction:
    """Return `share` for one expression, the rest spread evenly."""
    probabilities = np.full(len(EXPRESSIONS), (1 - share) / 5, np.float32)
    probabilities[expression.position] = share
    return Prediction(probabilities, time_s)


def calm_prediction(calm: float, time_s: float = 0.0) -> Prediction:
    """Return `calm` for calm, the rest spread evenly over the expressions."""
    six = np.full(len(EXPRESSIONS), (1 - calm) / len(EXPRESSIONS), np.float32)
    return Prediction(np.append(six, np.float32(calm)), time_s)


def analysis_of(
    frame: RGBDFrame,
    fusion: Expression | None = Expression.ANGER,
    rgb: Expression | None = Expression.FEAR,
    depth: Expression | None = Expression.SADNESS,
    reason: str = "",
) -> Analysis:
    """Return a finished analysis with the three given verdicts."""
    height, width = frame.rgb.shape[:2]
    box = FaceBox(width * 0.3, height * 0.25, width * 0.7, height * 0.75, 0.9)
    pair = FacePair(np.zeros((96, 96, 3), np.uint8), None, 0.8, box, frame.timestamp_s)
    shares = zip((fusion, rgb, depth), (0.75, 0.6, 0.5), strict=True)
    heads = [None if e is None else prediction(e, share, frame.timestamp_s) for e, share in shares]
    return Analysis(frame, pair, Verdicts(*heads), reason, 0.004)


class FakeAnalyser:
    """Fusion says the truth, RGB fear, depth sadness; may be slow."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.seen: list[int] = []
        self.closed = False
        self.thread = threading.current_thread()

    def analyse(self, frame: RGBDFrame) -> Analysis:
        time.sleep(self.delay_s)
        self.seen.append(frame.index)
        return analysis_of(frame, fusion=frame.truth or Expression.HAPPINESS)

    def close(self) -> None:
        self.closed = True


class BrokenAnalyser(FakeAnalyser):
    """Raises on every frame."""

    def analyse(self, frame: RGBDFrame) -> Analysis:
        raise RuntimeError("the network exploded")


class BlindAnalyser(FakeAnalyser):
    """Finds no face, ever."""

    def analyse(self, frame: RGBDFrame) -> Analysis:
        return Analysis(frame, None, None, "no face found", 0.002)


class Title(NamedTuple):
    """A clip's title."""

    subject: str
    label: str


class TickSource:
    """A replay without rendering: clips of equal length, two subjects."""

    name = "ticks"
    facts = SourceFacts(knows_truth=True)
    frame_rate_hz = 30.0

    def __init__(
        self,
        clip_frames: int = 30,
        render_s: float = 0.0,
        first: Expression = Expression.ANGER,
    ) -> None:
        self._expressions = EXPRESSIONS[first.position :] + EXPRESSIONS[: first.position]
        self.clips = tuple(Title(s, e.value) for s in ("F9001", "M9002") for e in self._expressions)
        self.clip_frames = clip_frames
        self.frame_count = clip_frames * len(self.clips)
        self.render_s = render_s
        self.is_open = False
        self.skipped = 0
        self._next = 0
        self._index = 0

    @property
    def position(self) -> int:
        return min(max(self._next - 1, 0) // self.clip_frames, len(self.clips) - 1)

    def open(self) -> None:
        self.is_open = True
        self._next = self._index = 0

    def read(self, timeout_s: float) -> RGBDFrame | None:
        time.sleep(self.render_s)
        if self._next >= self.frame_count:
            return None
        truth = self._expressions[self._next // self.clip_frames % len(self._expressions)]
        frame = sample_frame(self._index, truth)
        self._next += 1
        self._index += 1
        return frame

    def seek(self, clip: int) -> None:
        self._next = clip * self.clip_frames

    def skip(self, frames: int) -> None:
        self.skipped += frames
        self._next += frames
        self._index += frames

    def close(self) -> None:
        self.is_open = False


def opening(source: FrameSource) -> Callable[[], FrameSource]:
    """Return what a session calls in a thread of its own to get a source."""

    def open_source() -> FrameSource:
        source.open()
        return source

    return open_source


def frames_of(path: Path) -> list[RGBDFrame]:
    """Return all that the source of a path plays."""
    source = opened_source(str(path))
    frames = []
    while (frame := source.read(5)) is not None:
        frames.append(frame)
    source.close()
    return frames


class BrokenSource(TickSource):
    """Breaks off on its third frame, with an error of the user's kind or any other."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self._error = error or SourceError("the camera was unplugged; plug it in again.")

    def read(self, timeout_s: float) -> RGBDFrame | None:
        if self._index == 2:
            raise self._error
        return super().read(timeout_s)
