"""Giving length and index to a video whose writer was killed; what cannot be read is set aside.

Nothing that holds data is ever deleted. Packets go through one by one, so that a video of
any length needs little memory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.runtime.files import whole_file
from fercore.study.media import opened_video, sound_frames, sound_packets

if TYPE_CHECKING:
    from pathlib import Path

_SLACK_BYTES = 4096  # of index and headers behind the last picture


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
