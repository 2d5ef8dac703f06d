"""A run's Matroska files: reading pictures back, and closing a file whose writer was killed.

Colour is FFV1 (lossless), H.264 or MJPEG, depth is FFV1 with 16 bits, 0 where unknown.
Matroska keeps time in milliseconds; `predictions.tsv` has the exact times, in the order
of the pictures.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fercore.errors import FercoreError
from fercore.runtime.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

    UInt16Array = NDArray[np.uint16]

UNKNOWN_DEPTH = 0
MAX_DEPTH = 65535
PixelFormat = Literal["rgb24", "gray16le"]


def colour_pictures(path: Path) -> Iterator[tuple[float, UInt8Array]]:
    """Yield time in seconds since the start of the run, and picture (H, W, 3).

    Raises:
        FercoreError: the file is missing or no video.
    """
    yield from _pictures(path, "rgb24")


def depth_maps(path: Path, unit_m: float) -> Iterator[tuple[float, FloatArray]]:
    """Yield time in seconds since the start of the run, and depth (H, W) in metres.

    Raises:
        FercoreError: the file is missing or no video.
    """
    for time_s, steps in _pictures(path, "gray16le"):
        yield time_s, from_steps(steps, unit_m)


def to_steps(depth_m: FloatArray, unit_m: float) -> tuple[UInt16Array, int]:
    """Return depth as (H, W) uint16 in steps of `unit_m`, and the number of pixels too far off.

    Unknown depth becomes 0, and so does depth beyond 65535 steps, which is counted.
    """
    steps = np.nan_to_num(np.round(depth_m / np.float32(unit_m)), nan=UNKNOWN_DEPTH, posinf=np.inf)
    beyond = (steps > MAX_DEPTH) | (steps < 0)
    steps[beyond] = UNKNOWN_DEPTH
    return steps.astype(np.uint16), int(beyond.sum())


def is_rounded(depth_m: FloatArray, steps: UInt16Array, unit_m: float) -> bool:
    """Whether depth lost anything on its way into steps, judged by every seventh pixel."""
    sample, back = depth_m.ravel()[::7], from_steps(steps.ravel()[::7], unit_m)
    return bool(np.nanmax(np.abs(sample - back), initial=0.0) > 0.02 * unit_m)


def from_steps(steps: UInt16Array, unit_m: float) -> FloatArray:
    """Return depth (H, W) in metres, NaN where unknown, of steps (H, W) uint16."""
    depth_m: FloatArray = steps.astype(np.float32) * np.float32(unit_m)
    depth_m[steps == UNKNOWN_DEPTH] = np.nan
    return depth_m


def count_pictures(path: Path) -> int:
    """Return the number of pictures that can be decoded, 0 for a file that is no video."""
    try:
        with contextlib.closing(_pictures(path, None)) as pictures:
            return sum(1 for _ in pictures)
    except FercoreError:
        return 0


def close_video(path: Path) -> int:
    """Write a video anew so that it has length and index; return its number of pictures.

    Pictures are copied, not encoded again. A file without one readable picture is
    removed and gives 0.

    Raises:
        OSError: it cannot be written.
    """
    number = count_pictures(path)
    if not number:
        path.unlink(missing_ok=True)
        return 0
    with whole_file(path) as unfinished:
        _copy(path, unfinished, number)
    return number


def _copy(source: Path, target: Path, number: int) -> None:
    import av

    with av.open(str(source)) as old, av.open(str(target), "w", format="matroska") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in _packets(old)[:number]:
            packet.stream = stream
            new.mux_one(packet)


def _packets(container: InputContainer) -> list[Packet[VideoStream]]:
    import av

    packets: list[Packet[VideoStream]] = []
    with contextlib.suppress(av.error.FFmpegError):
        for packet in container.demux(video=0):
            if packet.size and not packet.is_corrupt:
                packets.append(packet)
    return packets


def _pictures(path: Path, pixels: PixelFormat | None) -> Generator[tuple[float, NDArray[Any]]]:
    """Yield times and pictures up to the first that cannot be decoded."""
    import av

    if not path.is_file():
        raise FercoreError(f"{path} does not exist; this run kept no such video.")
    try:
        container = av.open(str(path))
    except (OSError, av.error.FFmpegError) as error:
        raise FercoreError(
            f"{path} is no readable video ({error}); try `fercore recover` on its run."
        ) from error
    with container, contextlib.suppress(av.error.FFmpegError):
        for frame in container.decode(video=0):
            if frame.is_corrupt:
                return
            array = np.empty(0) if pixels is None else frame.to_ndarray(format=pixels)
            yield float(frame.time or 0.0), array
