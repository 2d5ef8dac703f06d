"""How far other clocks are from the host's monotonic one, measured by bracketing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fercore.study.clocks import Offset

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.study.recording import Recording
    from app.study.streams import Streams

CLOCK_PERIOD_S = 5.0
_TRIES = 5


class ClockComparison:
    """Has a run note, now and every `CLOCK_PERIOD_S`, how far other clocks are."""

    def __init__(self) -> None:
        self._due_s = 0.0

    def compare(self, recording: Recording, streams: Streams | None) -> None:
        """Compare the clocks if that is due: the wall clock's, and LSL's where it is on."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + CLOCK_PERIOD_S
        recording.log_offset(unix_offset())
        if streams is not None:
            offset = streams.link.measure()
            recording.lsl_offset_s = offset.offset_s
            recording.log_offset(offset)


def measured_offset(clock: str, read_s: Callable[[], float]) -> Offset:
    """Return a clock's offset, taken where its reading was hemmed in most closely."""
    best: Offset | None = None
    for _ in range(_TRIES):
        before_s = time.monotonic()
        other_s = read_s()
        after_s = time.monotonic()
        middle_s, doubt_s = (before_s + after_s) / 2, (after_s - before_s) / 2
        if best is None or best.uncertainty_s is None or doubt_s < best.uncertainty_s:
            best = Offset(middle_s, clock, other_s - middle_s, doubt_s)
    assert best is not None
    return best


def unix_offset() -> Offset:
    """Return the offset of the wall clock (seconds since 1970)."""
    return measured_offset("unix", time.time)
