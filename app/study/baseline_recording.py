"""The recording of a neutral baseline, which a session's runs are corrected by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.study.baseline import Baseline, BaselineCollector, save_baseline
from fercore.study.layout import BASELINE_FILE, session_folder
from fercore.study.participants import read_participant

if TYPE_CHECKING:
    from pathlib import Path

    from fercore.faces.head_angle import HeadAngle
    from fercore.structures import Analysis


class BaselineRecording:
    """Collects frames between `begin` and `finish`; `add` may come from another thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._collector: BaselineCollector | None = None

    def begin(self) -> None:
        """Take the coming frames as the neutral baseline."""
        self._collector = BaselineCollector()

    def add(self, analysis: Analysis, host_s: float, angle: HeadAngle | None = None) -> None:
        """Take a judged frame, if one is wanted."""
        collector = self._collector
        if collector is not None:
            collector.add(analysis, host_s, angle)

    def finish(self, subject: str, session: str) -> Baseline:
        """Judge the frames since `begin` and keep them for the session.

        Raises:
            FercoreError: it was not begun, or the face did not keep still.
        """
        collector, self._collector = self._collector, None
        if collector is None:
            raise FercoreError("No baseline was begun; begin it first.")
        read_participant(self._folder, subject)
        baseline = collector.result()
        save_baseline(session_folder(self._folder, subject, session) / BASELINE_FILE, baseline)
        return baseline
