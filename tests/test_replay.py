from __future__ import annotations

import logging
import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_doubles import write_tree
from bu3dfe_fixtures import grid_wrl, write_scan

from app.sources.base import Replay, SourceError
from app.sources.choice import source_named
from app.sources.scans.performance import (
    APEX_FRAMES,
    REST_FRAMES,
    Shot,
    arrange,
    head_pose,
    storyboard,
)
from app.sources.scans.replay import CAMERA, ReplaySource
from app.sources.scans.stage import ClipStage
from fercore.datasets.bu3dfe import Bu3dfe
from fercore.errors import FercoreError
from fercore.expressions import Expression

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.structures import RGBDFrame


def opened(root: Path) -> ReplaySource:
    source = ReplaySource(Bu3dfe(root).scans(), str(root))
    source.open()
    return source


def play(root: Path) -> list[RGBDFrame]:
    source = opened(root)
    frames = []
    while (frame := source.read(1)) is not None:
        frames.append(frame)
    source.close()
    return frames


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a subject with a neutral face and one expression."""
    return write_tree(tmp_path_factory.mktemp("pair"), "F9001_NE00WH", "F9001_SU03WH")


def test_storyboard_goes_up_to_the_apex_and_down_again() -> None:
    shots = storyboard(3)
    assert shots[0] == shots[-1] == Shot(0, 0, 0.0)
    assert [shot for shot in shots if shot == (2, 2, 0.0)] == [Shot(2, 2, 0.0)] * APEX_FRAMES
    seen = [shot.nearest for shot in shots]
    assert seen == seen[::-1]
    assert sorted(seen[: len(seen) // 2]) == seen[: len(seen) // 2]


def test_one_and_a_half_seconds_for_a_neutral_face_and_one_level() -> None:
    assert len(storyboard(2)) == len(storyboard(1)) == 45


def test_the_head_moves_slightly_and_smoothly() -> None:
    poses = [head_pose(index / 30) for index in range(300)]
    angles = [math.degrees(math.acos((np.trace(p.rotation) - 1) / 2)) for p in poses]
    assert 4 < max(angles) < 12
    shifts = np.array([pose.translation_mm for pose in poses])
    assert np.abs(np.diff(shifts, axis=0)).max() < 1.0
    assert np.ptp(shifts, axis=0).min() > 5


def test_frames_look_like_a_depth_cameras(pair: Path) -> None:
    source = opened(pair)
    frame = source.read(1)
    source.close()
    assert frame is not None
    assert frame.rgb.shape == (480, 640, 3)
    assert frame.intrinsics == CAMERA
    assert frame.depth_m is not None
    assert 0.35 < np.nanmedian(frame.depth_m) < 0.6
    assert 0.005 < np.isfinite(frame.depth_m).mean() < 0.6


def test_truth_is_the_expression_except_while_neutral(pair: Path) -> None:
    frames = play(pair)
    truths = [frame.truth for frame in frames]
    assert set(truths[:REST_FRAMES]) == set(truths[-REST_FRAMES:]) == {None}
    apex = [frame for frame in frames if frame.truth is not None]
    assert {frame.truth for frame in apex} == {Expression.SURPRISE}
    assert {frame.origin for frame in apex} == {"F9001_SU03WH"}
    assert len(apex) >= APEX_FRAMES


def test_every_frame_comes_thirty_times_a_second(pair: Path) -> None:
    frames = play(pair)
    source = opened(pair)
    assert len(frames) == source.frame_count == 45
    source.close()
    assert [frame.timestamp_s for frame in frames] == [index / 30 for index in range(45)]


def test_is_the_same_every_time(pair: Path) -> None:
    one, other = play(pair), play(pair)
    assert all((a.rgb == b.rgb).all() for a, b in zip(one, other, strict=True))


def test_levels_follow_one_another(tmp_path: Path) -> None:
    names = [f"F9001_{code}WH" for code in ("NE00", "AN01", "AN02", "AN04")]
    frames = play(write_tree(tmp_path, *reversed(names)))
    origins = list(dict.fromkeys(frame.origin for frame in frames))
    assert origins == names
    assert frames[-1].origin == names[0]


def test_all_expressions_of_all_subjects_play_in_order(tmp_path: Path) -> None:
    write_tree(tmp_path, "F9001_SU04WH", "F9001_AN04WH", "M9002_HA04WH", "M9003_NE00WH")
    source = opened(tmp_path)
    source.close()
    titles = [(clip.subject, clip.label) for clip in source.clips]
    assert titles == [
        ("F9001", "anger, level 4"),
        ("F9001", "surprise, level 4"),
        ("M9002", "happiness, level 4"),
        ("M9003", "neutral"),
    ]


def test_every_single_scan_is_a_clip_that_stands_alone(tmp_path: Path) -> None:
    names = [f"F9001_{code}WH" for code in ("NE00", "HA01", "HA04", "AN03")]
    source = opened(write_tree(tmp_path, *names))
    source.close()
    titles = [(clip.label, clip.stands_alone) for clip in source.clips]
    assert titles == [
        ("anger, up to level 3", False),
        ("happiness, up to level 4", False),
        ("neutral", True),
        ("anger, level 3", True),
        ("happiness, level 1", True),
        ("happiness, level 4", True),
    ]


def test_scans_that_stand_alone_are_no_part_of_the_sequence(tmp_path: Path) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_AN03WH", "M9002_NE00WH", "M9002_SA02WH")
    frames = play(tmp_path)
    source = opened(tmp_path)
    source.close()
    assert len(frames) == source.frame_count == 90
    origins = list(dict.fromkeys(frame.origin for frame in frames))
    assert origins == ["F9001_NE00WH", "F9001_AN03WH", "M9002_NE00WH", "M9002_SA02WH"]


def test_a_scan_that_stands_alone_is_shown_until_another_clip_is_chosen(pair: Path) -> None:
    source = opened(pair)
    alone = next(i for i, clip in enumerate(source.clips) if clip.label == "surprise, level 3")
    source.seek(alone)
    frames = [source.read(1) for _ in range(100)]
    assert {frame.origin for frame in frames if frame} == {"F9001_SU03WH"}
    assert source.position == alone
    assert [frame.index for frame in frames if frame] == list(range(100))
    source.seek(0)
    frame = source.read(1)
    source.close()
    assert frame is not None and frame.origin == "F9001_NE00WH"


def test_a_broken_scan_chosen_alone_gives_way_to_what_plays_next(tmp_path: Path) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_AN03WH", "F9001_AN04WH", "M9002_SA02WH")
    (tmp_path / "F9001" / "F9001_AN03WH_F3D.wrl").write_text("#VRML V2.0 utf8\n")
    source = opened(tmp_path)
    source.seek(next(i for i, c in enumerate(source.clips) if c.label == "anger, level 3"))
    frame = source.read(1)
    source.close()
    assert frame is not None and frame.origin == "M9002_SA02WH"


def test_loose_parts_of_a_scan_neither_show_nor_shift_the_head(tmp_path: Path) -> None:
    whole = write_tree(tmp_path / "whole", "F9001_NE00WH", "F9001_HA04WH")
    littered = tmp_path / "littered"
    for name in ("F9001_NE00WH", "F9001_HA04WH"):
        write_scan(littered, name, with_loose_triangle(grid_wrl(24, 30)))
    for one, other in zip(play(whole), play(littered), strict=True):
        assert (one.rgb == other.rgb).all()
        np.testing.assert_array_equal(one.depth_m, other.depth_m)


def test_the_samples_scans_still_blend(sample_root: Path) -> None:
    stage = ClipStage(arrange(Bu3dfe(sample_root).scans())[0])
    shots = (Shot(0, 0, 0.0), storyboard(2)[REST_FRAMES + 2], Shot(1, 1, 0.0))
    views = [stage.render(shot, CAMERA, head_pose(0.0), 460.0).depth_m for shot in shots]
    changes_mm = [1000 * np.nanmax(np.abs(views[1] - view)) for view in (views[0], views[2])]
    assert 0 < shots[1].weight < 1
    assert min(changes_mm) > 0.5


def with_loose_triangle(wrl: str) -> str:
    """Return the same mesh and, far off at one side, a small triangle of its own."""
    first = 24 * 30  # the number of its first vertex
    for end, extra in (
        ("\n      ]\n    }\n    coordIndex", "\n150 0 60,\n160 0 60,\n150 10 60,"),
        ("\n    ]\n    texCoord Texture", f"\n{first}, {first + 1}, {first + 2}, -1,"),
        ("\n      ]\n    }\n    texCoordIndex", "\n0 0,\n1 0,\n0 1,"),
        ("\n    ]\n  }\n}", f"\n{first}, {first + 1}, {first + 2}, -1,"),
    ):
        assert wrl.count(end) == 1
        wrl = wrl.replace(end, extra + end)
    return wrl


def widened(wrl: str, factor: float) -> str:
    """Return the same mesh, `factor` times as wide."""
    triplet = re.compile(r"(-?[\d.]+)( -?[\d.]+ -?[\d.]+,)$", re.MULTILINE)
    return triplet.sub(lambda found: f"{factor * float(found[1]):.6f}{found[2]}", wrl)


def test_shapes_are_blended_where_the_triangles_are_the_same(tmp_path: Path) -> None:
    write_scan(tmp_path, "F9001_NE00WH", grid_wrl(24, 30))
    write_scan(tmp_path, "F9001_HA04WH", widened(grid_wrl(24, 30), 1.5))
    rise = play(tmp_path)[REST_FRAMES - 1 : REST_FRAMES + 7]
    areas = np.array([np.isfinite(frame.depth_m).sum() for frame in rise], float)
    assert 1.4 < areas[-1] / areas[0] < 1.6
    steps = np.diff(areas) / (areas[-1] - areas[0])
    assert steps.min() > 0
    assert steps.max() < 0.3


def test_scans_of_different_topology_change_over_at_half_way(tmp_path: Path) -> None:
    write_scan(tmp_path, "F9001_NE00WH", grid_wrl(24, 30))
    write_scan(tmp_path, "F9001_HA04WH", widened(grid_wrl(20, 40), 1.3))
    frames = play(tmp_path)
    areas = [int(np.isfinite(frame.depth_m).sum()) for frame in frames]
    jumps = np.flatnonzero(np.abs(np.diff(areas)) > 0.02 * max(areas)) + 1
    changes = [i for i in range(1, len(frames)) if frames[i].origin != frames[i - 1].origin]
    assert jumps.tolist() == changes
    assert len(changes) == 2


def test_a_broken_scan_is_skipped_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_AN03WH", "F9001_AN04WH", "F9001_DI04WH")
    (tmp_path / "F9001" / "F9001_AN03WH_F3D.wrl").write_text("#VRML V2.0 utf8\n")
    (tmp_path / "F9001" / "F9001_DI04WH_F3D.wrl").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "app"):
        frames = play(tmp_path)
    assert {frame.origin for frame in frames} == {"F9001_NE00WH", "F9001_AN04WH"}
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert "F9001_AN03WH_F3D.wrl" in caplog.text
    assert "F9001_DI04WH_F3D.wrl" in caplog.text


def test_a_single_broken_scan_is_refused_with_its_reason(tmp_path: Path) -> None:
    write_tree(tmp_path, "F9001_AN03WH")
    broken = tmp_path / "F9001" / "F9001_AN03WH_F3D.wrl"
    broken.write_bytes(b"\x00\x01\x02")
    source = source_named(str(broken))
    with pytest.raises(SourceError, match=r"F9001_AN03WH_F3D\.wrl"):
        source.open()
    source.close()


def test_a_tree_without_a_readable_scan_is_refused(tmp_path: Path) -> None:
    write_tree(tmp_path, "F9001_AN03WH", "F9001_DI03WH")
    for wrl in tmp_path.rglob("*_F3D.wrl"):
        wrl.write_text("nonsense")
    source = ReplaySource(Bu3dfe(tmp_path).scans(), "tree")
    with pytest.raises(SourceError, match="no scan of tree can be read"):
        source.open()
    source.close()


def test_seek_goes_to_a_clip_and_time_runs_on(tmp_path: Path) -> None:
    write_tree(tmp_path, "F9001_AN04WH", "F9001_FE04WH", "F9001_SA04WH")
    source = opened(tmp_path)
    assert isinstance(source, Replay)
    before = source.read(1)
    source.seek(2)
    after = source.read(1)
    source.close()
    assert before is not None and after is not None
    assert (before.truth, after.truth) == (Expression.ANGER, Expression.SADNESS)
    assert (before.index, after.index) == (0, 1)
    assert source.position == 2


def test_skip_passes_over_frames_but_never_over_a_clips_end(pair: Path) -> None:
    source = opened(pair)
    source.skip(10)
    frame = source.read(1)
    assert frame is not None and frame.index == 10
    source.skip(1000)
    last = source.read(1)
    assert last is not None and last.index == 44
    assert source.read(1) is None
    source.close()


def test_a_subject_folder_and_a_single_scan_are_sources_too(tmp_path: Path) -> None:
    write_tree(tmp_path, "F9001_NE00WH", "F9001_AN04WH", "M9002_AN04WH")
    subject = source_named(str(tmp_path / "M9002"))
    scan = source_named(str(tmp_path / "F9001" / "F9001_AN04WH_F3D.wrl"))
    assert isinstance(subject, Replay) and isinstance(scan, Replay)
    assert [clip.subject for clip in subject.clips] == ["M9002"]
    scan.open()
    frame = scan.read(1)
    scan.close()
    assert frame is not None and frame.truth is Expression.ANGER


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes.txt"])
def test_what_is_no_source_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no scan")
    with pytest.raises(FercoreError, match=name) as caught:
        source_named(str(tmp_path / name))
    assert "\n" not in str(caught.value)
