"""Videos stand upright as their display matrix says, and end well where they are damaged."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from camera_doubles import write_video

from app.sources import video
from app.sources.base import SourceError
from app.sources.video import VideoSource, has_pictures
from app.study.durable import PictureWriter
from fercore.errors import FercoreError
from fercore.io import images
from fercore.study.media import opened_video

if TYPE_CHECKING:
    from pathlib import Path

PLAIN, CLOCKWISE, COUNTER, UPSIDE_DOWN = (1, 0, 0, 1), (0, 1, -1, 0), (0, -1, 1, 0), (-1, 0, 0, -1)


def with_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write how the video's pictures are to be turned into its track header."""
    a, b, c, d = (0x10000 * value for value in matrix)
    content = path.read_bytes()
    plain = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    place = content.index(plain, content.index(b"tkhd"))
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content[:place] + turned + content[place + len(turned) :])


@pytest.mark.parametrize(
    ("matrix", "quarters"), [(PLAIN, 0), (CLOCKWISE, -1), (COUNTER, 1), (UPSIDE_DOWN, 2)]
)
def test_pictures_stand_as_the_matrix_says(tmp_path: Path, matrix, quarters: int) -> None:
    path = write_video(tmp_path / "v.mp4", 8)
    with_matrix(path, matrix)
    source = VideoSource(path)
    source.open()
    assert (source.frame_count, source.frame_rate_hz) == (8, 30.0)
    frames = list(iter(lambda: source.read(1), None))
    source.close()
    stored = np.zeros((64, 80, 3), bool)
    stored[:32, :, 0] = stored[32:, :, 2] = True
    np.testing.assert_array_equal(frames[0].rgb > 60, np.rot90(stored, quarters))
    assert [frame.timestamp_s for frame in frames] == pytest.approx(np.arange(8) / 30, abs=1e-3)


def test_a_cut_file_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 60)
    path.write_bytes(path.read_bytes()[:-2000])
    source = VideoSource(path)
    source.open()
    assert 0 < sum(1 for _ in iter(lambda: source.read(1), None)) < 60
    source.close()


def test_a_video_of_more_than_can_be_borne_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "v.mkv", 4)
    monkeypatch.setattr(images, "MOST_SIDE_PX", 70)
    monkeypatch.setattr(video, "_decoded", None)
    with pytest.raises(FercoreError, match="80×64 pixels, too large"):
        VideoSource(path).open()
    with pytest.raises(FercoreError, match="80×64 pixels, too large"):
        opened_video(path)


def test_a_track_that_no_decoder_knows_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "colour.mkv"
    writer = PictureWriter(path, "h264")
    writer.write(np.zeros((64, 80, 3), np.uint8), 0.0)
    writer.close()
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_NOBODYS/CODEC"))
    with pytest.raises(SourceError, match="no video that can be played"):
        VideoSource(path).open()
    with pytest.raises(FercoreError, match="cannot be decoded"):
        opened_video(path)


def test_words_that_are_damaged_do_not_cost_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "colour.mkv"
    writer = PictureWriter(path, "h264")
    writer.write(np.zeros((64, 80, 3), np.uint8), 0.0)
    writer.close()
    content = path.read_bytes()
    assert b"Lavf" in content
    path.write_bytes(content.replace(b"Lavf", b"\xff\xfe\x80\xff"))
    assert has_pictures(path)
    source = VideoSource(path)
    source.open()
    assert source.read(1) is not None
    source.close()
    opened_video(path).close()


@pytest.mark.parametrize(
    "content", [b"", b"no video", b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3\xa3B\x86\x81\x01"]
)
def test_what_is_no_video_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(SourceError, match="no video that can be played"):
        VideoSource(tmp_path / "v.mp4").open()
