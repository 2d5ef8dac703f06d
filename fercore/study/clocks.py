"""`clocks.tsv` of a run: measured offsets between the host's monotonic clock and others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.study.tables import Column, number, read_cells

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = (
    Column("host_s", "When it was measured, on the host's monotonic clock.", "s"),
    Column("clock", "Which clock: unix, lsl, or lsl: and the name of a remote stream.", text=True),
    Column("offset_s", "That clock minus the host's monotonic clock.", "s"),
    Column("uncertainty_s", "Largest error of the offset, n/a where unknown.", "s"),
)


@dataclass(frozen=True, slots=True)
class Offset:
    """One measured offset."""

    host_s: float
    clock: str
    offset_s: float
    uncertainty_s: float | None

    def cells(self) -> tuple[str, ...]:
        """Return the cells in the order of COLUMNS."""
        return (
            *(number(self.host_s), self.clock),
            *(number(self.offset_s), number(self.uncertainty_s, 9)),
        )


def read_offsets(path: Path) -> list[Offset]:
    """Read a run's clock offsets; a cut-off last line is left out.

    Raises:
        FercoreError: the file is missing or damaged.
    """
    cells = read_cells(path, COLUMNS)
    hosts, offsets = (cells.numbers(name, known=True).tolist() for name in ("host_s", "offset_s"))
    doubts = cells.numbers("uncertainty_s").tolist()
    rows = zip(hosts, cells.texts("clock"), offsets, doubts, strict=True)
    return [
        Offset(host, clock, off, None if doubt != doubt else doubt)
        for host, clock, off, doubt in rows
    ]
