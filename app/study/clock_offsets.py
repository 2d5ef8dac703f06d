"""How far other clocks are from the host's monotonic one, measured by bracketing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fercore.study.events import Offset

if TYPE_CHECKING:
    from collections.abc import Callable

_TRIES = 5


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
