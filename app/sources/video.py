"""A video file: colour only, so that the RGB head judges it alone."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

import av
import numpy as np
from av.stream import Disposition

from app.sources.base import SourceError
from app.sources.recorded import Recorded, RecordedSource
from fercore.io.images import require_bearable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from fercore.structures import UInt8Array

FALLBACK_RATE_HZ = 30.0
_FASTEST_HZ = 1000.0
_QUARTER_DEG = 90
_NO_STAMPS = "the video has no time stamps; timed by the frame rate"
_DEPTH_FORMATS = ("gray9", "gray10", "gray12", "gray14", "gray16", "grayf")
_FAULTS = (av.error.FFmpegError, OSError, ValueError)  # not all of PyAV's are one of the others
_MOST_BOXES = 1000  # of an MP4 that are looked at


class VideoSource(RecordedSource):
    """Plays whatever FFmpeg decodes, upright as the file says.

    Telephones write their pictures as the sensor lies and note in a matrix how to show them.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._container: InputContainer | None = None
        self._frames: Iterator[VideoFrame] = iter(())
        self._stream: VideoStream | None = None
        self._rate_hz = FALLBACK_RATE_HZ
        self._count = 0
        self._first_s: float | None = None  # stamp of the first frame
        self._number = 0  # of the next frame

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second, by the file's own word."""
        return self._rate_hz

    @property
    def frame_count(self) -> int:
        """Number of frames, by the file's own word; 0 where it does not say."""
        return self._count

    def _start(self) -> None:
        if not self._path.is_file():
            raise SourceError(f"{self._path} does not exist; name a video file.")
        stream = self._opened()
        rate_hz = float(stream.average_rate or stream.guessed_rate or 0)
        self._rate_hz = rate_hz if 1 <= rate_hz <= _FASTEST_HZ else FALLBACK_RATE_HZ
        self._count = max(0, stream.frames) or self._guessed_count()
        if next(self._frames, None) is None:
            raise self._unplayable()
        self._rewind()

    def _opened(self) -> VideoStream:
        """Open the file at its beginning and return its first stream of colour pictures."""
        self._stop()
        try:
            self._container = av.open(str(self._path), metadata_errors="replace")
        except _FAULTS as error:
            raise self._unplayable() from error
        stream = _colour_stream(self._container)
        if stream is None:
            self._stop()
            raise self._unplayable()
        require_bearable(self._path, stream.codec_context.width, stream.codec_context.height)
        stream.thread_type = "AUTO"
        self._frames, self._stream = _decoded(self._container, stream), stream
        self._first_s, self._number = None, 0
        return stream

    def _guessed_count(self) -> int:
        assert self._container is not None
        duration_us = self._container.duration or 0
        return max(0, round(duration_us / av.time_base * self._rate_hz))

    def _unplayable(self) -> SourceError:
        return SourceError(f"{self._path} is no video that can be played; {cure(self._path)}.")

    def _next(self) -> Recorded | None:
        frame = next(self._frames, None)
        if frame is None:
            return None
        require_bearable(self._path, frame.width, frame.height)  # it may change in the middle
        of_time = "" if frame.time is not None else _NO_STAMPS
        time_s = self._number / self._rate_hz if frame.time is None else frame.time
        self._first_s = time_s if self._first_s is None else self._first_s
        self._number += 1
        return Recorded(
            _upright(frame), None, None, max(0.0, time_s - self._first_s), remark=of_time
        )

    def _pass_over(self, frames: int) -> int:
        passed = sum(next(self._frames, None) is not None for _ in range(frames))
        self._number += passed
        return passed

    def _find(self, place: int) -> int:
        """Go to the last key frame before a moment, and from there to the moment itself."""
        container, stream = self._container, self._stream
        if self._first_s is None or container is None or stream is None or not stream.time_base:
            return super()._find(place)
        wanted_s = self._first_s + (place - 0.5) / self._rate_hz
        try:
            container.seek(max(0, int(wanted_s / stream.time_base)), stream=stream)
        except _FAULTS:
            return super()._find(place)
        frames = _decoded(container, stream)
        for frame in frames:
            if frame.time is None or frame.time >= wanted_s:
                self._frames = chain([frame], frames)
                break
        self._number = place
        return place

    def _rewind(self) -> None:
        # Opened anew: not every format can be sought in.
        self._opened()

    def _stop(self) -> None:
        container, self._container, self._stream = self._container, None, None
        self._frames = iter(())
        if container is not None:
            container.close()


def _colour_stream(container: InputContainer) -> VideoStream | None:
    """Return the first stream with a decoder that is neither depth nor a cover picture."""
    for stream in container.streams.video:
        context = stream.codec_context
        is_depth = context is not None and (context.pix_fmt or "").startswith(_DEPTH_FORMATS)
        if (
            context is not None
            and not is_depth
            and not stream.disposition & Disposition.attached_pic
        ):
            return stream
    return None


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield the frames of a stream; damaged ones are left out, a damaged file ends early."""
    packets = container.demux(stream)
    while True:
        try:
            frames = next(packets).decode()
        except av.error.InvalidDataError:
            continue
        except (StopIteration, *_FAULTS):
            return
        yield from frames


def _upright(frame: VideoFrame) -> UInt8Array:
    """Return a frame's picture (H, W, 3) turned as its display matrix says, by whole quarters."""
    rgb = frame.to_ndarray(format="rgb24")
    quarters = round(frame.rotation / _QUARTER_DEG) % 4
    return np.array(np.rot90(rgb, quarters), np.uint8)  # the frame's memory is used again


def has_pictures(path: Path) -> bool:
    """Look into a file with PyAV, which keeps its complaints to itself."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return _colour_stream(container) is not None
    except _FAULTS:
        return False


def cure(path: Path) -> str:
    """Return what can be done about a file that is no video, as the rest of a sentence."""
    kinds, is_whole = _boxes(path)
    if kinds[:1] != [b"ftyp"]:
        return "convert it to MP4 (H.264)"
    if b"moov" not in kinds:
        return "its index is missing, for recording it was never finished; record it again"
    return "convert it to H.264" if is_whole else "it is cut off; copy or record it again"


def _boxes(path: Path) -> tuple[list[bytes], bool]:
    """Return the kinds of an MP4's boxes, nonsense of others, and whether the last one is whole."""
    kinds: list[bytes] = []
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            place = file.seek(0)
            while len(kinds) < _MOST_BOXES and len(head := file.read(8)) == 8:
                kinds.append(head[4:])
                size = int.from_bytes(head[:4], "big")
                if size == 1:  # it follows, in 64 bits
                    size = int.from_bytes(file.read(8), "big")
                if size < 8:  # to the end of the file, or nonsense
                    return kinds, True
                place += size
                if place > end:
                    return kinds, False
                file.seek(place)
    except OSError:
        return [], True
    return kinds, True
