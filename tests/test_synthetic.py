"""The synthetic camera: the same every time, at a camera's pace, with a camera's noise."""

from __future__ import annotations

import time

import numpy as np
import pytest

from app.sources.base import SourceError, SourceTimeout
from app.sources.scans import synthetic
from app.sources.scans.synthetic import WALL_M, Actor, SyntheticSource
from fercore.structures import RGBDFrame


def first_frames(who: str, count: int) -> list[RGBDFrame]:
    source = SyntheticSource(who, paced=False)
    source.open()
    frames = [frame for frame in (source.read(1) for _ in range(count)) if frame is not None]
    source.close()
    return frames


def test_is_the_same_every_time() -> None:
    for one, other in zip(first_frames("1", 3), first_frames("1", 3), strict=True):
        assert (one.rgb == other.rgb).all()
        assert np.array_equal(one.depth_m, other.depth_m, equal_nan=True)


def test_a_face_before_a_wall_with_unknown_depth_at_its_edge() -> None:
    depth_m = first_frames("1", 1)[0].depth_m
    assert depth_m is not None
    assert depth_m[0, 0] == pytest.approx(WALL_M, abs=0.03)
    near = depth_m < 0.6
    assert 0.05 < near.mean() < 0.3
    assert 0.002 < np.isnan(depth_m).mean() < 0.02
    middle = depth_m[230:250, 310:330]
    assert 0.35 < np.nanmean(middle) < 0.5


def test_both_faces_are_there_the_second_further_away() -> None:
    depth_m = first_frames("both", 1)[0].depth_m
    assert depth_m is not None
    left, right = np.nanmin(depth_m[:, :320]), np.nanmin(depth_m[:, 320:])
    assert left < 0.5 < 0.55 < right < 0.9


def test_keeps_a_cameras_pace() -> None:
    source = SyntheticSource()
    source.open()
    source.prerender(12)
    started_s = time.monotonic()
    for _ in range(12):
        source.read(1)
    assert 0.3 < time.monotonic() - started_s < 1.0
    with pytest.raises(SourceTimeout):
        source.read(0.0)
    source.close()


def test_there_is_no_third_face() -> None:
    with pytest.raises(SourceError, match="no synthetic face 3; there are 1, 2, both"):
        SyntheticSource("3")


class ShortReplay:
    """Three frames, each with its number as the only grey; then the end."""

    def __init__(self, *_: object) -> None:
        self.left = [0, 1, 2]

    def open(self) -> None:
        self.left = [0, 1, 2]

    def close(self) -> None:
        pass

    def read(self, timeout_s: float) -> RGBDFrame | None:
        if not self.left:
            return None
        index = self.left.pop(0)
        rgb = np.full((8, 8, 3), index, np.uint8)
        return RGBDFrame(rgb, np.full((8, 8), 0.5, np.float32), None, 0.0, index)


def test_the_performance_turns_back_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "ReplaySource", ShortReplay)
    performer = Actor([], "short", 0, 1.0)
    performer.open()
    assert [int(performer.at(i).rgb[0, 0, 0]) for i in range(9)] == [0, 1, 2, 2, 1, 0, 0, 1, 2]
    performer.close()
    performer.open()
    assert int(performer.at(4).rgb[0, 0, 0]) == 1
