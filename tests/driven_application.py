"""Run by `test_window_driven.py` in a process with a display: the application, and what it shows.

    python driven_application.py FILE|- rgbd-fer's own arguments…

The networks are stand-ins. Ten times a second a line of JSON on standard output says what can be
seen, and where; keys and mouse are the X server's own. FILE can be dragged from the upper left
corner of the screen.
"""

from __future__ import annotations

import json
import sys

from app_doubles import FakeAnalyser
from PySide6.QtCore import QMimeData, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from app import application
from app.window.main_window import MainWindow


def tell() -> None:
    """Say what can be seen."""
    tops = QApplication.topLevelWidgets()
    windows = [w for w in tops if isinstance(w, MainWindow)]
    if windows:
        window = windows[0]
        seen = {
            "window": window.isVisible(),
            "stage": window.stage.isVisible(),
            "stage_size": list(window.stage.size().toTuple()),
            "verdict": window.stage.accessibleDescription(),
            "title": window.windowTitle(),
            "status": window.status.text(),
            "place": window.seek_bar.slider.value(),
            "handle": any(isinstance(w, Handle) and w.isVisible() for w in tops),
            "slider": where(window.seek_bar.slider),
            "colour": where(window.colour_view),
        }
        print(json.dumps(seen), flush=True)


class Handle(QWidget):
    """What a file is dragged by, such as a file manager's icon."""

    def __init__(self, path: str) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint)
        self._path = path
        self.setGeometry(0, 0, 40, 40)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to drag."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(self._path)])
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)


def where(widget: QWidget) -> list[int]:
    """Return left, top, width and height on the screen."""
    return [*widget.mapToGlobal(widget.rect().topLeft()).toTuple(), *widget.size().toTuple()]


def main() -> int:
    """Run the real application."""
    create = application.create_application
    kept: list[QTimer | Handle] = []

    def create_and_tell(headless: bool) -> QApplication:
        made = create(headless)
        timer = QTimer()
        timer.timeout.connect(tell)
        timer.start(100)
        kept.append(timer)
        if sys.argv[1] != "-":
            handle = Handle(sys.argv[1])
            QTimer.singleShot(2000, handle.show)
            kept.append(handle)
        return made

    application.create_application = create_and_tell
    application.loader = lambda *_: FakeAnalyser
    return application.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
