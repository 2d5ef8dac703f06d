"""Writers of a run's files: growing files, tables row by row, pictures with their true times.

What a writer was given reaches the disk within a second and is readable after SIGKILL, but for
the last picture: rows bypass all buffers of the process, and each picture is a Matroska cluster
of its own, which is written when the next picture comes.
"""

from __future__ import annotations

import contextlib
import errno
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from fercore.errors import FercoreError
from fercore.runtime.tables import header_line, line
from fercore.study.media import is_rounded, to_steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from fercore.runtime.tables import Column
    from fercore.structures import FloatArray, UInt8Array

_MILLISECOND = Fraction(1, 1000)
# One cluster a picture. PyAV cannot have the muxer write one before the next begins.
_CONTAINER = {"cluster_time_limit": "1", "flush_packets": "1"}
_BUFFER_BYTES = 32768
_NOMINAL_RATE_HZ = 30  # of the header only: every picture carries its own time
_LOSSLESS = {"level": "3", "slicecrc": "1", "slices": "4"}
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "ffv1": ("ffv1", "bgr0", _LOSSLESS),
    # Without look-ahead and B pictures nothing waits inside the encoder.
    "h264": ("libx264", "yuv420p", {"crf": "20", "preset": "veryfast", "tune": "zerolatency"}),
    "mjpeg": ("mjpeg", "yuvj420p", {"qmin": "2", "qmax": "4"}),
    "depth": ("ffv1", "gray16le", _LOSSLESS),
}


class DurableFile:
    """What writers write into; also serves PyAV as a file object.

    After a first failure every further write fails too, so that nothing is written
    behind a gap.

    Raises:
        OSError: it cannot be made; an existing file is never replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Not O_APPEND: Matroska fills in its length and index when it is closed.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self.failure: OSError | None = None  # the first one
        self._dirty = False
        self._closed = False
        self.size = 0  # bytes

    def write(self, data: bytes) -> int:
        """Write all of `data` at the present place, past any buffer of the process.

        Raises:
            OSError: the disk is full or failed; nothing more can be written.
        """
        if self.failure is not None:
            raise self.failure
        try:
            self._write_all(data)
        except OSError as error:
            self.failure = error
            raise
        self._dirty = True
        self.size = max(self.size, self.tell())
        return len(data)

    def append_whole(self, data: bytes) -> None:
        """Write `data` at the end, whole or not at all.

        Raises:
            OSError: the disk is full or failed; what was there before is untouched.
        """
        complete = self.size
        try:
            self.write(data)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, complete)
            raise

    def sync(self) -> None:
        """Have the system put on the disk what was written since the last time.

        Raises:
            OSError: it cannot.
        """
        if self._dirty and not self._closed:
            self._dirty = False
            os.fsync(self._descriptor)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; return it."""
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """Return the present place."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def close(self) -> None:
        """Close; safe to call twice."""
        if not self._closed:
            with contextlib.suppress(OSError):
                self.sync()
            self._closed = True
            os.close(self._descriptor)

    def _write_all(self, data: bytes) -> None:
        rest = memoryview(data)
        while len(rest):
            written = os.write(self._descriptor, rest)
            if written == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[written:]


class TableWriter:
    """Appends rows to a new TSV file.

    Raises:
        OSError: the file exists or cannot be made.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = DurableFile(path)
        self._file.append_whole(header_line(columns))
        self.rows = 0

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._file.size

    def write(self, cells: Sequence[str]) -> None:
        """Append a row, whole or not at all.

        Raises:
            OSError: the disk is full; all earlier rows are kept.
        """
        self._file.append_whole(line(cells))
        self.rows += 1

    def sync(self) -> None:
        """Have the rows put on the disk.

        Raises:
            OSError: they cannot be.
        """
        self._file.sync()

    def close(self) -> None:
        """Close; safe to call twice."""
        self._file.close()


class PictureWriter:
    """Appends pictures of one size to a new Matroska file; made with its first picture."""

    def __init__(self, path: Path, codec: str) -> None:
        self._path = path
        self._codec = codec
        self._file: DurableFile | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._shape: tuple[int, ...] = ()
        self._last_ms = -1
        self.pictures = 0

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._file.size if self._file else 0

    def write(self, picture: UInt8Array, onset_s: float) -> None:
        """Append a colour picture (H, W, 3) taken `onset_s` after the start of the run.

        H.264 and MJPEG lose the last row or column of odd sizes.

        Raises:
            FercoreError: it is not of the first picture's size.
            OSError: the disk is full; what is written so far stays readable.
        """
        if self._codec != "ffv1":
            height, width = (size - size % 2 for size in picture.shape[:2])
            picture = picture[:height, :width]
        self._append(np.ascontiguousarray(picture), "rgb24", onset_s)

    def write_depth(self, depth_m: FloatArray, unit_m: float, onset_s: float) -> tuple[int, bool]:
        """Append a depth map (H, W).

        Returns the number of pixels too far off to be stored, and whether others were rounded.

        Raises:
            FercoreError: it is not of the first map's size.
            OSError: the disk is full; what is written so far stays readable.
        """
        steps, beyond = to_steps(depth_m, unit_m)
        self._append(steps, "gray16le", onset_s)
        return beyond, is_rounded(depth_m, steps, unit_m)

    def sync(self) -> None:
        """Have the finished clusters put on the disk.

        Raises:
            OSError: they cannot be.
        """
        if self._file is not None:
            self._file.sync()

    def close(self) -> None:
        """Finish the file as far as the disk allows; safe to call twice."""
        container, self._container = self._container, None
        if container is not None and self._stream is not None:
            with contextlib.suppress(OSError, av.error.FFmpegError):
                container.mux(self._stream.encode(None))
            with contextlib.suppress(OSError, av.error.FFmpegError):
                container.close()
        if self._file is not None:
            self._file.close()

    def _append(self, array: np.ndarray[Any, Any], pixels: str, onset_s: float) -> None:
        stream, container = self._opened(array)
        frame = av.VideoFrame.from_ndarray(array, format=pixels)
        # Two pictures of one millisecond would be refused; `fercore.study.media` knows this.
        self._last_ms = max(self._last_ms + 1, round(1000 * onset_s))
        frame.pts, frame.time_base = self._last_ms, _MILLISECOND
        try:
            container.mux(stream.encode(frame))
        except av.error.FFmpegError:
            # PyAV hides what our own file raised.
            if self._file is not None and self._file.failure is not None:
                raise self._file.failure from None
            raise
        self.pictures += 1

    def _opened(self, array: np.ndarray[Any, Any]) -> tuple[VideoStream, OutputContainer]:
        if self._container is None or self._stream is None:
            self._shape = array.shape
            self._file = DurableFile(self._path)
            self._container = av.open(
                self._file, "w", format="matroska", options=_CONTAINER, buffer_size=_BUFFER_BYTES
            )
            self._stream = _add_stream(self._container, self._codec, *array.shape[:2])
        if array.shape != self._shape:
            raise FercoreError(
                f"{self._path} holds pictures of {_size(self._shape)}, the source now gives "
                f"{_size(array.shape)}; begin a new run."
            )
        return self._stream, self._container


def _add_stream(container: OutputContainer, codec: str, height: int, width: int) -> VideoStream:
    encoder, pixels, options = _CODECS[codec]
    stream = container.add_stream(encoder, rate=_NOMINAL_RATE_HZ, options=options)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, pixels
    stream.codec_context.time_base = stream.time_base = _MILLISECOND
    # Threads that share one picture hold none back; half of the cores are the networks'.
    stream.codec_context.thread_type = "SLICE"
    stream.codec_context.thread_count = max(1, min(4, (os.cpu_count() or 2) // 2))
    # Lossless pictures each stand alone, so that damage costs the damaged ones only.
    stream.gop_size = _NOMINAL_RATE_HZ if codec == "h264" else 1
    return stream


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}×{shape[0]}"
