"""What every source of frames must do; a new source joins by one line in SOURCES.

Cameras that are not there are stood in for: RealSense by the SDK's own software device,
the webcam by a stand-in for OpenCV's capture. There is no `.bag` to test with: the SDK
reads that format but writes it no more; it takes the same path as `.db3`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from app_doubles import write_tree
from camera_doubles import Bench, FakeCapture, record, write_pictures, write_video

from app.sources.base import Condition, FrameSource, Health, LiveSource, Replay, SourceError
from app.sources.choice import full_name, opened_source, source_named
from app.sources.realsense.camera import RealSenseSource
from app.sources.scans.synthetic import SyntheticSource
from app.sources.webcam import WebcamSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fercore.structures import RGBDFrame

    Maker = Callable[[Path, Bench], FrameSource]


def replay(folder: Path, _bench: Bench) -> FrameSource:
    return source_named(str(write_tree(folder, "F9001_NE00WH", "F9001_HA04WH")))


def recording(folder: Path, _bench: Bench) -> FrameSource:
    record(str(folder / "r.db3"), 12)
    return source_named(str(folder / "r.db3"))


def video(folder: Path, _bench: Bench) -> FrameSource:
    return source_named(str(write_video(folder / "v.mp4", 8)))


def pictures(folder: Path, _bench: Bench) -> FrameSource:
    return source_named(str(write_pictures(folder / "p", 6)))


def realsense(_folder: Path, bench: Bench) -> FrameSource:
    bench.plug_in()
    return RealSenseSource(bus=bench)


def webcam(_folder: Path, _bench: Bench) -> FrameSource:
    return WebcamSource(0, FakeCapture)


def synthetic(_folder: Path, _bench: Bench) -> FrameSource:
    return SyntheticSource(paced=False)


REPLAYS: dict[str, Maker] = {
    "replay": replay,
    "recording": recording,
    "video": video,
    "pictures": pictures,
}
CAMERAS: dict[str, Maker] = {"realsense": realsense, "webcam": webcam, "synthetic": synthetic}
SOURCES = REPLAYS | CAMERAS
COLOUR_ONLY = {"video", "webcam"}


@pytest.fixture(params=SOURCES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(kind: str, tmp_path: Path, bench: Bench) -> Iterator[FrameSource]:
    made = SOURCES[kind](tmp_path, bench)
    yield made
    made.close()


def read(source: FrameSource) -> RGBDFrame:
    frame = source.read(5)
    assert frame is not None
    return frame


def test_fulfils_the_protocol_and_has_a_name(source: FrameSource, kind: str) -> None:
    assert isinstance(source, FrameSource)
    assert isinstance(source, Replay) is (kind in REPLAYS)
    assert isinstance(source, LiveSource) is (kind in CAMERAS)
    assert source.name


def test_frames_are_numbered_and_run_forward_in_time(source: FrameSource) -> None:
    source.open()
    frames = [read(source) for _ in range(4)]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    times_s = [frame.timestamp_s for frame in frames]
    assert times_s == sorted(set(times_s))
    assert times_s[-1] < 2


def test_colour_and_depth_are_aligned_and_in_metres(source: FrameSource, kind: str) -> None:
    source.open()
    frame = read(source)
    assert frame.rgb.std() > 0
    if kind in COLOUR_ONLY:
        assert frame.depth_m is None
        return
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
    assert first.rgb.base is None or first.rgb.base.base is None


@pytest.mark.parametrize("kind", REPLAYS, indirect=True)
def test_ends_with_none_and_stays_ended(source: FrameSource) -> None:
    source.open()
    while source.read(5) is not None:
        pass
    assert source.read(5) is None


@pytest.mark.parametrize("kind", REPLAYS, indirect=True)
def test_starts_over_after_the_end(source: FrameSource) -> None:
    assert isinstance(source, Replay)
    source.open()
    first = last = read(source)
    while (frame := source.read(5)) is not None:
        last = frame
    source.seek(0)
    again = read(source)
    assert (again.rgb == first.rgb).all() or source.clips
    assert again.index == last.index + 1 and again.timestamp_s > last.timestamp_s


@pytest.mark.parametrize("kind", REPLAYS, indirect=True)
def test_passes_over_frames_and_counts_them(source: FrameSource) -> None:
    assert isinstance(source, Replay)
    source.open()
    assert source.frame_rate_hz > 0 and source.frame_count > 3
    before = read(source)
    source.skip(2)
    after = read(source)
    assert after.index == before.index + 3
    assert after.timestamp_s - before.timestamp_s == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("kind", CAMERAS, indirect=True)
def test_a_camera_tells_how_it_is_doing(source: FrameSource) -> None:
    assert isinstance(source, LiveSource)
    source.open()
    read(source)
    assert source.condition == Condition(Health.GOOD)


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


def test_opens_again_from_the_start(source: FrameSource, kind: str) -> None:
    source.open()
    first = read(source)
    read(source)
    source.close()
    source.open()
    again = read(source)
    assert again.index == 0
    assert kind in ("realsense", "webcam") or (again.rgb == first.rgb).all()


def test_reading_a_closed_source_is_an_error(source: FrameSource) -> None:
    with pytest.raises(SourceError):
        source.read(1)
    source.open()
    source.close()
    with pytest.raises(SourceError):
        source.read(1)


def test_a_source_has_one_name_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for word in ("sample", "realsense", "realsense:123", "webcam:1", "synthetic:both"):
        assert full_name(word) == word
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
