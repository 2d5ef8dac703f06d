"""`events.tsv` and `clocks.tsv` of a run: what happened meanwhile, and what other clocks said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.runtime.tables import Column, number, read_cells

if TYPE_CHECKING:
    from pathlib import Path

RUN_START, RUN_STOP, RUN_LOST = "run_start", "run_stop", "run_lost"
MARKER, NOTE, PROBLEM = "marker", "note", "problem"

TYPES = {
    RUN_START: "Recording began.",
    RUN_STOP: "Recording was ended as intended.",
    RUN_LOST: "Recording ended without notice; the time is that of the last row kept.",
    MARKER: "A marker of the study file or of other software; its name is in `name`.",
    NOTE: "A remark of the experimenter, such as the reason for an override.",
    PROBLEM: "Something went wrong; `name` says what.",
}
SOURCES = {
    "key": "A key of the experimenter's keyboard.",
    "remote": "A message over the remote control.",
    "lsl": "A sample of a marker stream of Lab Streaming Layer.",
    "application": "The recording application itself.",
    "recovery": "`fercore recover`, after the recording had broken off.",
}
COLUMNS = (
    Column("onset", "Time since the start of the run, on the host's monotonic clock.", "s"),
    Column("duration", "Duration of the event; 0 for an instant.", "s"),
    Column("type", "Kind of the event.", levels=TYPES, text=True),
    Column("name", "Name of the marker, or words.", text=True),
    Column("source", "Where the event came from.", levels=SOURCES, text=True),
    Column("uncertainty", "Largest error of the onset, n/a where unknown.", "s"),
    Column("host_s", "The onset on the host's monotonic clock.", "s"),
    Column("lsl_s", "The onset on the clock of Lab Streaming Layer.", "s"),
)
CLOCK_COLUMNS = (
    Column("host_s", "When it was measured, on the host's monotonic clock.", "s"),
    Column("clock", "Which clock: unix, lsl, or lsl: and the name of a remote stream.", text=True),
    Column("offset_s", "That clock minus the host's monotonic clock.", "s"),
    Column("uncertainty_s", "Largest error of the offset, n/a where unknown.", "s"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event; times in seconds."""

    onset_s: float  # since the start of the run
    type: str  # one of TYPES
    name: str
    source: str  # one of SOURCES
    uncertainty_s: float | None = None  # None: unknown
    duration_s: float = 0.0
    host_s: float | None = None
    lsl_s: float | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the cells in the order of COLUMNS."""
        return (
            *(number(self.onset_s), number(self.duration_s), self.type, self.name, self.source),
            *(number(self.uncertainty_s), number(self.host_s), number(self.lsl_s)),
        )


def read_events(path: Path) -> list[Event]:
    """Read a run's events in the order of the file; a cut-off last line is left out.

    Raises:
        FercoreError: the file is missing or damaged.
    """
    cells = read_cells(path, COLUMNS)
    onsets, durations = (cells.numbers(name, known=True).tolist() for name in ("onset", "duration"))
    doubts = [_known(value) for value in cells.numbers("uncertainty").tolist()]
    hosts = [_known(value) for value in cells.numbers("host_s").tolist()]
    lsl = [_known(value) for value in cells.numbers("lsl_s").tolist()]
    words = (cells.texts("type"), cells.texts("name"), cells.texts("source"))
    rows = zip(onsets, *words, doubts, durations, hosts, lsl, strict=True)
    return [Event(*row) for row in rows]


def _known(value: float) -> float | None:
    return None if value != value else value


@dataclass(frozen=True, slots=True)
class Offset:
    """One measured offset."""

    host_s: float
    clock: str
    offset_s: float
    uncertainty_s: float | None

    def cells(self) -> tuple[str, ...]:
        """Return the cells in the order of CLOCK_COLUMNS."""
        return (
            *(number(self.host_s), self.clock),
            *(number(self.offset_s), number(self.uncertainty_s, 9)),
        )


def read_offsets(path: Path) -> list[Offset]:
    """Read a run's clock offsets; a cut-off last line is left out.

    Raises:
        FercoreError: the file is missing or damaged.
    """
    cells = read_cells(path, CLOCK_COLUMNS)
    hosts, offsets = (cells.numbers(name, known=True).tolist() for name in ("host_s", "offset_s"))
    doubts = cells.numbers("uncertainty_s").tolist()
    rows = zip(hosts, cells.texts("clock"), offsets, doubts, strict=True)
    return [
        Offset(host, clock, off, None if doubt != doubt else doubt)
        for host, clock, off, doubt in rows
    ]
