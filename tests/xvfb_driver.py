"""Run by `test_window_xvfb.py` in a process with a display: the application, observed.

    python xvfb_driver.py OUTPUT_FOLDER stand-ins|shipped SOURCE

The networks are stand-ins, or those that come with the project. Closes the window
once it has shown a verdict on a true expression, and leaves
`screen.png`, what the X server really shows, and `shown.json`, what the window
says it shows.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from app_doubles import FakeAnalyser
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app import application
from app.window.main_window import MainWindow

PATIENCE_S = 180.0


def watch(folder: Path, deadline_s: float) -> None:
    """Look at the window again and again until it shows all that is waited for."""
    windows = [w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow)]
    ready = windows and windows[0].banner.text().endswith("correct")
    if ready and "frames/s" in windows[0].status.text():
        # The X server gets the last strokes before the picture is taken.
        QTimer.singleShot(300, lambda: record(windows[0], folder))
    elif time.monotonic() < deadline_s:
        QTimer.singleShot(50, lambda: watch(folder, deadline_s))
    else:
        QApplication.exit(3)


def record(window: MainWindow, folder: Path) -> None:
    """Write down what is shown and close the window."""
    geometry = window.frameGeometry()
    screen = window.screen().grabWindow(0).copy(geometry)
    screen.save(str(folder / "screen.png"))
    parts = {"colour": window.colour_view, "depth": window.depth_view, "timeline": window.timeline}
    shown = {
        "size": [window.width(), window.height()],
        "colour": window.colour_view.accessibleDescription(),
        "depth": window.depth_view.accessibleDescription(),
        "charts": [chart.accessibleDescription() for chart in window.charts],
        "banner": window.banner.text(),
        "status": window.status.text(),
        "platform": QApplication.platformName(),
        "places": {
            name: [*part.mapTo(window, part.rect().topLeft()).toTuple(), *part.size().toTuple()]
            for name, part in parts.items()
        },
    }
    (folder / "shown.json").write_text(json.dumps(shown), encoding="utf-8")
    window.close()


def main() -> int:
    """Run the real application on a source."""
    folder, networks, source = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    create = application.create_application

    def create_and_watch(headless: bool) -> QApplication:
        made = create(headless)
        QTimer.singleShot(0, lambda: watch(folder, time.monotonic() + PATIENCE_S))
        return made

    application.create_application = create_and_watch
    if networks == "stand-ins":
        application.loader = lambda *_: FakeAnalyser
    status = application.main(["--source", source])
    left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    (folder / "threads.json").write_text(json.dumps(left), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
