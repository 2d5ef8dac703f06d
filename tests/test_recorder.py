from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from app.headless.output import VideoWriter
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = np.full((48, 64, 3), 90, np.uint8)


def video_frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_video_is_what_every_player_shows(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    rgb = np.zeros((61, 81, 3), np.uint8)
    rgb[:, :40] = (200, 30, 30)
    with VideoWriter(path, 30.0) as video:
        for _ in range(40):
            video.write(rgb)
    frames = video_frames(path)
    assert len(frames) == 40
    assert (frames[0].width, frames[0].height) == (80, 60)
    assert frames[0].format.name == "yuv420p"
    shown = frames[20].to_ndarray(format="rgb24")
    assert abs(shown[30, 10].astype(int) - (200, 30, 30)).max() < 20
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].average_rate == 30


def test_a_video_cut_short_still_plays(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, 30.0) as video:
        for _ in range(120):
            video.write(rng.integers(0, 256, (64, 64, 3), np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    whole = []
    with (
        av.open(str(path)) as container,
        contextlib.suppress(av.error.InvalidDataError),  # the frame that was cut in two
    ):
        for frame in container.decode(video=0):
            whole.append(frame)
    assert len(whole) >= 30


def test_a_file_that_cannot_be_created_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(FercoreError, match=r"v\.mp4 cannot be written .*; choose another folder"),
        VideoWriter(tmp_path / "missing" / "v.mp4", 30.0),
    ):
        pass


def test_a_failure_inside_the_block_comes_first_and_leaves_a_video(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with pytest.raises(ZeroDivisionError), VideoWriter(path, 30.0) as video:
        for _ in range(5):
            video.write(PICTURE)
        raise ZeroDivisionError
    assert len(video_frames(path)) == 5


def test_the_writer_refuses_work_outside_its_block(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "v.mp4", 30.0)
    with pytest.raises(ValueError, match="with block"):
        writer.write(PICTURE)
    with writer:
        writer.write(PICTURE)
    with pytest.raises(ValueError, match="with block"):
        writer.write(PICTURE)
