"""How a recording stands, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fercore.study.run_files import Counts


@dataclass(frozen=True, slots=True)
class RecordingProgress:
    """How a recording stands."""

    active: bool
    elapsed_s: float
    bytes_written: int
    bytes_free: int  # on the disk
    counts: Counts
    problem: str  # why it was stopped; empty: it was not, or as intended
    planned_s: float = 0.0  # 0: no length is planned
    ends_by_itself: bool = False  # when the planned length is over

    @property
    def left_s(self) -> float:
        """Time left of the planned length; 0 after it, and where none is planned."""
        return max(0.0, self.planned_s - self.elapsed_s)
