"""What the experimenter should know of a run while it is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from app.study.progress import RecordingProgress
    from app.window.study.live_figures import Observed


def remarks(progress: RecordingProgress | None, observed: Observed) -> list[str]:
    """Return what needs attention, one short sentence each; nothing without a run."""
    if progress is None or not progress.active:
        return []
    found = []
    if observed.frames_per_second == 0:
        found.append("NO FRAMES COME IN")
    if QApplication.activeWindow() is None:
        found.append("marker keys work only while this window is in front")
    if 0 < progress.planned_s <= progress.elapsed_s:
        found.append(f"the planned {progress.planned_s:g} s are over")
    return found
