"""What the machine can do at most, and what a run of the live benchmark found."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.runtime.processes import blas_threads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MATRIX = 1024  # side of the matrices
STAGES = ("capture", "align", "detect", "preprocess", "depth net", "RGB net", "fusion", "draw")
SETTLED_S = 120.0
"""A soak looks for drift after the second minute: until then caches fill."""
MOST_MB_PER_HOUR = 20.0
"""A soak in which memory grows faster has found a leak."""


def matrix_peak_gflops(repetitions: int = 12) -> float:
    """Return the fastest float32 matrix product of numpy on all cores, in GFLOP/s."""
    matrix = np.random.default_rng(0).random((_MATRIX, _MATRIX), np.float32)
    durations_s = []
    with blas_threads(os.cpu_count() or 1):
        for _ in range(repetitions):
            started_s = time.perf_counter()
            np.matmul(matrix, matrix)
            durations_s.append(time.perf_counter() - started_s)
    return 2 * _MATRIX**3 / min(durations_s) / 1e9


def network_gflop(checkpoint: Path) -> float:
    """Return the floating-point operations of one pass, in thousands of millions.

    Raises:
        CheckpointError: the checkpoint cannot be used.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from fercore.networks.checkpoints import load_checkpoint
    from fercore.networks.paper import DEPTH_SIZE

    network, card = load_checkpoint(checkpoint)
    size = card.preprocessing.rgb_size
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size, size), torch.zeros(1, 1, DEPTH_SIZE, DEPTH_SIZE))
    return float(counter.get_total_flops()) / 1e9


@dataclass(frozen=True, slots=True)
class Reading:
    """How the process was doing at one moment of a soak."""

    time_s: float  # since the start
    rss_mb: float
    threads: int
    latency_ms: float  # median since the sample before; NaN: nothing was drawn


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed over a soak."""

    minutes: float
    rss_mb_per_hour: float | None  # after the second minute; None: it was too short
    latency_ms_per_hour: float | None
    threads_first: int
    threads_last: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of a run."""

    verdicts_per_s: float
    drawn_per_s: float
    latency_ms: Sequence[float]  # capture to overlay, of every drawn frame
    stages_ms: Mapping[str, float]  # mean, by the names of STAGES
    dropped: int  # frames that were taken but never judged or never drawn
    rss_mb: float  # at the end, without the prepared frames
    cpu_ms: float  # processor time a verdict, all threads and the camera's stand-in included
    peak_gflops: float  # of the machine's matrix products, in this run
    network_gflop: float  # floating-point operations of one pass, in thousands of millions
    description: str  # what ran
    drift: Drift | None = None
    interrupted: bool = False

    @property
    def peak_share(self) -> float:
        """Share of the peak that the networks reach, 0..1."""
        seconds = sum(self.stages_ms[part] for part in ("depth net", "RGB net", "fusion")) / 1000
        return self.network_gflop / seconds / self.peak_gflops if seconds else 0.0

    def as_json(self) -> str:
        """Return the figures for machines, the drift only after a soak."""
        p50, p95 = self._percentiles()
        content: dict[str, object] = {
            "verdicts_per_s": round(self.verdicts_per_s, 2),
            "drawn_per_s": round(self.drawn_per_s, 2),
            "latency_ms": {"p50": _rounded(p50), "p95": _rounded(p95)},
            "stages_ms": {name: round(self.stages_ms[name], 3) for name in STAGES},
            "dropped": self.dropped,
            "rss_mb": round(self.rss_mb, 1),
            "peak_gflops": round(self.peak_gflops, 1),
            "peak_share": round(self.peak_share, 3),
        }
        if self.drift is not None:
            content["soak"] = {
                "minutes": round(self.drift.minutes, 2),
                "rss_mb_per_hour": _rounded(self.drift.rss_mb_per_hour),
                "latency_ms_per_hour": _rounded(self.drift.latency_ms_per_hour),
                "threads": [self.drift.threads_first, self.drift.threads_last],
            }
        return json.dumps(content, indent=2)

    def as_text(self) -> str:
        """Return the figures for people."""
        from tabulate import tabulate

        p50, p95 = self._percentiles()
        rows = [[name, f"{self.stages_ms[name]:.2f}"] for name in STAGES]
        lines = [
            self.description,
            "",
            tabulate(rows, ["stage", "ms (mean)"], disable_numparse=True),
            "",
            f"{self.verdicts_per_s:.1f} verdicts/s, {self.drawn_per_s:.1f} frames drawn/s, "
            f"{self.dropped} dropped",
            f"capture to overlay: median {p50:.0f} ms, 95 % within {p95:.0f} ms",
            f"memory {self.rss_mb:.0f} MB; {self.cpu_ms:.0f} ms of processor time a verdict",
            f"matrix products reach {self.peak_gflops:.0f} GFLOP/s here, the networks "
            f"{self.peak_share:.0%} of that",
        ]
        if self.drift is not None:
            lines.append(_drift_text(self.drift))
        return "\n".join(lines)

    def _percentiles(self) -> tuple[float, float]:
        if not len(self.latency_ms):
            return float("nan"), float("nan")
        p50, p95 = np.percentile(self.latency_ms, (50, 95))
        return float(p50), float(p95)


def drift_of(samples: Sequence[Reading]) -> Drift:
    """Return what changed from the second minute of a soak to its end."""
    late = [sample for sample in samples if sample.time_s >= SETTLED_S]
    return Drift(
        minutes=samples[-1].time_s / 60,
        rss_mb_per_hour=_slope_per_hour([(s.time_s, s.rss_mb) for s in late]),
        latency_ms_per_hour=_slope_per_hour([(s.time_s, s.latency_ms) for s in late]),
        threads_first=(late or samples)[0].threads,
        threads_last=samples[-1].threads,
    )


def _slope_per_hour(points: Sequence[tuple[float, float]]) -> float | None:
    times_s, values = np.array([p for p in points if np.isfinite(p[1])]).reshape(-1, 2).T
    if len(times_s) < 3:
        return None
    return float(np.polyfit(times_s, values, 1)[0]) * 3600


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 2)


def _drift_text(drift: Drift) -> str:
    if drift.rss_mb_per_hour is None or drift.latency_ms_per_hour is None:
        return f"soak of {drift.minutes:.1f} minutes: too short to tell; give more than three."
    return (
        f"soak of {drift.minutes:.1f} minutes, after the second: memory "
        f"{drift.rss_mb_per_hour:+.1f} MB an hour (a leak above {MOST_MB_PER_HOUR:g}), latency "
        f"{drift.latency_ms_per_hour:+.1f} ms an hour, "
        f"threads {drift.threads_first} to {drift.threads_last}"
    )
