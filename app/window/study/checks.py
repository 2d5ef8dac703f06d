"""The checklist before a run: what must be green, or overridden with a reason.

The face is measured and judged by `fercore.faces.quality`, as in the window's quality bar. The
other limits are conventions of ours, not measured ones.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, NamedTuple

from app.sources.base import Condition, Health, LiveSource
from app.study.clock_offsets import unix_offset
from fercore.faces.quality import Grade
from fercore.study.run_files import Check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from app.sources.base import FrameSource
    from app.study.desk import Desk
    from app.window.study.live_figures import Observed
    from fercore.faces.quality import Indicator

MIN_FRAMES_PER_SECOND = 10.0
MIN_FREE_BYTES = {False: 1_000_000_000, True: 10_000_000_000}
"""Room on the disk by whether videos are kept."""
_STEP_S, _SETTLING_S = 0.1, 30.0
_BEGINNING_OF_2024_S = 1_704_067_200.0


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
