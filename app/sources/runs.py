"""The application's own recordings and studies, played with the verdicts that were stored then.

A run's folder is played alone; of a study, a participant or a session every run is a clip. The
frames of the present run are counted, at the times at which they were recorded; rows whose picture
was not kept are passed over.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.sources.base import SourceError, SourceFacts, Span
from app.sources.recorded import Recorded, RecordedSource
from fercore.errors import FercoreError
from fercore.io.files import natural_key
from fercore.study.events import read_events
from fercore.study.layout import STUDY_FILE, RunName, RunPlace
from fercore.study.media import by_time, colour_pictures, depth_maps
from fercore.study.predictions import RunPredictions, read_predictions
from fercore.study.run_files import RunRecord, read_run_record
from fercore.study.verdict_arrays import verdicts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fercore.structures import FloatArray, UInt8Array, Verdicts

_USUAL_RATE_HZ = 30.0
_RUNS_AT_HAND = 3
"""So many are kept read: what is shown may be of the run before the one that plays."""


class RunTitle(NamedTuple):
    """How a run is called in a chooser."""

    subject: str
    label: str


class _Run(NamedTuple):
    """What the tables of a run say; never changed, so any thread may look."""

    place: RunPlace
    record: RunRecord
    rows: RunPredictions
    moments: tuple[tuple[float, str], ...]
    rate_hz: float
    span: Span


@contextmanager
def _of_source() -> Iterator[None]:
    """Say of the source what is wrong with one of its files."""
    try:
        yield
    except FercoreError as error:
        raise SourceError(str(error)) from error


def runs_in(folder: Path) -> list[RunPlace]:
    """Return the runs that a folder holds: itself, or those of a study or of a part of one."""
    if (folder / "session.json").is_file() and RunPlace(folder).predictions.is_file():
        return [RunPlace(folder)]
    if not ((folder / STUDY_FILE).is_file() or folder.name.startswith(("sub-", "ses-"))):
        return []
    found = [
        path.parent for depth in range(1, 4) for path in folder.glob("*/" * depth + "session.json")
    ]
    return [RunPlace(path) for path in sorted(found, key=lambda path: natural_key(str(path)))]


class RunSource(RecordedSource):
    """Plays runs; each is a clip."""

    def __init__(self, runs: Sequence[RunPlace], name: str) -> None:
        super().__init__(name)
        self._places = tuple(runs)
        self.clips = tuple(_title(place) for place in runs) if len(runs) > 1 else ()
        self._read = lru_cache(_RUNS_AT_HAND)(_read_run)  # by number and place
        self._run: _Run | None = None
        self._number = 0  # of the next row
        self._colour: Iterator[tuple[int, UInt8Array]] = iter(())
        self._depth: Iterator[tuple[int, FloatArray]] = iter(())
        self._next_depth: tuple[int, FloatArray] | None = None

    @property
    def facts(self) -> SourceFacts:
        """Whether people were recorded."""
        run = self._run  # another thread may go on to the next
        return SourceFacts(synthetic=run is not None and run.record.synthetic)

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second, as they were judged."""
        return self._run.rate_hz if self._run else _USUAL_RATE_HZ

    @property
    def frame_count(self) -> int:
        """Number of rows of the present run."""
        return len(self._run.rows) if self._run else 0

    def span(self, clip: int) -> Span:
        """Return among which frames one goes: those of a run, at their recorded times."""
        return self._run_of(clip).span

    def moments(self, clip: int) -> Sequence[tuple[float, str]]:
        """Return the events of a run."""
        return self._run_of(clip).moments

    def stored(self, clip: int, place: int) -> Verdicts | None:
        """Return the verdicts of a row of a run, as the networks gave them then."""
        rows = self._run_of(clip).rows
        if not 0 <= place < len(rows) or not rows.usable[place]:
            return None
        return verdicts_of(rows.raw[place], float(rows.time_s[place]))

    def seek(self, clip: int) -> None:
        """Go on with the start of a run."""
        self._take_up(min(clip, len(self._places) - 1))
        super().seek(clip)

    def _start(self) -> None:
        self._take_up(0)
        self._find(0)
        if self._next() is None:
            raise SourceError(
                f"{self._name} kept no picture to be shown; `fercore report` shows its verdicts."
            )
        self._rewind()

    def _take_up(self, clip: int) -> None:
        """Read a run's tables; `_find` opens its pictures."""
        self._run, self.position = self._run_of(clip), clip

    @_of_source()
    def _run_of(self, clip: int) -> _Run:
        return self._read(clip, self._places[clip])

    @_of_source()
    def _find(self, place: int) -> int:
        run = self._run
        assert run is not None
        self._number = self._coming = place
        self._colour, self._depth = iter(()), iter(())
        from_s = float(run.rows.time_s[place]) if place and len(run.rows) else 0.0
        rows = run.rows
        if run.record.privacy.keeps_colour and run.place.colour.is_file():
            pictures = colour_pictures(run.place.colour, from_s)
            self._colour = by_time(rows.time_s, rows.colour_kept, pictures)
        if run.place.depth.is_file() and rows.depth_kept.any():
            maps = depth_maps(run.place.depth, run.record.depth_unit_m, from_s)
            self._depth = by_time(rows.time_s, rows.depth_kept, maps)
        self._next_depth = next(self._depth, None)
        return place

    @_of_source()
    def _next(self) -> Recorded | None:
        while (moment := self._of_this_run()) is None and self.position + 1 < len(self._places):
            self._take_up(self.position + 1)
            self._find(0)
            self._jumped()
        return moment

    def _of_this_run(self) -> Recorded | None:
        run = self._run
        assert run is not None
        for number, rgb in self._colour:
            if number >= self._number:
                return self._moment(run, number, rgb)
        return None

    def _moment(self, run: _Run, number: int, rgb: UInt8Array) -> Recorded:
        while self._next_depth is not None and self._next_depth[0] < number:
            self._next_depth = next(self._depth, None)
        depth_m = None
        if self._next_depth is not None and self._next_depth[0] == number:
            # Lossy colour of odd size has lost its last row or column.
            depth_m = self._next_depth[1][: rgb.shape[0], : rgb.shape[1]]
        self._coming, self._number = number, number + 1
        return Recorded(rgb, depth_m, None, float(run.rows.time_s[number]))

    def _pass_over(self, frames: int) -> int:
        before = self._number
        self._number = min(before + frames, self.frame_count)
        return self._number - before

    def _rewind(self) -> None:
        self._find(0)

    def _stop(self) -> None:
        self._run = None
        self._colour, self._depth, self._next_depth = iter(()), iter(()), None
        self.position = 0


def _read_run(number: int, place: RunPlace) -> _Run:
    record, rows = read_run_record(place.session), read_predictions(place.predictions)
    events = read_events(place.events) if place.events.is_file() else []
    # Nameless ones are the run's own start and end.
    moments = tuple((event.onset_s, event.name) for event in events if event.name)
    times_s = tuple(rows.time_s.tolist())
    rate_hz = _USUAL_RATE_HZ
    if len(times_s) > 1:
        rate_hz = float(np.clip(1 / max(np.median(np.diff(times_s)), 1e-3), 1.0, 120.0))
    last_s = times_s[-1] + 1 / rate_hz if times_s else 0.0
    span = Span(len(rows), max(last_s, record.duration_s), times_s, number)
    return _Run(place, record, rows, moments, rate_hz, span)


def _title(place: RunPlace) -> RunTitle:
    name = RunName.parse(place.folder.name)
    if name is None:
        return RunTitle("run", place.folder.name)
    return RunTitle(f"{name.subject}, session {name.session}", f"{name.task}, run {name.run}")
