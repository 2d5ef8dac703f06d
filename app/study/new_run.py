"""What a run begins with: whether it may begin, its record and planned length, its baseline."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING

from app.study.run_state import PlannedEnd
from fercore.errors import FercoreError
from fercore.runtime.versions import versions
from fercore.study.baseline import Baseline, BaselineCollector, load_baseline, save_baseline
from fercore.study.layout import BASELINE_FILE, session_folder
from fercore.study.participants import read_participant
from fercore.study.run_files import Clocks, RunRecord, new_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.study.recording import Recording
    from app.study.run_state import Equipment
    from fercore.faces.head_angle import HeadAngle
    from fercore.structures import Analysis
    from fercore.study.layout import RunName
    from fercore.study.run_files import Check
    from fercore.study.study_file import Study


class BaselineRecording:
    """Collects frames between `begin` and `finish`; `add` may come from another thread."""

    def __init__(self, folder: Path, equipment: Callable[[], Equipment]) -> None:
        self._folder, self._equipment = folder, equipment
        self._collector: BaselineCollector | None = None

    def begin(self) -> None:
        """Take the coming frames as the neutral baseline of the networks that judge now.

        Raises:
            FercoreError: nothing can be recorded now.
        """
        self._collector = BaselineCollector(weights=_sums(self._equipment()))

    def drop(self) -> None:
        """Forget what was collected."""
        self._collector = None

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


def require_startable(
    folder: Path, study: Study, subject: str, task: str, condition: str, checklist: Sequence[Check]
) -> None:
    """Make sure that a run of a study may begin.

    Raises:
        FercoreError: a label or the condition is unknown, or a check is red.
    """
    read_participant(folder, subject)
    _require_known(task, [each.label for each in study.tasks], "task")
    _require_known(condition, study.conditions.names, "condition")
    for check in checklist:
        if not check.passed and not check.overridden_because:
            raise FercoreError(f"{check.item}: {check.finding}; mend it or give a reason.")


def record_of(
    folder: Path,
    study: Study,
    name: RunName,
    condition: str,
    equipment: Equipment,
    checklist: Sequence[Check],
    lsl_on: bool,
) -> RunRecord:
    """Return the record of a run that is about to begin.

    Raises:
        FercoreError: the study wants a baseline, and the session has none of these networks.
    """
    return new_record(
        study,
        name,
        condition,
        started_utc="",
        clocks=Clocks(0.0, equipment.device_clock, lsl_on),
        source=equipment.source,
        synthetic=equipment.synthetic,
        weights=equipment.weights,
        depth_unit_m=equipment.depth_unit_m,
        camera=equipment.camera,
        # The study file may be changed later; what held for this run stays with it.
        configuration={"study": asdict(study), **equipment.configuration},
        versions=versions(),
        baseline=_baseline(folder, study, name, equipment),
        checklist=tuple(checklist),
    )


def planned_end(study: Study, task: str) -> PlannedEnd:
    """Return when a run of a task is to end."""
    found = next(each for each in study.tasks if each.label == task)
    return PlannedEnd(found.duration_s, found.ends_by_itself)


def started(recording: Recording) -> None:
    """Start a recording; where that fails, leave nothing behind.

    Raises:
        FercoreError: nothing can be written.
    """
    try:
        recording.start()
    except BaseException:
        # The folder was made a moment ago and holds nothing that anyone could miss.
        shutil.rmtree(recording.place.folder, ignore_errors=True)
        raise


def _baseline(folder: Path, study: Study, name: RunName, equipment: Equipment) -> Baseline | None:
    if not study.baseline:
        return None
    path = session_folder(folder, name.subject, name.session) / BASELINE_FILE
    baseline = load_baseline(path)
    baseline.require_of(_sums(equipment))
    return baseline


def _sums(equipment: Equipment) -> tuple[str, ...]:
    return tuple(each.sha256 for each in equipment.weights)


def _require_known(name: str, known: Sequence[str], what: str) -> None:
    if name not in known:
        raise FercoreError(f"{name!r} is no {what} of the study; take {', '.join(known)}.")
