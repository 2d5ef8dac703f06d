"""Runs the real live path on prepared frames and gathers what it took, to the drawn frame."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from array import array
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import psutil
from PySide6.QtCore import QEvent, QEventLoop, QTimer

from app.application import create_application
from app.bench.camera import ALIGN, MeasuredCamera
from app.bench.figures import STAGES, Figures, Reading, drift_of, matrix_peak_gflops, network_gflop
from app.bench.source import (
    CAPTURE,
    CountingPredictor,
    PreparedSource,
    TimedSource,
    prepared_frames,
)
from app.live.session import Session
from app.sources.choice import opened_source
from app.start.logs import Troubles
from app.start.settings import Settings
from app.window.main_window import MainWindow
from app.window.widgets.theme import apply_theme
from fercore.errors import FercoreError
from fercore.inference.engines import load_engine
from fercore.inference.engines.base import DEPTH_NET, FUSION, RGB_NET
from fercore.inference.predictor import CROP, DETECT, INPUTS
from fercore.runtime.processes import limit_blas_threads
from fercore.runtime.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.bench.source import Raw
    from app.live.inference import Judged

DRAW = "draw"
WARM_UP = 30  # verdicts before measuring begins
PATIENCE_S = 60.0  # to get there
SAMPLE_EVERY_S = 10.0  # of a soak
_TICK_MS = 100


class MeasuredWindow(MainWindow):
    """The window as it is; what it shows is timed from the capture to the finished picture."""

    def __init__(self, session: Session, settings: Settings, source: TimedSource) -> None:
        self.stopwatch = Stopwatch()
        # Four bytes a frame: a long measurement must not grow by its own notes.
        self.latencies_ms: array[float] = array("f")
        self._prepared = source
        self._undrawn: int | None = None  # index of the frame that Qt has yet to paint
        self._present_s = 0.0
        super().__init__(session, settings, Troubles())

    def start_over(self) -> None:
        """Forget what was measured so far."""
        self.stopwatch.clear()
        del self.latencies_ms[:]

    def present(self, judged: Judged) -> None:
        """Show one judged frame everywhere; it is painted when Qt comes to it."""
        started_s = time.perf_counter()
        super().present(judged)
        self._present_s += time.perf_counter() - started_s
        self._undrawn = judged.analysis.frame.index

    def event(self, event: QEvent) -> bool:
        """Handle an event; by one of them Qt asks the window to paint all that is due."""
        if event.type() is not QEvent.Type.UpdateRequest:
            return super().event(event)
        started_s = time.perf_counter()
        done = super().event(event)
        if self._undrawn is not None:
            self._note(self._undrawn, self._present_s + time.perf_counter() - started_s)
        return done

    def _note(self, index: int, took_s: float) -> None:
        self.stopwatch.add(DRAW, took_s)
        self.latencies_ms.append(1000 * (time.monotonic() - self._prepared.captured_s(index)))
        self._undrawn, self._present_s = None, 0.0


@dataclass(frozen=True, slots=True)
class BenchPlan:
    """What is to be measured."""

    source: str  # as `rgbd-fer --source` takes it
    checkpoint: Path
    engine: str  # one of `fercore.inference.engines.ENGINES`, empty: the machine's best
    threads: int | None  # of OpenVINO, None: all cores
    seconds: float  # after warming up
    is_soak: bool  # look for drift


def run_live(plan: BenchPlan) -> Figures:
    """Measure the live path.

    Raises:
        FercoreError: source, weights or engine cannot be used, or there is never a verdict.
    """
    with closing(opened_source(plan.source)) as source:
        frames = prepared_frames(source)
    application = create_application(headless=True)
    apply_theme(application, "light")
    peak_gflops = matrix_peak_gflops()
    with tempfile.TemporaryDirectory() as folder:
        run = LiveRun(plan, frames, Path(folder))
        try:
            with _ctrl_c_stops(run):
                run.to_the_end()
        finally:
            run.close()
    peak_gflops = max(peak_gflops, matrix_peak_gflops())
    return run.figures(peak_gflops, network_gflop(plan.checkpoint))


class _Counts(NamedTuple):
    """Counters at one moment."""

    time_s: float  # by time.monotonic()
    cpu_s: float  # processor time of all threads
    judged: int
    verdicts: int
    dropped: int  # before they were judged


class LiveRun:
    """One measurement: source, session and window, and what they counted."""

    def __init__(self, plan: BenchPlan, frames: list[Raw], folder: Path) -> None:
        self._plan = plan
        self._engine, self._card = load_engine(
            plan.checkpoint, plan.engine, threads=plan.threads, measured=True
        )
        self._prepared_bytes = sum(raw.size_bytes for raw in frames)
        self._capture_watch = Stopwatch()
        self._source = _source_of(frames, self._capture_watch)
        self._predictor: CountingPredictor | None = None
        self._session = Session(self._load)
        settings = Settings(folder / "settings.json")
        self._window = MeasuredWindow(self._session, settings, self._source)
        self._loop = QEventLoop()
        self._timer = QTimer(self._window)
        self._timer.timeout.connect(self._tick)
        self._process = psutil.Process()
        self._shown_s = 0.0
        self._first: _Counts | None = None  # when measuring began
        self._last: _Counts | None = None
        self._samples: list[Reading] = []
        self._sampled = 0  # latencies that earlier samples have seen
        self._interrupted = False

    def to_the_end(self) -> None:
        """Show the window, start everything, and return once all is measured.

        Measuring starts when everything is warm; a window that is closed ends it.
        """
        self._shown_s = time.monotonic()
        self._window.begin(self._open, self._source.name)
        self._window.show()
        self._timer.start(_TICK_MS)
        self._loop.exec()

    def interrupt(self) -> None:
        """Stop early; what was measured until now stands."""
        self._interrupted = True
        self._stop()

    def close(self) -> None:
        """Close the window, which ends all threads."""
        self._window.close()

    def figures(self, peak_gflops: float, gflop: float) -> Figures:
        """Return what was measured.

        Raises:
            FercoreError: it ended before there was anything to measure.
        """
        if self._first is None or self._last is None:
            raise FercoreError("nothing was measured: no face was judged; see the messages above.")
        seconds = self._last.time_s - self._first.time_s
        verdicts = self._last.verdicts - self._first.verdicts
        drawn = len(self._window.latencies_ms)
        undrawn = max(0, self._last.judged - self._first.judged - drawn)
        return Figures(
            verdicts_per_s=verdicts / seconds,
            drawn_per_s=drawn / seconds,
            latency_ms=list(self._window.latencies_ms),
            stages_ms=self._stages_ms(),
            dropped=self._last.dropped - self._first.dropped + undrawn,
            rss_mb=self._samples[-1].rss_mb,
            cpu_ms=1000 * (self._last.cpu_s - self._first.cpu_s) / max(1, verdicts),
            peak_gflops=peak_gflops,
            network_gflop=gflop,
            description=f"{self._card.pipeline} on {self._engine.description}",
            drift=drift_of(self._samples) if self._plan.is_soak else None,
            interrupted=self._interrupted,
        )

    def _open(self) -> TimedSource:
        self._source.open()
        return self._source

    def _load(self) -> CountingPredictor:
        import torch

        # As the application does.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
        limit_blas_threads()
        self._predictor = CountingPredictor.on_engine(self._engine, self._card)
        return self._predictor

    def _tick(self) -> None:
        now_s = time.monotonic()
        if not self._window.isVisible():
            self.interrupt()
        elif self._first is None:
            self._begin_when_warm(now_s)
        elif now_s >= self._first.time_s + self._plan.seconds:
            self._stop()
        elif now_s >= self._first.time_s + SAMPLE_EVERY_S * len(self._samples):
            self._sample(now_s)

    def _begin_when_warm(self, now_s: float) -> None:
        if self._predictor is not None and self._predictor.verdicts >= WARM_UP:
            for stopwatch in (self._capture_watch, self._predictor.stopwatch):
                stopwatch.clear()
            self._window.start_over()
            self._first = self._counts(self._predictor)
            self._sample(self._first.time_s)
        elif now_s > self._shown_s + PATIENCE_S:
            self._stop()

    def _stop(self) -> None:
        if self._first is not None and self._last is None and self._predictor is not None:
            self._last = self._counts(self._predictor)
            self._sample(self._last.time_s)
        self._timer.stop()
        self._loop.quit()

    def _counts(self, predictor: CountingPredictor) -> _Counts:
        dropped = self._source.missed + self._session.statistics().dropped
        now_s, cpu_s = time.monotonic(), time.process_time()
        return _Counts(now_s, cpu_s, predictor.judged, predictor.verdicts, dropped)

    def _sample(self, now_s: float) -> None:
        began_s = self._first.time_s if self._first else now_s
        fresh = self._window.latencies_ms[self._sampled :]
        self._sampled += len(fresh)
        rss = self._process.memory_info().rss - self._prepared_bytes
        latency_ms = float(np.median(fresh)) if fresh else float("nan")
        self._samples.append(
            Reading(now_s - began_s, rss / 1e6, self._process.num_threads(), latency_ms)
        )

    def _stages_ms(self) -> dict[str, float]:
        found = dict.fromkeys(STAGES, 0.0)
        found["capture"] = self._capture_watch.mean_ms(CAPTURE)
        found["align"] = self._capture_watch.mean_ms(ALIGN)
        found["draw"] = self._window.stopwatch.mean_ms(DRAW)
        if self._predictor is not None:
            judging = self._predictor.stopwatch
            found["preprocess"] = judging.mean_ms(CROP) + judging.mean_ms(INPUTS)
            for name in (DETECT, DEPTH_NET, RGB_NET, FUSION):
                found[name] = judging.mean_ms(name)
        return found


def _source_of(frames: list[Raw], stopwatch: Stopwatch) -> TimedSource:
    """Return a depth camera; the SDK has none without depth."""
    if any(raw.depth is None for raw in frames):
        return PreparedSource(frames, stopwatch)
    return MeasuredCamera(frames, stopwatch)


@contextmanager
def _ctrl_c_stops(run: LiveRun) -> Iterator[None]:
    """Let Ctrl-C end the run early; the window's timers let Python see the signal."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: run.interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
