"""Writes pictures to an H.264 video that any player shows.

The file is fragmented: what has been written stays playable when the disk
fills up or the process dies.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from fercore.errors import FercoreError, cure

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from fercore.structures import UInt8Array

_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_ENCODER = {"crf": "20", "preset": "veryfast"}


class VideoWriter:
    """Appends pictures of one size to an MP4 file; a context manager.

    An odd width or height loses its last column or row: H.264 needs even sizes.
    """

    def __init__(self, path: Path, frame_rate_hz: float) -> None:
        self._path = path
        self._rate = Fraction(frame_rate_hz).limit_denominator(1001)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def __enter__(self) -> VideoWriter:
        """Create the file, replacing an older one.

        Raises:
            FercoreError: it cannot be written.
        """
        try:
            # av would open it, and find out that it cannot, with the first picture only.
            self._path.open("wb").close()
            self._container = av.open(str(self._path), "w", format="mp4", options=_FRAGMENTED)
        except OSError as error:
            raise FercoreError(
                f"{self._path} cannot be written ({error.strerror}); choose another folder."
            ) from error
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Write what the encoder still holds and close the file."""
        try:
            self._finish()
        except OSError as failure:
            # The failure that ended the block says more than this one.
            if error is None:
                raise self._problem(failure) from failure

    def write(self, rgb: UInt8Array) -> None:
        """Append a picture (H, W, 3).

        Raises:
            FercoreError: the disk is full; what is written so far stays playable.
        """
        if self._container is None:
            raise ValueError("the writer is used outside its with block")
        height, width = (size - size % 2 for size in rgb.shape[:2])
        if self._stream is None:
            self._stream = self._add_stream(self._container, width, height)
        picture = np.ascontiguousarray(rgb[:height, :width])
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise self._problem(error) from error

    def _add_stream(self, container: OutputContainer, width: int, height: int) -> VideoStream:
        stream = container.add_stream("libx264", rate=self._rate, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = round(self._rate)
        return stream

    def _finish(self) -> None:
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if self._stream is not None:
                container.mux(self._stream.encode(None))
        finally:
            container.close()

    def _problem(self, error: OSError) -> FercoreError:
        return FercoreError(
            f"{self._path} cannot be written any further ({error.strerror}); "
            f"{cure(error)} or choose another folder, what is written so far can be played."
        )
