"""Which row of `predictions.tsv` a picture of a run's video belongs to: by time, not by number.

Pictures can be missing in the middle of a damaged file; those after it must not slide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

T = TypeVar("T")
_TOLERANCE_MS = 1  # of rounding


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
