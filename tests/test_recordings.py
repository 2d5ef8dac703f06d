"""Recordings: what is read from them, and what is said of damaged ones."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from app_doubles import frames_of
from camera_doubles import (
    DEPTH_UNIT_M,
    FACE_M,
    PERIOD_S,
    SIZE,
    SoftCamera,
    record,
    write_pictures,
    write_video,
)

from app.sources.base import Seekable, SourceError
from app.sources.choice import opened_source, source_named
from app.sources.pictures.pairing import look_into
from app.sources.pictures.source import PictureSource
from app.sources.realsense.recording import RecordingSource
from app.sources.scans.replay import ReplaySource
from app.sources.video import VideoSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.structures import UInt8Array


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "face.db3"
    record(str(path), 12)
    return path


def test_every_recorded_frame_is_played_with_its_depth(recorded: Path) -> None:
    frames = frames_of(recorded)
    # The first frame comes as two single ones, while the SDK learns of the streams.
    assert len(frames) == 11
    assert all(frame.depth_m is not None for frame in frames)
    depth_m = frames[5].depth_m
    assert depth_m is not None
    assert np.nanmedian(depth_m) == pytest.approx(FACE_M, abs=0.003)
    assert frames[0].intrinsics is not None and frames[0].intrinsics.width == SIZE[0]
    assert frames[-1].timestamp_s == pytest.approx(10 / 30, abs=0.1)


def test_any_moment_of_a_recording_is_gone_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_bright_as_its_number(self: SoftCamera, index: int) -> tuple[UInt8Array, Any]:
        time.sleep(0.3 * (index == 30))  # files are as long as it takes to write them
        rgb = np.full((SIZE[1], SIZE[0], 3), 20 + 4 * index, np.uint8)
        return rgb, np.full(rgb.shape[:2], round(FACE_M / DEPTH_UNIT_M), np.uint16)

    monkeypatch.setattr(SoftCamera, "_noise", as_bright_as_its_number)
    # The camera drops six frames after the thirtieth.
    record(str(tmp_path / "r.db3"), 45, shift_s=lambda index: 0.2 * (index >= 30))
    source = opened_source(str(tmp_path / "r.db3"))
    assert isinstance(source, Seekable)
    shown: dict[int, float] = {}
    while (frame := source.read(1.0)) is not None:
        shown[source.place] = frame.rgb.mean()
    assert list(shown) == [*range(29), *range(35, 50)]  # the first comes as two single ones
    for place in (10, 3, 0, 20, 21, 5, 1, 48, 0, 40):
        source.go_to(place)
        frame = source.read(1.0)
        assert frame is not None and frame.depth_m is not None and frame.remark == ""
        assert (source.place, frame.rgb.mean()) == (place, pytest.approx(shown[place], abs=1))
    source.go_to(31)  # was dropped
    assert source.read(1.0) is not None and source.place == 35
    source.go_to(source.frame_count - 1)
    assert source.read(1.0) is not None and source.place == 49 and source.read(1.0) is None
    source.seek(0)
    assert source.read(1.0) is not None and source.place == 0
    source.close()


@pytest.mark.parametrize(
    "shift_s",
    [
        lambda index: -4294.967296 * (index >= 8),  # 32 bits of microseconds are over
        lambda index: -3600.0 * (index >= 8),
        lambda index: 86400.0 * (index >= 8),
    ],
    ids=["wraps", "set back", "leaps"],
)
def test_time_goes_on_where_a_recordings_clock_does_not(
    tmp_path: Path, shift_s: Callable[[int], float]
) -> None:
    record(str(tmp_path / "r.db3"), 16, shift_s=lambda index: 4290.0 + shift_s(index))
    frames = frames_of(tmp_path / "r.db3")
    steps_s = np.diff([frame.timestamp_s for frame in frames])
    assert len(frames) >= 12 and steps_s == pytest.approx(1 / 30, abs=0.04)
    assert sum("clock leapt" in frame.remark for frame in frames) == 1


def test_time_goes_on_where_a_recordings_clock_stands_still(tmp_path: Path) -> None:
    still = tmp_path / "r.db3"
    record(str(still), 16, shift_s=lambda index: 4290.0 - PERIOD_S * max(0, index - 6))
    frames = frames_of(still)
    assert len(frames) > 8  # the SDK itself pairs fewer
    assert np.diff([frame.timestamp_s for frame in frames]) == pytest.approx(1 / 30, abs=0.04)
    assert "clock stands still" in frames[-1].remark and not frames[1].remark


def test_a_recording_without_colour_is_refused(tmp_path: Path) -> None:
    record(str(tmp_path / "r.db3"), 8, streams=("depth",))
    source = opened_source(str(tmp_path / "r.db3"))
    with pytest.raises(SourceError, match="holds no colour picture"):
        source.read(5)
    source.close()


def test_a_recording_plays_alike_each_time(recorded: Path) -> None:
    first, second = frames_of(recorded), frames_of(recorded)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert (one.rgb == other.rgb).all() and one.timestamp_s == other.timestamp_s


def test_a_paused_recording_can_be_closed(recorded: Path) -> None:
    source = opened_source(str(recorded))
    assert source.read(5) is not None
    source.close()


def test_content_decides_not_the_name(recorded: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "face.mp4"
    renamed.write_bytes(recorded.read_bytes())
    assert isinstance(source_named(str(renamed)), RecordingSource)
    (tmp_path / "b.wrl").write_bytes(b"#ROSBAG V2.0\n" + bytes(99))
    assert isinstance(source_named(str(tmp_path / "b.wrl")), RecordingSource)
    assert isinstance(source_named(str(write_video(tmp_path / "v.db3", 2))), VideoSource)


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("head", [b"#ROSBAG V2.0\n", b"SQLite format 3\0"])
def test_damaged_recordings_are_one_sentence(
    recorded: Path, tmp_path: Path, head: bytes, share: float
) -> None:
    content = recorded.read_bytes()
    damaged = tmp_path / "damaged.db3"
    damaged.write_bytes(head + content[len(head) : max(100, int(share * len(content)))])
    with pytest.raises(SourceError, match=r"damaged\.db3 is no recording.*record it again"):
        opened_source(str(damaged))


def test_a_video_is_colour_alone_in_the_right_order(tmp_path: Path) -> None:
    frames = frames_of(write_video(tmp_path / "v.mp4", 8))
    assert len(frames) == 8
    assert all(frame.depth_m is None for frame in frames)
    red, _, blue = frames[7].rgb[10, 40]
    assert red > 120 > 60 > blue
    assert [f.timestamp_s for f in frames] == pytest.approx([i / 30 for i in range(8)], abs=0.002)


def test_a_shortened_video_plays_to_its_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 60)
    content = path.read_bytes()
    path.write_bytes(content[: int(0.8 * len(content))])
    assert 0 < len(frames_of(path)) <= 60


def test_a_video_without_stamps_is_timed_by_its_frame_rate(tmp_path: Path) -> None:
    bare = tmp_path / "v.h264"
    with av.open(str(bare), "w", format="h264") as file:
        write_stream(file, "libx264", "yuv420p", np.full((64, 80, 3), 128, np.uint8))
    frames = frames_of(bare)
    times_s = [frame.timestamp_s for frame in frames]
    assert np.diff(times_s) == pytest.approx(times_s[1], abs=1e-6) and times_s[1] > 0.01
    assert all("no time stamps" in frame.remark for frame in frames)


def test_the_colour_of_a_video_is_played_though_depth_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as file:
        write_stream(file, "ffv1", "gray16le", np.full((64, 80), 1000, np.uint16))
    with pytest.raises(SourceError, match="nothing that can be played"):
        source_named(str(path))
    with av.open(str(path), "w") as file:
        depth = file.add_stream("ffv1", rate=30, width=80, height=64, pix_fmt="gray16le")
        colour = file.add_stream("ffv1", rate=30, width=80, height=64, pix_fmt="bgr0")
        red = np.full((64, 80, 3), (200, 20, 20), np.uint8)
        for index in range(4):
            for stream, pixels, form in (
                (depth, np.full((64, 80), 1000, np.uint16), "gray16le"),
                (colour, red, "rgb24"),
            ):
                frame = av.VideoFrame.from_ndarray(pixels, format=form)
                frame.pts = index
                file.mux(stream.encode(frame))
        for stream in (depth, colour):
            file.mux(stream.encode())
    frames = frames_of(path)
    assert len(frames) == 4 and (frames[0].rgb[0, 0] == (200, 20, 20)).all()


def write_stream(file: Any, codec: str, form: str, pixels: NDArray[Any]) -> None:
    """Write four frames of one picture."""
    height, width = pixels.shape[:2]
    stream = file.add_stream(codec, rate=30, width=width, height=height, pix_fmt=form)
    for index in range(4):
        frame = av.VideoFrame.from_ndarray(
            pixels, format="gray16le" if pixels.ndim == 2 else "rgb24"
        )
        frame.pts = index
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def test_an_unfinished_mp4_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as file:
        write_stream(file, "libx264", "yuv420p", np.full((64, 80, 3), 128, np.uint8))
    content = path.read_bytes()
    assert content.index(b"mdat") < content.index(b"moov")
    path.write_bytes(content[: content.index(b"moov") - 40])
    with pytest.raises(SourceError, match="never finished; record it again"):
        source_named(str(path))


def test_a_cut_mp4_is_not_told_to_become_one(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        write_stream(file, "libx264", "yuv420p", np.full((64, 80, 3), 128, np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 6])
    with pytest.raises(SourceError, match="is cut off; copy or record it again"):
        opened_source(str(path))


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(3000)])
def test_what_is_no_video_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(content)
    with pytest.raises(
        SourceError, match=r"v\.mp4 is nothing that can be played; a video: convert"
    ):
        opened_source(str(path))
    with pytest.raises(SourceError, match=r"v\.mp4 is no video that can be played"):
        VideoSource(path).open()


def test_a_pipe_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(SourceError, match="no regular file"):
        source_named(str(tmp_path / "pipe.mp4"))


def test_the_pictures_of_a_scan_are_no_recording(tmp_path: Path) -> None:
    from app_doubles import write_tree

    root = write_tree(tmp_path, "F9001_HA04WH")
    assert look_into(root / "F9001").pairs
    assert isinstance(source_named(str(root / "F9001")), ReplaySource)
    assert isinstance(source_named(str(root)), ReplaySource)
    assert isinstance(source_named(str(write_pictures(tmp_path / "p", 1))), PictureSource)


@pytest.mark.parametrize("word", ["nowhere", "webcam:first", "synthetic:7", "sample:2"])
def test_a_name_that_names_nothing(word: str) -> None:
    with pytest.raises(SourceError):
        source_named(word)
