"""What a window can do beside showing frames: studies, quick recording, where the networks look."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.window.activation_mode import ActivationMode
from app.window.recording_mode import RecordingMode
from app.window.study.gear import FaceFinder, equipment_of
from app.window.study.mode import StudyMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.live.activation_worker import Explainer
    from app.live.session import Session
    from app.start.settings import Settings
    from app.study.equipment import Equipment
    from app.window.main_window import MainWindow
    from fercore.study.run_files import Weights


def add_modes(
    window: MainWindow,
    session: Session,
    settings: Settings,
    weights: Callable[[], tuple[Weights, ...]],
    explainer: Callable[[], Explainer] | None,
) -> StudyMode:
    """Give a window all it can do beside showing frames; return its studies."""

    def equipment() -> Equipment:
        return equipment_of(session.source, weights())

    ActivationMode(window, session, explainer)
    study = StudyMode(window, session, weights)
    window.panel.snapshot_refusal = study.snapshot_refusal
    refusal = partial(_recording_refusal, study)
    recording = RecordingMode(window, session, settings, equipment, FaceFinder(), refusal)
    study.refusal = recording.study_refusal
    return study


def _recording_refusal(study: StudyMode) -> str:
    """Return why nothing may be recorded beside a study, empty where none is open."""
    if study.desk is None:
        return ""
    if study.desk.recording:
        return "No quick recording: a run of the study is being recorded."
    return "No quick recording: while a study is open, its runs alone are recorded."
