"""The study beside the pictures: its panels, and the way that leads from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QDockWidget,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.window.study.checks import ClockWatch, all_checks, surroundings
from app.window.study.panels import BaselinePanel, ChecklistPanel, LinksPanel
from app.window.study.participant_form import ParticipantForm, admit
from app.window.study.recording_line import RecordingLine, dropped, remarks
from app.window.study.run_sheet_panel import RunSheetPanel
from app.window.widgets.menus import is_confirmed
from fercore.errors import FercoreError
from fercore.study.layout import BASELINE_FILE, session_folder
from fercore.study.run_files import RunState

if TYPE_CHECKING:
    from app.live.session import Session
    from app.sources.base import FrameSource
    from app.study.desk import Desk
    from app.window.study.checks import LiveFigures
    from app.window.study.participant_form import SessionPlan

_TICK_MS = 250
_LEAST_WIDTH = 280  # pixels; what needs more can be scrolled


class StudyDock(QDockWidget):
    """Leads an experimenter through sessions of one study; `stop` before it goes."""

    def __init__(self, desk: Desk, session: Session, figures: LiveFigures) -> None:
        super().__init__(f"Study: {desk.study.title}")
        self._desk, self._session, self._figures = desk, session, figures
        self._clock = ClockWatch()
        self._plan: SessionPlan | None = None
        self._was_recording = False
        self._source: FrameSource | None = None
        # The recording state is always in view, so this cannot be closed by accident.
        self.setFeatures(~QDockWidget.DockWidgetFeature.DockWidgetClosable & self.features())
        self.setAllowedAreas(
            Qt.DockWidgetArea.LeftDockWidgetArea | Qt.DockWidgetArea.RightDockWidgetArea
        )
        self._make_panels()
        self._arrange()
        self._connect()
        self._follow_plan()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()

    def stop(self) -> None:
        """Look at the desk no more."""
        self._timer.stop()
        self.baseline.stop()

    def start_block(self) -> None:
        """Start recording the chosen block, if that can be done."""
        block, plan = self.sheet.block, self._plan
        if block is None or plan is None or self._desk.recording:
            return
        if self._desk.finishing:
            self.sheet.message.problem("The last run is still being written; wait a moment.")
            return
        if self.sheet.is_done(block) and not is_confirmed(
            self, f"Block {block.number} is recorded already. Record it again, as a further run?"
        ):
            return
        if self.baseline.running:
            self.sheet.message.problem("The baseline is being recorded; wait until it is done.")
            return
        self._check()
        try:
            checks = self.checklist.checks()
            name = self._desk.start(plan.subject, plan.session, block.task, block.condition, checks)
        except FercoreError as error:
            self.sheet.message.problem(str(error))
            return
        self.sheet.message.note(f"Recording {name.stem}.")
        self.window().setFocus()  # away from text fields, which would swallow marker keys
        self.refresh()

    def stop_block(self) -> None:
        """Stop the recording and say what became of it, at once or as soon as all is written."""
        if not self._desk.stop_aside():
            self.sheet.message.note("Stopped; what was recorded is being written.")
            return
        record = self._desk.stop()
        if record is not None:
            counts = record.counts
            said = f"{counts.frames} frames, {counts.events} events, {dropped(counts)}"
            if record.state is RunState.COMPLETE:
                self.sheet.message.note(f"Recorded: {said}.")
                self._go_on()
            else:
                self.sheet.message.problem(f"{record.problem} Kept: {said}.")
        self.refresh()

    def _go_on(self) -> None:
        """Choose the next block, so that the key that started this one starts that."""
        if self._plan is not None:
            self._show_done(self._plan)
            self.sheet.go_to_next()

    def keep_recording(self) -> None:
        """Let a run that would end by itself go on until it is stopped."""
        if self._desk.keep_recording():
            self.sheet.message.note("The run goes on until you stop it.")
        self.refresh()

    def drop_baseline(self) -> None:
        """End a baseline that is being recorded: others judge than when it was begun."""
        if self.baseline.running:
            self.baseline.stop()
            self._desk.baseline.drop()
            self.baseline.message.problem("Other networks judge now; record the baseline again.")

    def mark(self, name: str) -> None:
        """Mark an event by key; without a recording, say that it is lost."""
        try:
            onset_s = self._desk.mark(name, "key").onset_s
        except FercoreError as error:
            self.sheet.message.problem(str(error))
        else:
            self.sheet.message.note(f"Marked {name} at {onset_s:.2f} s.")

    def refresh(self) -> None:
        """Show how everything stands."""
        progress = self._desk.progress()
        recording = self._desk.recording
        if self._desk.finishing:
            self.line.show_progress(progress, remarks(progress, self._figures.observed()))
            return
        if progress is not None and not recording and self._was_recording:
            self._was_recording = False  # it ended by itself
            self.stop_block()
            self._follow_plan()
            return
        self.line.show_progress(progress, remarks(progress, self._figures.observed()))
        self._check()
        if recording != self._was_recording:
            self._was_recording = recording
            self._follow_plan()
        self.sheet.show_recording(recording, progress is not None and progress.ends_by_itself)
        self._note_other_source(recording)

    def _make_panels(self) -> None:
        study = self._desk.study
        self.line = RecordingLine()
        self.form = ParticipantForm(study)
        self.checklist = ChecklistPanel()
        self.baseline = BaselinePanel(study.baseline_s)
        self.sheet = RunSheetPanel(study.markers)
        self.links = LinksPanel(self._desk)
        self.tabs = QTabWidget()

    def _arrange(self) -> None:
        self.tabs.addTab(_scrolling(self.form), "Participant")
        self.tabs.addTab(_scrolling(self.checklist), "Checks")
        if self._desk.study.baseline:
            self.tabs.addTab(_scrolling(self.baseline), "Baseline")
        self.tabs.addTab(_scrolling(self.sheet), "Runs")
        self.tabs.addTab(_scrolling(self.links), "Links")
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.addWidget(self.line)
        column.addWidget(self.tabs, 1)
        whole.setMinimumWidth(_LEAST_WIDTH)
        self.setWidget(whole)

    def _connect(self) -> None:
        self.form.submitted.connect(self._begin_session)
        self.baseline.begun.connect(self._begin_baseline)
        self.baseline.ended.connect(self._finish_baseline)
        self.sheet.start_pressed.connect(self.start_block)
        self.sheet.stop_pressed.connect(self.stop_block)
        self.sheet.keep_on_pressed.connect(self.keep_recording)

    def _begin_session(self) -> None:
        form, desk = self.form, self._desk
        try:
            subject, session = form.subject.text().strip(), form.session.text().strip()
            self._plan = admit(
                desk.folder, desk.study, form.admission, subject, session, form.answers
            )
            done, broken = self._plan.done(), self._plan.broken_off()
        except FercoreError as error:
            form.message.problem(str(error))
            return
        form.clear_answers()
        form.message.note(f"Participant {self._plan.subject}, session {self._plan.session}.")
        self.checklist.forget_reasons()
        self.baseline.message.note(self._stored_baseline())
        self.sheet.show_blocks(self._plan.blocks, done)
        self.sheet.message.note("")
        if broken:
            self.sheet.message.problem(f"{broken[0]} broke off; `fercore recover` closes it.")
        self._follow_plan()
        self._go_to(self.checklist)

    def _begin_baseline(self) -> None:
        try:
            self._desk.baseline.begin()
        except FercoreError as error:
            self.baseline.stop()
            self.baseline.message.problem(str(error))

    def _finish_baseline(self) -> None:
        plan = self._plan
        if plan is None:
            return
        try:
            baseline = self._desk.baseline.finish(plan.subject, plan.session)
        except FercoreError as error:
            self.baseline.message.problem(str(error))
            return
        self.baseline.message.note(
            f"Accepted and stored: {baseline.frames} frames in {baseline.duration_s:.1f} s."
        )

    def _stored_baseline(self) -> str:
        plan = self._plan
        if plan is None:
            return ""
        path = session_folder(plan.folder, plan.subject, plan.session) / BASELINE_FILE
        return "Stored already; another one replaces it." if path.exists() else ""

    def _follow_plan(self) -> None:
        """Open those panels that can be used now, and mark what is recorded."""
        plan, recording = self._plan, self._was_recording
        usable = {self.form: True, self.checklist: True, self.links: True}
        usable |= {self.baseline: plan is not None, self.sheet: plan is not None}
        for panel, can_be_used in usable.items():
            panel.setEnabled(can_be_used and (not recording or panel is self.sheet))
        if recording:
            self._go_to(self.sheet)
            self.sheet.setEnabled(True)  # a run that was started from afar can be stopped here
        elif plan is not None:
            self._show_done(plan)

    def _show_done(self, plan: SessionPlan) -> None:
        try:
            self.sheet.show_done(plan.done())
        except FercoreError as error:
            self.sheet.message.problem(str(error))

    def _check(self) -> None:
        around = surroundings(self._desk, self._session.source, self._clock.problem())
        self.checklist.show_checks(all_checks(self._figures.observed(), around))
        self._desk.checklist = self.checklist.checks()

    def _note_other_source(self, recording: bool) -> None:
        source, before = self._session.source, self._source
        self._source = source
        if recording and source is not before and source is not None:
            self._desk.remark(f"the source changed to {source.name}")

    def _go_to(self, panel: QWidget) -> None:
        for place in range(self.tabs.count()):
            area = self.tabs.widget(place)
            if isinstance(area, QScrollArea) and area.widget() is panel:
                self.tabs.setCurrentIndex(place)


def _scrolling(panel: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(panel)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area
