"""How a run stands: what records it, how far it is, when it ends, and the room on its disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError, cure

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.study.run_files import Counts, Weights

_GRACE_S = 1.0
"""A frame that arrived in time may be judged a little later; a hand may stop a little sooner."""
RESERVE_BYTES = 64_000_000
"""Recording stops when less is free: enough to close the run, and for the system to live."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What records: asked for at the start of every run."""

    source: str  # name of the source
    synthetic: bool  # whether no person is before the camera
    device_clock: str  # what `device_s` is: "camera", "host" or "source"
    weights: tuple[Weights, ...]
    depth_unit_m: float = 1e-4  # step of the depth video; the camera's own keeps it lossless
    camera: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)


class PlannedEnd:
    """`planned_s` of 0: no length is planned. May be asked and called off by any thread."""

    def __init__(self, planned_s: float = 0.0, by_itself: bool = False) -> None:
        self.planned_s = planned_s
        self._by_itself = by_itself and planned_s > 0

    @property
    def by_itself(self) -> bool:
        """Whether the run is going to end by itself."""
        return self._by_itself

    @property
    def sentence(self) -> str:
        """Why the run ended, for its last event."""
        return f"the planned {self.planned_s:g} s are over"

    def is_past(self, onset_s: float) -> bool:
        """Whether a frame that arrived then comes after the end."""
        return self._by_itself and onset_s >= self.planned_s

    def is_short(self, elapsed_s: float) -> bool:
        """Whether a run that ends after so long has missed its planned length."""
        return elapsed_s < self.planned_s - _GRACE_S

    def is_overdue(self, elapsed_s: float) -> bool:
        """Whether it is time to end even though no frame has come since."""
        return self.is_past(elapsed_s - _GRACE_S)

    def call_off(self) -> None:
        """Let the run go on until it is stopped."""
        self._by_itself = False


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


class DiskRoom:
    """Watches the disk of a run's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bytes_free = 0  # when it was last looked at

    def require(self) -> None:
        """Look at the disk.

        Raises:
            FercoreError: it is nearly full.
            OSError: it cannot be asked.
        """
        self.bytes_free = shutil.disk_usage(self._folder).free
        if self.bytes_free < RESERVE_BYTES:
            raise FercoreError(
                f"The disk of {self._folder} is nearly full "
                f"({self.bytes_free / 1e6:.0f} MB free); free some space, "
                "what is written so far is valid."
            )

    def unwritable(self, error: OSError) -> FercoreError:
        """Return in a sentence what failed, and what to do."""
        return FercoreError(
            f"{self._folder} cannot be written ({error.strerror or error}); {cure(error)} "
            "or choose another disk, what is written so far is valid."
        )
