"""The window: assembles the widgets, polls the session on a timer, keeps the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QMessageBox

from app.live.session import State
from app.sources.base import LiveSource, Replay
from app.sources.choice import SAMPLE, full_name, is_camera, opened_source
from app.window.arbiter import Act, Arbiter
from app.window.centre import Centre
from app.window.menus import SourceMenu, ViewMenu
from app.window.player import Player
from app.window.stage import StageWindow
from app.window.view_panel import CameraPanel, ViewPanel
from app.window.widgets.cloud_view import CloudDock
from app.window.widgets.lines import StatusLine
from app.window.widgets.menus import (
    Command,
    KeyHelp,
    about_text,
    add_entry,
    add_switch,
    is_confirmed,
)
from app.window.widgets.seek_bar import SeekBar
from app.window.widgets.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from app.live.inference import Judged
    from app.live.session import Session
    from app.sources.base import FrameSource
    from app.start.logs import Troubles
    from app.start.settings import Settings

TITLE = "rgbd-fer"
DEFAULT_SIZE = (1280, 800)
_POLL_MS = 8  # half of it is what a verdict waits to be drawn, on average
_IDLE_POLL_MS = 100  # while nothing moves, and nobody has asked for anything for a second
_IDLE_AFTER = 125  # polls without a frame
_STILL = (State.EMPTY, State.WAITING, State.PAUSED, State.ENDED, State.FAILED)
_FIGURES_MS = 500
_FRAME_ROOM = QSize(16, 48)  # what a window manager adds around a window


class MainWindow(QMainWindow):
    """Shows what a session finds out about its source."""

    presented = Signal(object)  # the `Judged` frame that is shown, not smoothed
    networks_changed = Signal()  # others judge
    cleared = Signal()  # nothing is shown any more
    closing = Signal()  # it is out of sight, and about to end the session

    def __init__(self, session: Session, settings: Settings, troubles: Troubles) -> None:
        super().__init__()
        self.session = session
        self._settings = settings
        self._troubles = troubles
        self.setWindowTitle(TITLE)
        self._knows_truth = False
        self._source: FrameSource | None = None
        self._chosen = ""  # what the settings remember once it is open
        self._idle_polls = 0
        self.judges = ""  # the name of the networks
        self._loaded_by = session.loaded_by  # of those that judged what is shown
        self.arbiter = Arbiter(session.unjudged)
        self._fit_screen(QSize(*DEFAULT_SIZE))
        self._assemble()
        self._connect()
        self._build_menus()
        self._poll_timer = self._every(_POLL_MS, self._poll)
        self._figures_timer = self._every(_FIGURES_MS, self._show_figures)

    def begin(self, open_source: Callable[[], FrameSource], name: str) -> None:
        """Load the networks and play a source; `name` is what the settings remember.

        A camera that is not there is waited for.
        """
        if self._settings.geometry is not None:
            self.restoreGeometry(self._settings.geometry)
            self._fit_screen(self.size())
        self.session.start()
        self.open_source(open_source, name)
        self._poll_timer.start()
        self._figures_timer.start()

    def open_source(self, open_source: Callable[[], FrameSource], name: str) -> None:
        """Leave the present source for another, once that has been opened."""
        nothing_else = self.session.source is None
        self.session.open(open_source, wait=nothing_else and is_camera(name))
        self._chosen = name
        self.status.show_message("")
        self._wake()

    def show_source(self, source: FrameSource) -> None:
        """Name the source, fill the choosers, and clear what the last one showed."""
        clips = source.clips if isinstance(source, Replay) else ()
        self.setWindowTitle(f"{source.name} – {TITLE}")
        self.transport.set_clips([(clip.subject, clip.label) for clip in clips])
        self._knows_truth = source.facts.knows_truth
        self.camera.show_source(source)
        self.clear()
        self.player.show_source(source)

    def clear(self) -> None:
        """Show no frame, and nothing that was said of one."""
        self.centre.clear()
        self.cloud.view.clear()
        self.stage.clear()
        self.panel.clear()
        self.cleared.emit()

    def present(self, judged: Judged) -> None:
        """Show one judged frame everywhere."""
        shown = self.panel.take(judged, self._source)
        arrived_s = judged.arrival.arrived_s
        time_s, stored = self.player.take(judged)
        self.centre.show_analysis(shown, self._knows_truth, judged.faces, arrived_s, time_s, stored)
        self.cloud.view.show_analysis(shown)
        if self.stage.isVisible():
            self.stage.show_analysis(shown, isinstance(self._source, LiveSource))
        self.presented.emit(judged)

    def enter_stage(self) -> None:
        """Give way to the presentation; replays go round and round meanwhile."""
        self.stage.enter(self)
        self.hide()
        self._follow_looping()
        self._wake()
        self.session.play()

    def insert_menu(self, title: str) -> QMenu:
        """Return a new menu, before the one that helps."""
        menu = QMenu(title, self)
        self.menuBar().insertMenu(self.menuBar().actions()[-1], menu)
        return menu

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if _dropped(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        event.acceptProposedAction()
        self._open_named(_dropped(event.mimeData()))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the window's place and end every thread; while something records, ask first."""
        if not self._is_confirmed(Act.QUIT):
            event.ignore()
            return
        self._poll_timer.stop()
        self._figures_timer.stop()
        self._settings.geometry = self.saveGeometry()
        self.stage.hide()
        self.hide()
        self.closing.emit()
        self.session.close()
        super().closeEvent(event)
        # By itself Qt ends only with a window in sight: not from the stage. Where it does, its own
        # word comes first: a second one would be left behind and end whatever runs next.
        QTimer.singleShot(0, QApplication.quit)

    def _assemble(self) -> None:
        self.transport = Transport()
        self.centre = Centre()
        self.banner, self.head_row = self.centre.banner, self.centre.head_row
        self.colour_view, self.depth_view = self.centre.colour_view, self.centre.depth_view
        self.charts, self.timeline = self.centre.charts, self.centre.timeline
        self.status = StatusLine()
        self.camera = CameraPanel(self.banner, self.transport)
        self.panel = ViewPanel(self._settings, self.centre.bar, self.arbiter)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.camera.options)
        self.cloud = CloudDock()
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.cloud)
        self.stage = StageWindow()
        self.addToolBar(self.transport)
        self.seek_bar = SeekBar()
        self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, self.seek_bar)
        self.player = Player(self.session, self.seek_bar, self.timeline, self.transport)
        self.setAcceptDrops(True)
        self.setStatusBar(self.status)
        self.setCentralWidget(self.centre)

    def _connect(self) -> None:
        self.transport.play_pressed.connect(self._toggle_play)
        self.transport.step_pressed.connect(self.session.step)
        self.transport.speed_chosen.connect(self.session.set_speed)
        self.transport.clip_chosen.connect(self.session.jump)
        self.transport.loop_toggled.connect(self._follow_looping)
        self.stage.left.connect(self._leave_stage)
        asking = (self.transport.step_pressed, self.transport.clip_chosen, self.seek_bar.sought)
        for asked in (*asking, self.timeline.sought, self.transport.step_back_pressed):
            asked.connect(self._wake)
        self.colour_view.clicked.connect(self.session.select_face)

    def _build_menus(self) -> None:
        self.source_menu = source_menu = SourceMenu(self)
        source_menu.chosen.connect(self._open_named)
        add_entry(self, source_menu, Command.SNAPSHOT, self._take_snapshot)
        add_entry(self, source_menu, Command.QUIT, self.close)
        self.menuBar().addMenu(source_menu)
        self.menuBar().addMenu("&Playback").addActions(self.transport.playback_actions())
        self.addActions(self.transport.playback_actions())
        self.stage.addActions(self.transport.playback_actions())
        self.view_menu = ViewMenu(
            self, self._settings, self.panel, self.session.select_face, self.enter_stage
        )
        add_switch(self, self.view_menu, Command.WHOLE_TIMELINE, self.timeline.show_whole)
        add_entry(self, self.view_menu, Command.EXPORT_TIMELINE, self._export_timeline)
        for dock in (self.camera.options, self.cloud):
            self.view_menu.addAction(dock.toggleViewAction())
        self.addAction(self.cloud.toggleViewAction())
        self.menuBar().addMenu(self.view_menu)
        help_menu = self.menuBar().addMenu("&Help")
        add_entry(self, help_menu, Command.KEYS, self._show_keys)
        add_entry(self, help_menu, Command.ABOUT, self._show_about)

    def _every(self, milliseconds: int, then: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(milliseconds)
        timer.timeout.connect(then)
        return timer

    def _poll(self) -> None:
        judged = self.session.poll()
        self._follow_source()
        self._follow_networks(judged)
        if judged is not None:
            self.present(judged)
            self.transport.set_clip(judged.arrival.clip)
        self.transport.set_playing(self.session.will_play)
        self.camera.follow(self.session.condition, self.clear)
        state = self.session.state
        judges = f", {self.judges}" if self.judges else ""
        self.status.show_state(state + judges + self.panel.remark)
        self.colour_view.show_notice(self._notice())
        if self.panel.resting.news:
            self.status.show_message(self.panel.resting.news)
            self.panel.resting.news = ""
        trouble = self._troubles.take()
        if trouble is not None:
            self.status.show_message(trouble)
        self._rest(judged is None and state in _STILL)

    def _notice(self) -> str:
        """Return what has to stay on the screen, empty where all is well."""
        if excuse := self.session.excuse:
            waiting = "It is waited for. The menu Source has others."
            return f"{excuse} {waiting}"
        return self.session.networks_problem

    def _rest(self, is_still: bool) -> None:
        """Poll less often while nothing moves: 125 times a second keeps a core from sleeping."""
        self._idle_polls = self._idle_polls + 1 if is_still else 0
        rests = self._idle_polls > _IDLE_AFTER
        interval = _IDLE_POLL_MS if rests else _POLL_MS
        if self._poll_timer.interval() != interval:
            self._poll_timer.setInterval(interval)

    def _wake(self) -> None:
        """Poll often again: somebody asked for something."""
        self._rest(False)

    def _follow_source(self) -> None:
        source = self.session.source
        if source is None or source is self._source:
            return
        self._source = source
        self._settings.source = self._chosen
        self.transport.loop.setChecked(self._chosen == SAMPLE)  # a demonstration never halts
        self.show_source(source)

    def _follow_networks(self, judged: Judged | None) -> None:
        """Clear what others said before anything is shown that the networks of now say."""
        load = (judged.by if judged else None) or self.session.loaded_by
        if load is not self._loaded_by:
            self._loaded_by = load
            self.clear()
            self.networks_changed.emit()

    def _show_figures(self) -> None:
        self.status.show_figures(*self.session.statistics())
        if self.session.condition is not None:
            self.colour_view.grow_older()

    def _fit_screen(self, wanted: QSize) -> None:
        """Take a size, or as much of it as the screen has room for, all edges in view."""
        room = self.screen().availableGeometry()
        self.resize(wanted.boundedTo(room.size() - _FRAME_ROOM))
        if not room.contains(self.frameGeometry()):
            self.move(room.topLeft())

    def _is_confirmed(self, act: Act) -> bool:
        """Ask before an act that would disturb a recording; the stage gives way to the question."""
        question = self.arbiter.question(act)
        if question and self.stage.isVisible():
            self.stage.close()
        return not question or is_confirmed(self, question)

    def _leave_stage(self) -> None:
        self.show()
        self.stage.hide()
        self.activateWindow()
        self._follow_looping()

    def _follow_looping(self) -> None:
        self.session.set_looping(self.transport.loop.isChecked() or self.stage.isVisible())

    def _toggle_play(self) -> None:
        self._wake()
        if self.session.will_play:
            self.session.pause()
        else:
            self.session.play()

    def _open_named(self, text: str) -> None:
        name = full_name(text)
        if self._is_confirmed(Act.CHANGE_SOURCE):
            self.open_source(lambda: opened_source(name), name)

    def _take_snapshot(self) -> None:
        view = self.grab().toImage()
        self.status.show_message(self.panel.snapshot(view, self._source))

    def _export_timeline(self) -> None:
        self.status.show_message(self.player.export(self))

    def _show_about(self) -> None:
        QMessageBox.about(self, "About rgbd-fer", about_text(self.judges))

    def _show_keys(self) -> None:
        KeyHelp(self.actions(), self).show()


def _dropped(data: QMimeData) -> str:
    """Return the first file or folder that is dragged here, empty where there is none."""
    return next((url.toLocalFile() for url in data.urls() if url.isLocalFile()), "")
