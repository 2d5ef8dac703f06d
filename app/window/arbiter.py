"""Who records, and so who else may: studies, quick recordings and snapshots ask here."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorder(Protocol):
    """What can record."""

    @property
    def recording(self) -> bool:
        """Whether it does so now."""
        ...


class Act(Enum):
    """What would disturb a recording; the value asks whether to do it nevertheless."""

    CHANGE_SOURCE = "Change the source nevertheless?"
    QUIT = "Quit nevertheless?"


_RUN, _QUICK = "A run is being recorded.", "A quick recording runs."
_CONSEQUENCES = {
    (_RUN, Act.CHANGE_SOURCE): "It goes on with another source, but its record, its events and the "
    "report will say that the source was changed.",
    (_RUN, Act.QUIT): "It would end here, and not count as complete.",
    (_QUICK, Act.CHANGE_SOURCE): "It ends with this source.",
    (_QUICK, Act.QUIT): "It would end here.",
}


class Arbiter:
    """Knows the study that is open and the quick recording; refuses in sentences.

    `networks_problem` returns why there are no networks, empty where there are.
    """

    def __init__(self, networks_problem: Callable[[], str] = str) -> None:
        self._networks_problem = networks_problem
        self.study: Recorder | None = None  # the one that is open
        self.quick: Recorder | None = None

    def require_networks(self) -> None:
        """Make sure that what would be recorded is judged.

        Raises:
            FercoreError: there are no networks.
        """
        if problem := self._networks_problem():
            raise FercoreError(f"Nothing can be recorded. {problem}")

    def require_no_recording(self) -> None:
        """Make sure that a study may be opened or closed.

        Raises:
            FercoreError: something is being recorded.
        """
        if _records(self.study):
            raise FercoreError("A run is being recorded; stop it first.")
        if _records(self.quick):
            raise FercoreError("A quick recording runs; stop it first, then open the study.")

    def require_quick(self) -> None:
        """Make sure that a quick recording may begin.

        Raises:
            FercoreError: a study is open.
        """
        if _records(self.study):
            raise FercoreError("No quick recording: a run of the study is being recorded.")
        if self.study is not None:
            raise FercoreError(
                "No quick recording: while a study is open, its runs alone are recorded."
            )

    def require_snapshot(self) -> None:
        """Make sure that a picture may be kept.

        Raises:
            FercoreError: a study is open.
        """
        if self.study is not None:
            raise FercoreError(
                "No snapshot: while a study is open, pictures are kept in its runs alone."
            )

    def question(self, act: Act) -> str:
        """Return what is to be asked before an act, empty where nothing is recorded."""
        for what, recorder in ((_RUN, self.study), (_QUICK, self.quick)):
            if _records(recorder):
                return f"{what} {_CONSEQUENCES[what, act]} {act.value}"
        return ""


def _records(recorder: Recorder | None) -> bool:
    return recorder is not None and recorder.recording
