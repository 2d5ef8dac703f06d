"""The planned length of a run: whether it ends by itself then, and whether someone said no."""

from __future__ import annotations

_GRACE_S = 1.0
"""A frame that arrived in time may be judged a little later; a hand may stop a little sooner."""


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
