"""Closing a run whose recording broke off: SIGKILL, power failure, a full disk.

Half a last line is cut off, videos get length and index, and the end of the run is
written to `events.tsv` and `session.json`. Nothing that holds data is deleted: what cannot
be read is set aside and named, and rows whose pictures are lost say so. May be given twice;
a run that ended well is left as it is.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FercoreError, cure
from fercore.runtime.files import sole_holder
from fercore.runtime.tables import Column, header_line, line
from fercore.study import events, predictions
from fercore.study.events import RUN_LOST, RUN_STOP, Event
from fercore.study.media import Closed, by_time, close_video, set_aside
from fercore.study.predictions import correct_kept, read_predictions
from fercore.study.run_files import (
    Counts,
    RunRecord,
    RunState,
    finished,
    read_run_record,
    write_run_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.study.layout import RunPlace


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found and done."""

    needed: bool  # False: the run had ended well, nothing was changed
    cut_bytes: int  # of half lines
    counts: Counts
    duration_s: float  # from the start of the run to the last row or event
    set_aside: tuple[Path, ...] = ()  # damaged files, under their new names

    @property
    def sentence(self) -> str:
        """One sentence for the user."""
        if not self.needed:
            return "The run had ended well; nothing was changed."
        counts = self.counts
        names = ", ".join(path.name for path in self.set_aside)
        aside = f" What could not be read was set aside as {names}." if names else ""
        return (
            f"Recovered {counts.frames} frames, {counts.events} events, "
            f"{counts.colour_pictures} colour pictures and {counts.depth_maps} depth maps over "
            f"{self.duration_s:.1f} s; {self.cut_bytes} bytes of half-written lines were cut off."
            f"{aside}"
        )


def recover(place: RunPlace) -> Recovery:
    """Close a run.

    Raises:
        FercoreError: it is being recorded at present, its `session.json` is unreadable, or
            it cannot be written.
    """
    with sole_writer(place):
        record = read_run_record(place.session)
        if record.state in (RunState.COMPLETE, RunState.EARLY, RunState.RECOVERED):
            return Recovery(False, 0, record.counts, record.duration_s)
        try:
            recovery = _close(place, record)
        except OSError as error:
            raise FercoreError(
                f"{place.folder} cannot be written ({error.strerror or error}); {cure(error)} "
                "and run `fercore recover` again."
            ) from error
    return recovery


@contextmanager
def sole_writer(place: RunPlace) -> Iterator[None]:
    """Keep a run to one process: the one that records it, or one that closes or deletes it.

    Raises:
        FercoreError: another process has it, or the folder cannot be written.
    """
    taken = f"{place.folder} is being recorded at present; stop the recording first."
    with ExitStack() as held:
        try:
            held.enter_context(sole_holder(place.lock, taken))
        except OSError as error:
            raise FercoreError(
                f"{place.folder} cannot be written ({error.strerror}); check the permissions."
            ) from error
        yield


def _close(place: RunPlace, record: RunRecord) -> Recovery:
    tables: tuple[tuple[Path, Sequence[Column]], ...] = (
        (place.predictions, predictions.COLUMNS),
        (place.events, events.COLUMNS),
        (place.clocks, events.CLOCK_COLUMNS),
    )
    aside = [_without_header(path, columns) for path, columns in tables]
    cut = sum(_cut_half_line(path, columns) for path, columns in tables)
    for leftover in place.folder.glob("*.part"):
        leftover.unlink()  # of a file that is there whole under its own name
    duration_s = _end_s(place)
    _append_loss(place, record, duration_s)
    videos = [_closed(path) for path in (place.colour, place.depth)]
    _correct_flags(place, *videos)
    counts = _counts(place, record, *videos)
    how = record.problem or "The recording broke off without notice."
    changes = {"counts": counts, "duration_s": duration_s, "problem": how}
    write_run_record(place.session, finished(record, RunState.RECOVERED, **changes))
    named = tuple(path for path in (*aside, *(video.set_aside for video in videos)) if path)
    return Recovery(True, cut, counts, duration_s, named)


def _without_header(path: Path, columns: Sequence[Column]) -> Path | None:
    """Set aside what is no beginning of a table, however much it holds."""
    header = header_line(columns)
    data = path.read_bytes() if path.exists() else b""
    if b"\n" in data or header.startswith(data):
        return None
    return set_aside(path)


def _cut_half_line(path: Path, columns: Sequence[Column]) -> int:
    """Cut off what follows the last line break; a file without a header gets one."""
    data = path.read_bytes() if path.exists() else b""
    whole = data.rfind(b"\n") + 1
    if not whole:
        path.write_bytes(header_line(columns))
    elif whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)
    return len(data) - whole


def _end_s(place: RunPlace) -> float:
    rows, marks = read_predictions(place.predictions), events.read_events(place.events)
    last_row = float(rows.time_s[-1]) if len(rows) else 0.0
    return max(last_row, *(event.onset_s for event in marks), 0.0)


def _append_loss(place: RunPlace, record: RunRecord, end_s: float) -> None:
    if any(event.type in (RUN_STOP, RUN_LOST) for event in events.read_events(place.events)):
        return
    host_s = record.clocks.start_host_s + end_s
    lost = Event(end_s, RUN_LOST, record.problem, "recovery", None, host_s=host_s)
    with place.events.open("ab") as file:
        file.write(line(lost.cells()))


def _closed(path: Path) -> Closed:
    return close_video(path) if path.exists() else Closed(())


def _correct_flags(place: RunPlace, colour: Closed, depth: Closed) -> None:
    """Have the rows say which pictures are there."""
    rows = read_predictions(place.predictions)
    videos = (("colour_kept", rows.colour_kept, colour), ("depth_kept", rows.depth_kept, depth))
    there: dict[str, NDArray[np.bool_]] = {}
    for column, kept, video in videos:
        there[column] = np.zeros(len(rows), np.bool_)
        pictures = ((time_s, None) for time_s in video.times_s)
        there[column][[row for row, _ in by_time(rows.time_s, kept, pictures)]] = True
    correct_kept(place.predictions, there)


def _counts(place: RunPlace, record: RunRecord, colour: Closed, depth: Closed) -> Counts:
    return replace(
        record.counts,
        frames=len(read_predictions(place.predictions)),
        events=len(events.read_events(place.events)),
        colour_pictures=len(colour.times_s),
        depth_maps=len(depth.times_s),
    )
