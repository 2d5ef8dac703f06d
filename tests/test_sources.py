"""What every source of frames must do; a new source joins by one line in SOURCES."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from app_doubles import write_tree

from app.sources.base import FrameSource, SourceError
from app.sources.choice import full_name, opened_source, source_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fercore.structures import RGBDFrame


def replay(folder: Path) -> FrameSource:
    return source_named(str(write_tree(folder, "F9001_NE00WH", "F9001_HA04WH")))


SOURCES = {"replay": replay}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FrameSource]:
    made = SOURCES[request.param](tmp_path)
    yield made
    made.close()


def read(source: FrameSource) -> RGBDFrame:
    frame = source.read(5)
    assert frame is not None
    return frame


def test_fulfils_the_protocol_and_has_a_name(source: FrameSource) -> None:
    assert isinstance(source, FrameSource)
    assert source.name


def test_frames_are_numbered_and_run_forward_in_time(source: FrameSource) -> None:
    source.open()
    frames = [read(source) for _ in range(4)]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    times_s = [frame.timestamp_s for frame in frames]
    assert times_s == sorted(set(times_s))


def test_colour_and_depth_are_aligned_and_in_metres(source: FrameSource) -> None:
    source.open()
    frame = read(source)
    assert frame.rgb.std() > 0
    assert frame.depth_m is not None and frame.depth_m.shape == frame.rgb.shape[:2]
    known = frame.depth_m[frame.depth_m == frame.depth_m]
    assert known.size and 0.1 < known.min() <= known.max() < 3


def test_frames_own_their_arrays(source: FrameSource) -> None:
    source.open()
    first = read(source)
    kept = first.rgb.copy()
    for _ in range(3):
        read(source)
    assert (first.rgb == kept).all()


def test_ends_with_none_and_stays_ended(source: FrameSource) -> None:
    source.open()
    while source.read(5) is not None:
        pass
    assert source.read(5) is None


def test_close_is_safe_twice_and_before_open(source: FrameSource) -> None:
    source.close()
    source.open()
    source.close()
    source.close()


def test_close_ends_every_thread(source: FrameSource) -> None:
    before = threading.active_count()
    source.open()
    read(source)
    source.close()
    assert threading.active_count() == before


def test_opens_again_from_the_start(source: FrameSource) -> None:
    source.open()
    first = read(source)
    read(source)
    source.close()
    source.open()
    again = read(source)
    assert again.index == 0
    assert (again.rgb == first.rgb).all()


def test_reading_a_closed_source_is_an_error(source: FrameSource) -> None:
    with pytest.raises(SourceError):
        source.read(1)


def test_a_source_has_one_name_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert full_name("sample") == "sample"
    assert full_name("./sample") == str(tmp_path / "sample")
    assert full_name("faces/../more") == str(tmp_path / "more")
    assert full_name("~/faces") == str(tmp_path / "home" / "faces")


def test_an_opened_source_can_be_read_at_once(tmp_path: Path) -> None:
    source = opened_source(str(write_tree(tmp_path, "F9001_HA04WH")))
    assert read(source).index == 0
    source.close()


def test_a_source_that_does_not_open_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    write_tree(tmp_path, "F9001_HA04WH")
    (tmp_path / "F9001" / "F9001_HA04WH_F3D.wrl").write_text("nonsense")
    with pytest.raises(SourceError):
        opened_source(str(tmp_path))
    assert threading.active_count() == before
