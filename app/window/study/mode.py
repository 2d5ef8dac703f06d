"""Study mode: the window's menu entries, the study that is open, and what records in it."""

from __future__ import annotations

import logging
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QInputDialog

from app.sources.base import Adjustable
from app.study.desk import Desk
from app.study.run_state import Equipment
from app.window.study.checks import LiveFigures
from app.window.study.dock import StudyDock
from app.window.study.recording_line import MarkerKeys
from app.window.study.study_folder import study_folder
from app.window.widgets.menus import Command, add_entry
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.live.inference import Judged
    from app.live.session import Session
    from app.sources.base import FrameSource
    from app.window.main_window import MainWindow
    from fercore.faces.detection import MediapipeFaceDetector
    from fercore.structures import FaceBox, UInt8Array
    from fercore.study.run_files import Weights

logger = logging.getLogger(__name__)


def equipment_of(source: FrameSource | None, weights: tuple[Weights, ...]) -> Equipment:
    """Return what records.

    Raises:
        FercoreError: no source is open.
    """
    if source is None:
        raise FercoreError("No camera is open; open one in the menu Source first.")
    facts = source.facts
    known = facts.device.get("depth_unit_m")
    return Equipment(
        source=source.name,
        synthetic=facts.synthetic,
        device_clock=facts.clock,
        weights=weights,
        # In the camera's own steps nothing of its depth is rounded.
        **({"depth_unit_m": known} if known else {}),
        camera={"name": source.name, **facts.device, **_settings(source)},
    )


class FaceFinder(threading.local):
    """A face detector for each thread that asks: a detector belongs to one thread only."""

    def __init__(self) -> None:
        self._detector: MediapipeFaceDetector | None = None

    def __call__(self, rgb: UInt8Array) -> Sequence[FaceBox]:
        """Return the faces in a picture (H, W, 3)."""
        if self._detector is None:
            from fercore.faces.detection import MediapipeFaceDetector

            self._detector = MediapipeFaceDetector()
        return self._detector.detect(rgb)


def _settings(source: FrameSource) -> dict[str, dict[str, Any]]:
    """Return what can be set and how it is, a choice by its name, and the units."""
    if not isinstance(source, Adjustable):
        return {}
    controls = source.controls
    return {
        "settings": {c.name: dict(c.choices).get(c.value, c.value) for c in controls},
        "setting_units": {c.name: c.unit for c in controls if c.unit},
    }


class StudyMode(QObject):
    """Adds the menu "Study" to a window; closing the window closes the run.

    `weights` returns what judges, and is asked at the start of every run.
    """

    def __init__(
        self, window: MainWindow, session: Session, weights: Callable[[], tuple[Weights, ...]]
    ) -> None:
        super().__init__(window)
        self._window, self._session, self._weights = window, session, weights
        self.desk: Desk | None = None
        self.dock: StudyDock | None = None
        self._keys: MarkerKeys | None = None
        self._arbiter = window.arbiter
        self._figures = LiveFigures()
        self._build_menu()
        window.closing.connect(self.close)
        window.networks_changed.connect(self._drop_baseline)

    def open(self, folder: Path) -> None:
        """Open the study in a folder, leaving the present one.

        Raises:
            FercoreError: something is being recorded, or the study cannot be used.
        """
        self._arbiter.require_no_recording()
        desk = Desk(folder, self._equipment, FaceFinder())
        keys = MarkerKeys(self._window, desk.study.markers)
        self.close()
        self._figures = LiveFigures()
        dock = StudyDock(desk, self._session, self._figures)
        keys.pressed.connect(dock.mark)
        self.desk, self.dock, self._keys = desk, dock, keys
        self._arbiter.study = desk
        self._window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        self._session.set_listener(self._hear)

    def close(self) -> None:
        """Stop the run and all that belongs to the study; safe to call twice."""
        desk, dock, keys = self.desk, self.dock, self._keys
        self.desk = self.dock = self._keys = self._arbiter.study = None
        if desk is not None:
            self._session.set_listener(None)
            desk.close()
        if keys is not None:
            keys.close()
        if dock is not None:
            dock.stop()
            self._window.removeDockWidget(dock)
            dock.deleteLater()

    def _hear(self, judged: Judged) -> None:
        """Record a result; called by the judging thread."""
        desk = self.desk
        # The frame that was being judged while the source changed comes late.
        if desk is not None and judged.arrival.source is self._session.source:
            self._figures.add(judged)
            arrived_s = judged.arrival.arrived_s
            desk.add(judged.analysis, arrived_s, judged.angle, judged.faces)

    def _equipment(self) -> Equipment:
        self._arbiter.require_networks()
        return equipment_of(self._session.source, self._weights())

    def _build_menu(self) -> None:
        menu = self._window.insert_menu("S&tudy")
        add = partial(add_entry, self._window, menu)
        add(Command.OPEN_STUDY, self._choose)
        add(Command.CLOSE_STUDY, self._close_by_hand)
        menu.addSeparator()
        add(Command.START_BLOCK, self._start_block)
        add(Command.STOP_BLOCK, self._stop_block)
        add(Command.KEEP_ON, self._keep_on)

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Open a study file", filter="Studies (*.toml)"
        )
        if path:
            self._try(lambda: self.open(study_folder(Path(path), None, self._ask_purpose)))

    def _ask_purpose(self, title: str) -> str:
        """Ask what a new study is for; empty where nobody says it."""
        return QInputDialog.getMultiLineText(
            self._window,
            "What is the study for?",
            f"Participants of “{title}” are to be told, in a sentence or two:",
        )[0]

    def _close_by_hand(self) -> None:
        self._try(self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._arbiter.require_no_recording()
        self.close()

    def _start_block(self) -> None:
        if self.dock is not None:
            self.dock.start_block()

    def _stop_block(self) -> None:
        if self.dock is not None:
            self.dock.stop_block()

    def _drop_baseline(self) -> None:
        if self.dock is not None:
            self.dock.drop_baseline()

    def _keep_on(self) -> None:
        if self.dock is not None:
            self.dock.keep_recording()

    def _try(self, do: Callable[[], None]) -> None:
        try:
            do()
        except FercoreError as error:
            logger.error("%s", error)
