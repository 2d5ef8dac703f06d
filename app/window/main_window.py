"""The window: assembles the widgets, polls the session on a timer, keeps the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMenu, QVBoxLayout, QWidget

from app.drawing.overlay import HEADS, by_head
from app.sources.base import Replay
from app.sources.choice import full_name, opened_source
from app.window.camera_panel import CameraPanel
from app.window.source_menu import SourceMenu
from app.window.view_menu import ViewMenu
from app.window.view_panel import ViewPanel
from app.window.widgets.banner import Banner
from app.window.widgets.cloud_view import CloudDock
from app.window.widgets.menus import KeyHelp, add_entry
from app.window.widgets.picture_view import ColourView, DepthView
from app.window.widgets.probability_chart import ProbabilityChart
from app.window.widgets.status_line import StatusLine
from app.window.widgets.timeline import Timeline
from app.window.widgets.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QCloseEvent

    from app.live.session import Session
    from app.sources.base import FrameSource
    from app.start.logs import Troubles
    from app.start.settings import Settings
    from fercore.structures import Analysis

TITLE = "rgbd-fer"
DEFAULT_SIZE = (1280, 800)
_POLL_MS = 8  # half of it is what a verdict waits to be drawn, on average
_FIGURES_MS = 500


class MainWindow(QMainWindow):
    """Shows what a session finds out about its source."""

    presented = Signal(object)  # the analysis of a frame that is shown, not smoothed
    cleared = Signal()  # nothing is shown any more
    closing = Signal()  # it is out of sight, and about to end the session

    def __init__(self, session: Session, settings: Settings, troubles: Troubles) -> None:
        super().__init__()
        self._session = session
        self._settings = settings
        self._troubles = troubles
        self.setWindowTitle(TITLE)
        self._knows_truth = False
        self._source: FrameSource | None = None
        self._chosen = ""  # what the settings remember once it is open
        self.resize(*DEFAULT_SIZE)
        self._assemble()
        self._connect()
        self._build_menus()
        self._poll_timer = self._every(_POLL_MS, self._poll)
        self._figures_timer = self._every(_FIGURES_MS, self._show_figures)

    def begin(self, open_source: Callable[[], FrameSource], name: str) -> None:
        """Load the networks and play a source; `name` is what the settings remember."""
        if self._settings.geometry is not None:
            self.restoreGeometry(self._settings.geometry)
        self._session.start()
        self.open_source(open_source, name)
        self._poll_timer.start()
        self._figures_timer.start()

    def open_source(self, open_source: Callable[[], FrameSource], name: str) -> None:
        """Leave the present source for another, once that has been opened."""
        self._session.open(open_source)
        self._chosen = name
        self.status.show_message("")

    def show_source(self, source: FrameSource) -> None:
        """Name the source, fill the choosers, and clear what the last one showed."""
        clips = source.clips if isinstance(source, Replay) else ()
        self.setWindowTitle(f"{source.name} – {TITLE}")
        self.transport.set_clips([(clip.subject, clip.label) for clip in clips])
        self._knows_truth = bool(clips)
        self.camera.show_source(source)
        self.clear()

    def clear(self) -> None:
        """Show no frame, and nothing that was said of one."""
        self.banner.clear()
        self.colour_view.clear()
        self.depth_view.clear()
        for chart in self.charts:
            chart.clear()
        self.timeline.clear()
        self.cloud.view.clear()
        self.panel.clear()
        self.cleared.emit()

    def present(self, analysis: Analysis) -> None:
        """Show one analysed frame everywhere."""
        judged = self._session.judged
        if judged is not None and judged.analysis is not analysis:
            judged = None  # it comes from elsewhere
        shown = self.panel.take(analysis, judged, self._source)
        faces, arrived_s = (judged.faces, judged.arrival.arrived_s) if judged else ((), None)
        self.colour_view.show_analysis(shown, faces, arrived_s)
        self.depth_view.show_analysis(shown)
        self.cloud.view.show_analysis(shown)
        self.banner.show_analysis(shown, self._knows_truth)
        truth = shown.frame.truth
        for chart, prediction in zip(self.charts, by_head(shown.verdicts), strict=True):
            chart.show_prediction(prediction, truth)
        best = shown.verdicts.best() if shown.verdicts else None
        self.timeline.add(shown.frame.timestamp_s, best, truth)
        self.presented.emit(analysis)

    def insert_menu(self, title: str) -> QMenu:
        """Return a new menu, before the one that helps."""
        menu = QMenu(title, self)
        self.menuBar().insertMenu(self.menuBar().actions()[-1], menu)
        return menu

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the window's place and end every thread."""
        self._poll_timer.stop()
        self._figures_timer.stop()
        self._settings.geometry = self.saveGeometry()
        self.hide()
        self.closing.emit()
        self._session.close()
        super().closeEvent(event)

    def _assemble(self) -> None:
        self.transport = Transport()
        self.banner = Banner()
        self.colour_view = ColourView()
        self.depth_view = DepthView()
        self.charts = [ProbabilityChart(head) for head in HEADS]
        self.timeline = Timeline()
        self.status = StatusLine()
        self.camera = CameraPanel(self.banner, self.transport)
        self.panel = ViewPanel(self._settings)
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.camera.options)
        self.cloud = CloudDock()
        self.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.cloud)
        self.addToolBar(self.transport)
        self.setStatusBar(self.status)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(10, 8, 10, 4)
        column.setSpacing(8)
        column.addWidget(self.banner)
        self.head_row = _row(self.panel.bar)
        column.addLayout(self.head_row)
        column.addLayout(_row(self.colour_view, self.depth_view), 6)
        column.addLayout(_row(*self.charts), 2)
        column.addWidget(self.timeline, 2)
        self.setCentralWidget(centre)

    def _connect(self) -> None:
        self.transport.play_pressed.connect(self._toggle_play)
        self.transport.step_pressed.connect(self._session.step)
        self.transport.speed_chosen.connect(self._session.set_speed)
        self.transport.clip_chosen.connect(self._session.jump)
        self.colour_view.clicked.connect(self._session.select_face)

    def _build_menus(self) -> None:
        source_menu = SourceMenu(self)
        source_menu.chosen.connect(self._open_named)
        add_entry(self, source_menu, "Take a sna&pshot", "Ctrl+S", self._take_snapshot)
        add_entry(self, source_menu, "&Quit", "Ctrl+Q", self.close)
        self.menuBar().addMenu(source_menu)
        self.menuBar().addMenu("&Playback").addActions(self.transport.playback_actions())
        self.addActions(self.transport.playback_actions())
        self.view_menu = ViewMenu(self, self._settings, self.panel, self._session)
        for dock in (self.camera.options, self.cloud):
            self.view_menu.addAction(dock.toggleViewAction())
        self.addAction(self.cloud.toggleViewAction())
        self.menuBar().addMenu(self.view_menu)
        add_entry(self, self.menuBar().addMenu("&Help"), "&Keys", "F1", self._show_keys)

    def _every(self, milliseconds: int, then: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(milliseconds)
        timer.timeout.connect(then)
        return timer

    def _poll(self) -> None:
        analysis = self._session.poll()
        self._follow_source()
        if analysis is not None:
            self.present(analysis)
            self.transport.set_clip(self._session.clip)
        self.transport.set_playing(self._session.will_play)
        self.camera.follow(self._session.condition, self.clear)
        self.status.show_state(self._session.state + self.panel.remark)
        if self.panel.resting.news:
            self.status.show_message(self.panel.resting.news)
            self.panel.resting.news = ""
        trouble = self._troubles.take()
        if trouble is not None:
            self.status.show_message(trouble)

    def _follow_source(self) -> None:
        source = self._session.source
        if source is None or source is self._source:
            return
        self._source = source
        self._settings.source = self._chosen
        self.show_source(source)

    def _show_figures(self) -> None:
        self.status.show_figures(*self._session.statistics())
        if self._session.condition is not None:
            self.colour_view.grow_older()

    def _toggle_play(self) -> None:
        if self._session.will_play:
            self._session.pause()
        else:
            self._session.play()

    def _open_named(self, text: str) -> None:
        name = full_name(text)
        self.open_source(lambda: opened_source(name), name)

    def _take_snapshot(self) -> None:
        view = self.grab().toImage()
        self.status.show_message(self.panel.snapshot(view, self._source))

    def _show_keys(self) -> None:
        KeyHelp(self.actions(), self).show()


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(10)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row
