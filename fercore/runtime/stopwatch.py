"""How long the stages of a frame take: named durations, the last few hundred of each."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 2000
"""Durations kept of each stage, a minute at camera rate: memory stays the same for hours."""


class Stopwatch:
    """Collects durations. Written by one thread; others may read at any time."""

    def __init__(self) -> None:
        self._durations_s: dict[str, deque[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside; what raises is not counted."""
        started_s = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - started_s)

    def add(self, name: str, duration_s: float) -> None:
        """Count one duration that was measured elsewhere."""
        self._durations_s.setdefault(name, deque(maxlen=KEPT)).append(duration_s)

    def durations_s(self, name: str) -> list[float]:
        """Return the kept durations of a stage in seconds; empty if it never ran."""
        return list(self._durations_s.get(name, ()))

    def mean_ms(self, name: str) -> float:
        """Return a stage's mean duration in milliseconds, 0 if it never ran."""
        durations_s = self.durations_s(name)
        return 1000 * sum(durations_s) / len(durations_s) if durations_s else 0.0

    def clear(self) -> None:
        """Forget everything, such as the first frames, which warm caches up."""
        for durations_s in tuple(self._durations_s.values()):
            durations_s.clear()
