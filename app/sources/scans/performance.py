"""How a replayed subject performs: which scan shows when, and how the head moves.

A clip is one expression of one subject: neutral, each level upwards to the
apex, and down again. Beside those, which play one after another, each single
scan is a clip that stands alone: it is shown when it is chosen. Everything here
is a plain function of frame numbers, so that a replay is the same every time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from fercore.expressions import EXPRESSIONS, NEUTRAL, Expression
from fercore.geometry import Pose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fercore.datasets.bu3dfe import Scan

REST_FRAMES = 6  # the first and the last scan are held
MOVE_FRAMES = 6  # from one scan to the next
PASS_FRAMES = 4  # a level on the way to the apex is held
APEX_FRAMES = 21  # a clip of two scans then lasts 45 frames, 1.5 s


class Shot(NamedTuple):
    """What one frame shows: scan `start` on its way to scan `end`."""

    start: int  # index into the clip's scans
    end: int
    weight: float  # 0: all `start`, towards 1: all `end`

    @property
    def nearest(self) -> int:
        """The scan of which more than half is seen."""
        return self.end if self.weight >= 0.5 else self.start


@dataclass(frozen=True, slots=True)
class Clip:
    """One expression of one subject, as scans from neutral up to the highest level."""

    scans: tuple[Scan, ...]
    stands_alone: bool = False  # one scan, held until another clip is chosen

    @property
    def subject(self) -> str:
        """The subject's code, such as `F0001`."""
        return self.scans[-1].id.subject

    @property
    def expression(self) -> Expression | None:
        """The expression performed, None for a neutral scan alone."""
        return self.scans[-1].id.expression

    @property
    def label(self) -> str:
        """What a chooser shows, such as `anger, up to level 4` and `anger, level 4`."""
        apex = self.scans[-1].id
        if apex.expression is None:
            return NEUTRAL
        reach = "level" if len(self.scans) == 1 else "up to level"
        return f"{apex.expression}, {reach} {apex.level}"


def arrange(scans: Iterable[Scan]) -> tuple[Clip, ...]:
    """Return the clips of a set of scans: by subject performances, then single scans."""
    ordered = sorted(scans, key=lambda scan: scan.id.order())
    clips: list[Clip] = []
    for _, group in groupby(ordered, key=lambda scan: scan.id.subject):
        clips.extend(_clips_of_subject(list(group)))
    return tuple(clips)


def _clips_of_subject(scans: Sequence[Scan]) -> list[Clip]:
    performances = _performances(scans)
    shown_already = {clip.scans for clip in performances}
    alone = [Clip((scan,), stands_alone=True) for scan in scans if (scan,) not in shown_already]
    return performances + alone


def _performances(scans: Sequence[Scan]) -> list[Clip]:
    neutral = [scan for scan in scans if scan.id.expression is None][:1]
    clips = []
    for expression in EXPRESSIONS:
        levels = [scan for scan in scans if scan.id.expression is expression]
        if levels:
            clips.append(Clip((*neutral, *levels)))
    return clips or [Clip(tuple(neutral))]


@cache
def storyboard(scan_count: int) -> tuple[Shot, ...]:
    """Return the frames of a clip of so many scans, up to the apex and down again."""
    apex = scan_count - 1
    if apex == 0:
        return (Shot(0, 0, 0.0),) * (2 * REST_FRAMES + 2 * MOVE_FRAMES + APEX_FRAMES)
    stations = [*range(scan_count), *reversed(range(apex))]
    shots = [Shot(0, 0, 0.0)] * REST_FRAMES
    for start, end in pairwise(stations):
        shots += _move(start, end)
        shots += [Shot(end, end, 0.0)] * _hold(end, apex)
    return tuple(shots)


def _hold(scan: int, apex: int) -> int:
    if scan == apex:
        return APEX_FRAMES
    return REST_FRAMES if scan == 0 else PASS_FRAMES


def _move(start: int, end: int) -> list[Shot]:
    steps = (step / (MOVE_FRAMES + 1) for step in range(1, MOVE_FRAMES + 1))
    return [Shot(start, end, round(0.5 - 0.5 * math.cos(math.pi * s), 4)) for s in steps]


def head_pose(time_s: float) -> Pose:
    """Return where the head is: a few degrees and millimetres of slow, unlike swings."""
    return Pose.turned(
        yaw_deg=7.0 * _swing(time_s, 5.3),
        pitch_deg=3.0 * _swing(time_s, 3.7),
        roll_deg=2.0 * _swing(time_s, 7.1),
        translation_mm=(
            12.0 * _swing(time_s, 6.1),
            5.0 * _swing(time_s, 4.3),
            10.0 * _swing(time_s, 8.9),
        ),
    )


def _swing(time_s: float, period_s: float) -> float:
    return math.sin(2 * math.pi * time_s / period_s)
