"""A run's Matroska files: reading pictures back, finding their rows, closing what was cut off.

Colour is FFV1 (lossless), H.264 or MJPEG, depth is FFV1 with 16 bits, 0 where unknown.
Matroska keeps time in milliseconds; `predictions.tsv` has the exact times, so that pictures
find their rows by time, not by number: some can be missing in the middle of a damaged file.
Closing deletes nothing that holds data, and packets go through one by one, so that a video of
any length needs little memory.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from fercore.errors import FercoreError
from fercore.io.images import require_bearable
from fercore.runtime.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

    UInt16Array = NDArray[np.uint16]

UNKNOWN_DEPTH = 0
MAX_DEPTH = 65535
_OVERHEAD_BYTES = 1024  # at most, from one picture to the next in the file
_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # bits in reverse
_ALL_ONES = 0xFFFFFFFF
PixelFormat = Literal["rgb24", "gray16le"]
T = TypeVar("T")
_TOLERANCE_MS = 1  # of rounding
_SLACK_BYTES = 4096  # of index and headers behind the last picture


def colour_pictures(path: Path, from_s: float = 0.0) -> Iterator[tuple[float, UInt8Array]]:
    """Yield time in seconds since the start of the run, and picture (H, W, 3).

    `from_s` begins with the last key frame at or before that time.

    Raises:
        FercoreError: the file is missing or no video.
    """
    yield from _pictures(path, "rgb24", from_s)


def depth_maps(
    path: Path, unit_m: float, from_s: float = 0.0
) -> Iterator[tuple[float, FloatArray]]:
    """Yield time in seconds since the start of the run, and depth (H, W) in metres.

    `from_s` begins with the last key frame at or before that time.

    Raises:
        FercoreError: the file is missing or no video.
    """
    for time_s, steps in _pictures(path, "gray16le", from_s):
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
    return sum(1 for _ in picture_times(path))


def picture_times(path: Path) -> Iterator[float]:
    """Yield the times of the pictures that can be decoded, in seconds since the run's start."""
    with contextlib.suppress(FercoreError), contextlib.closing(_pictures(path, None)) as pictures:
        for time_s, _ in pictures:
            yield time_s


def opened_video(path: Path) -> InputContainer:
    """Open a run's video; the caller closes it.

    Raises:
        FercoreError: the file is missing or holds no video.
    """
    import av

    if not path.is_file():
        raise FercoreError(f"{path} does not exist; this run kept no such video.")
    try:
        container = av.open(str(path), metadata_errors="replace")  # words do not matter
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise FercoreError(
            f"{path} is no readable video ({error}); try `fercore recover` on its run."
        ) from error
    if not container.streams.video:
        container.close()
        raise FercoreError(f"{path} holds no video; restore it from a copy.")
    context = container.streams.video[0].codec_context
    if context is None:
        container.close()
        raise FercoreError(f"{path} holds a track that cannot be decoded; restore it from a copy.")
    try:
        require_bearable(path, context.width, context.height)
    except FercoreError:
        container.close()
        raise
    return container


def sound_frames(
    container: InputContainer,
) -> Iterator[tuple[Packet[VideoStream], list[VideoFrame]]]:
    """Yield each packet with the pictures it gave: none where they are not what was written.

    After damage or a gap everything is left out up to the next picture that stands alone:
    what lies between would be decoded from the wrong picture before it.
    """
    import av

    stream = container.streams.video[0]
    lossless = stream.codec_context.name == "ffv1"
    adrift, end = False, 0
    for packet in sound_packets(container):
        gap = packet.pos is not None and end and packet.pos > end + _OVERHEAD_BYTES
        adrift = bool(gap or adrift) and not packet.is_keyframe and packet.size > 0
        adrift = adrift or packet.is_corrupt or (lossless and not slices_are_intact(bytes(packet)))
        end = (packet.pos or 0) + packet.size
        frames: list[VideoFrame] = []
        if not adrift:
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                adrift = True
        if any(frame.is_corrupt for frame in frames):
            adrift, frames = True, []
        yield packet, frames


def sound_packets(container: InputContainer) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of the picture track as far as it can be read, and an empty last one."""
    import av

    with contextlib.suppress(av.error.FFmpegError):
        yield from container.demux(video=0)


def slices_are_intact(data: bytes) -> bool:
    """Whether the check sums of an FFV1 picture's slices hold; its decoder only logs it.

    Each slice ends with its length (3 bytes), a status and a CRC-32 over all of it (RFC 9043,
    4.8), whose bits run the other way than zlib's.
    """
    turned, end = data.translate(_TURNED), len(data)
    while end > 0:
        size = int.from_bytes(data[max(0, end - 8) : max(0, end - 5)]) + 8
        if size > end or zlib.crc32(turned[end - size : end], _ALL_ONES) != _ALL_ONES:
            return False
        end -= size
    return True


def _pictures(
    path: Path, pixels: PixelFormat | None, from_s: float = 0.0
) -> Generator[tuple[float, NDArray[Any]]]:
    """Yield times and pictures, without those that cannot be decoded."""
    with opened_video(path) as container:
        if from_s > 0:
            container.seek(int(1e6 * from_s))  # av.time_base
        for _, frames in sound_frames(container):
            for frame in frames:
                array = np.empty(0) if pixels is None else frame.to_ndarray(format=pixels)
                yield float(frame.time or 0.0), array


def stamps_ms(times_s: Iterable[float]) -> list[int]:
    """Return the stamps of pictures in a video: whole milliseconds, each later than the last."""
    stamps: list[int] = []
    for time_s in times_s:
        stamps.append(max(round(1000 * time_s), stamps[-1] + 1 if stamps else 0))
    return stamps


def by_time(
    times_s: NDArray[np.float64], kept: NDArray[np.bool_], pictures: Iterable[tuple[float, T]]
) -> Iterator[tuple[int, T]]:
    """Yield number of row and picture for all pictures that belong to a row.

    `times_s` and `kept` (N,) are those of the table, `pictures` come with their times in
    seconds, in their order.
    """
    rows = np.flatnonzero(kept).tolist()
    stamps = stamps_ms(times_s[kept].tolist())
    place = 0
    for time_s, picture in pictures:
        stamp = round(1000 * time_s)
        while place < len(rows) and stamps[place] < stamp - _TOLERANCE_MS:
            place += 1
        if place < len(rows) and stamps[place] <= stamp + _TOLERANCE_MS:
            yield rows[place], picture
            place += 1


@dataclass(frozen=True, slots=True)
class Closed:
    """A video that was closed."""

    times_s: tuple[float, ...]  # of its pictures, since the start of the run
    set_aside: Path | None = (
        None  # where the file as it was lies, if something in it was unreadable
    )


def close_video(path: Path) -> Closed:
    """Write a video anew so that it has length and index; pictures are not encoded again.

    Where more than the last, half-written picture cannot be read, the file as it was stays
    beside it under another name.

    Raises:
        OSError: it cannot be written; the file is as it was.
    """
    if not path.stat().st_size:
        path.unlink()
        return Closed(())
    stamps, whole = _survey(path)
    if not stamps:
        return Closed((), set_aside(path))
    with whole_file(path) as unfinished:
        _copy(path, unfinished, set(stamps))
        aside = None if whole else _kept_beside(path)
    return Closed(tuple(stamps.values()), aside)


def set_aside(path: Path) -> Path:
    """Give a damaged file another name, so that nothing writes over it; return the new one.

    Raises:
        OSError: it cannot be renamed.
    """
    return path.rename(_free_name(path))


def _kept_beside(path: Path) -> Path:
    """Let a file have a second name; where the file system cannot, only that one."""
    aside = _free_name(path)
    try:
        os.link(path, aside)
    except OSError:
        path.rename(aside)
    return aside


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.damaged{number or ''}") for number in range(10_000))
    return next(name for name in names if not name.exists())


def _survey(path: Path) -> tuple[dict[int, float], bool]:
    """Return stamps and times of all readable pictures, and whether that is all but a half one."""
    stored: list[int | None] = []
    times_s: dict[int, float] = {}
    largest = end = 0
    try:
        container = opened_video(path)
    except FercoreError:
        return {}, False
    with container:
        for packet, frames in sound_frames(container):
            if packet.size:
                stored.append(packet.pts)
                largest, end = max(largest, packet.size), max(end, (packet.pos or 0) + packet.size)
            for frame in frames:
                if frame.pts is not None:
                    times_s[frame.pts] = float(frame.time or 0.0)
    lost = [stamp for stamp in stored if stamp not in times_s]
    behind = path.stat().st_size - end
    return times_s, lost in ([], stored[-1:]) and behind <= largest + _SLACK_BYTES


def _copy(source: Path, target: Path, stamps: set[int]) -> None:
    import av

    with opened_video(source) as old, av.open(str(target), "w", format="matroska") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in sound_packets(old):
            if packet.pts in stamps:
                packet.stream = stream
                new.mux_one(packet)
