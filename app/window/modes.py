"""What a window can do beside showing frames: studies, quick recording, where the networks look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.window.activation_mode import ActivationMode
from app.window.recording_mode import RecordingMode
from app.window.study.mode import FaceFinder, StudyMode, equipment_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.live.activation_worker import Explainer
    from app.live.session import Session
    from app.start.settings import Settings
    from app.study.run_state import Equipment
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

    ActivationMode(window, explainer)
    study = StudyMode(window, session, weights)
    RecordingMode(window, session, settings, equipment, FaceFinder())
    return study
