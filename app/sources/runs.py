"""The application's own recordings and studies, played with the verdicts that were stored then.

A run's folder is played alone; of a study, a participant or a session every run is a clip. The
frames of the present run are counted; rows whose picture was not kept are passed over.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.sources.base import SourceError, SourceFacts
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


class RunTitle(NamedTuple):
    """How a run is called in a chooser."""

    subject: str
    label: str


class _Run(NamedTuple):
    """An opened run."""

    place: RunPlace
    record: RunRecord
    rows: RunPredictions
    moments: tuple[tuple[float, str], ...]


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
        self._run: _Run | None = None
        self._number = 0  # of the next row
        self._colour: Iterator[tuple[int, UInt8Array]] = iter(())
        self._depth: Iterator[tuple[int, FloatArray]] = iter(())
        self._next_depth: tuple[int, FloatArray] | None = None

    @property
    def facts(self) -> SourceFacts:
        """Whether people were recorded."""
        return SourceFacts(synthetic=self._run is not None and self._run.record.synthetic)

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second, as they were judged."""
        times_s = self._run.rows.time_s if self._run else ()
        if len(times_s) < 2:
            return _USUAL_RATE_HZ
        return float(np.clip(1 / max(np.median(np.diff(times_s)), 1e-3), 1.0, 120.0))

    @property
    def frame_count(self) -> int:
        """Number of rows of the present run."""
        return len(self._run.rows) if self._run else 0

    @property
    def moments(self) -> Sequence[tuple[float, str]]:
        """Events of the present run."""
        return self._run.moments if self._run else ()

    def stored(self, place: int) -> Verdicts | None:
        """Return the verdicts of a row of the present run, as the networks gave them then."""
        run = self._run
        if run is None or not 0 <= place < len(run.rows) or not run.rows.usable[place]:
            return None
        return verdicts_of(run.rows.raw[place], float(run.rows.time_s[place]))

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

    @_of_source()
    def _take_up(self, clip: int) -> None:
        """Read a run's tables; `_find` opens its pictures."""
        place = self._places[clip]
        record, rows = read_run_record(place.session), read_predictions(place.predictions)
        events = read_events(place.events) if place.events.is_file() else []
        moments = tuple((event.onset_s, event.name or event.type) for event in events)
        self._run, self.position = _Run(place, record, rows, moments), clip

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


def _title(place: RunPlace) -> RunTitle:
    name = RunName.parse(place.folder.name)
    if name is None:
        return RunTitle("run", place.folder.name)
    return RunTitle(f"{name.subject}, session {name.session}", f"{name.task}, run {name.run}")
