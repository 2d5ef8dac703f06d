"""The remote control's hands at the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from app.study.desk import Desk


class RemoteCommands:
    """What a remote client may do at the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def start(self, subject: str, session: str, task: str, condition: str) -> str:
        """Start a run and return its name."""
        desk = self._desk
        return desk.start(subject, session, task, condition, desk.checklist).stem

    def stop(self) -> str:
        """Stop the run and return its state."""
        record = self._desk.stop()
        if record is None:
            raise FercoreError("No run is being recorded.")
        return record.state.value

    def marker(self, name: str, host_s: float, uncertainty_s: float | None) -> float:
        """Mark an event and return its onset in seconds."""
        return self._desk.mark(name, "remote", host_s, uncertainty_s).onset_s

    def status(self) -> dict[str, Any]:
        """Return how the present or last run stands."""
        progress = self._desk.progress()
        if progress is None:
            return {"recording": False}
        return {
            "recording": progress.active,
            "elapsed_s": progress.elapsed_s,
            "planned_s": progress.planned_s,
            "ends_by_itself": progress.ends_by_itself,
            "bytes_written": progress.bytes_written,
            "bytes_free": progress.bytes_free,
            "frames": progress.counts.frames,
            "dropped_rows": progress.counts.dropped_rows,
            "dropped_colour": progress.counts.dropped_colour,
            "dropped_depth": progress.counts.dropped_depth,
            "problem": progress.problem,
        }
