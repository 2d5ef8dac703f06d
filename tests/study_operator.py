"""The real application in a process of its own, operated line by line as an experimenter would.

    python study_operator.py WATCH_FILE|- sitter|resting|- rgbd-fer's own arguments…

Every line of standard input is a JSON list, an action of `Operator` and its arguments; each
is answered by one line of JSON. With WATCH_FILE, every use of the network that Python knows
of is noted there. With `sitter`, the source `synthetic` is a `study_sitter.Sitter`, which with
`resting` rests from the start.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

    from app.window.main_window import MainWindow
    from app.window.study.dock import StudyDock
    from app.window.study.mode import StudyMode

WATCHED = frozenset(
    f"socket.{name}"
    for name in (
        *("connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname"),
        *("gethostbyaddr", "getnameinfo", "getservbyname"),
    )
)


def watch_network(path: str) -> None:
    """Note every use of the network from now on, in a file that is written at once."""
    note = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED or event == "urllib.Request":
            os.write(note, f"{event} {arguments[1:]}\n".encode())

    sys.addaudithook(hear)


class Operator:
    """Does in the window's own thread what it is told by standard input."""

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._timer = QTimer()
        self._timer.timeout.connect(self._obey)
        self._timer.start(10)

    @property
    def window(self) -> MainWindow:
        """The application's window."""
        from PySide6.QtWidgets import QApplication

        from app.window.main_window import MainWindow

        return next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))

    @property
    def mode(self) -> StudyMode:
        """The study mode of the window."""
        from app.window.study.mode import StudyMode

        found = self.window.findChild(StudyMode)
        assert found is not None
        return found

    @property
    def dock(self) -> StudyDock:
        """The study's panels."""
        assert self.mode.dock is not None
        return self.mode.dock

    def look(self) -> dict[str, Any]:
        """Return what the window says."""
        dock, desk = self.dock, self.mode.desk
        assert desk is not None
        block, progress = dock.sheet.block, desk.progress()
        panels = {"form": dock.form, "checks": dock.checklist, "baseline": dock.baseline}
        panels |= {"runs": dock.sheet, "links": dock.links}
        return {
            "line": dock.line.text(),
            "status": self.window.status.text(),
            "said": {name: panel.message.text() for name, panel in panels.items()},
            "red": {c.item: c.finding for c in dock.checklist.checks() if not c.passed},
            "checked": len(dock.checklist.checks()),
            "block": None if block is None else [block.task, block.condition],
            "blocks": [dock.sheet.list.item(row).text() for row in range(dock.sheet.list.count())],
            "token": dock.links.token.text(),
            "recording": desk.recording,
            "frames": progress.counts.frames if progress else 0,
            "elapsed_s": progress.elapsed_s if progress else 0.0,
        }

    def begin(self, how: str, subject: str, answers: dict[str, str]) -> None:
        """Fill in the form and begin the session."""
        from PySide6.QtWidgets import QComboBox

        form = self.dock.form
        self._show(form)
        form.how.setCurrentText(how)
        self._write(form.subject, subject)
        for name, text in answers.items():
            field = form.fields[name]
            if isinstance(field, QComboBox):
                field.setCurrentText(text)
            else:
                self._write(field, text)
        self._click(form.begin)

    def give_reasons(self, reason: str) -> None:
        """Write a reason beside whatever is red."""
        self._show(self.dock.checklist)
        for check in self.dock.checklist.checks():
            if not check.passed:
                self._write(self.dock.checklist.reason(check.item), reason)

    def rest(self, on: bool) -> None:
        """Have the sitter look neutral, or go on performing."""
        from study_sitter import Sitter

        Sitter.rests = on

    def record_baseline(self) -> None:
        """Press the button of the baseline."""
        self._show(self.dock.baseline)
        self._click(self.dock.baseline.start)

    def press(self, button: str) -> None:
        """Press a button of the run sheet: start, stop, next or keep_on."""
        self._show(self.dock.sheet)
        self._click(getattr(self.dock.sheet, button))

    def key(self, name: str) -> None:
        """Strike a key."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        QTest.keyClick(self.window, getattr(Qt.Key, f"Key_{name}"))

    def listen_to(self, streams: str) -> None:
        """Switch Lab Streaming Layer on."""
        self._show(self.dock.links)
        self._write(self.dock.links.streams, streams)
        self.dock.links.lsl.click()

    def open_remote(self, port: int) -> None:
        """Switch the remote control on."""
        self._show(self.dock.links)
        self.dock.links.port.setValue(port)
        self.dock.links.remote.click()

    def open_study(self, path: str) -> None:
        """Leave the present study for another."""
        from pathlib import Path

        self.mode.open(Path(path))

    def picture(self, path: str) -> None:
        """Keep a picture of the window, as the screen shows it where it has one."""
        screen = self.window.screen().grabWindow(self.window.winId())
        (screen if not screen.isNull() else self.window.grab()).save(path)

    def use_network(self) -> None:
        """Do what must not be done, so that whoever watches is seen to be awake."""
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))

    def close(self) -> None:
        """Close the window."""
        self.window.close()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._orders.put(line)

    def _obey(self) -> None:
        if self._orders.empty():
            return
        action, *arguments = json.loads(self._orders.get())
        try:
            answer = {"done": getattr(self, action)(*arguments)}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), flush=True)

    def _show(self, panel: QWidget) -> None:
        self.dock._go_to(panel)
        self.window.activateWindow()

    def _write(self, field: QLineEdit, text: str) -> None:
        from PySide6.QtTest import QTest

        field.clear()
        QTest.keyClicks(field, text)

    def _click(self, button: QWidget) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def main(watch: str, who: str, arguments: Sequence[str]) -> int:
    """Run the real application, and an operator in it."""
    if watch != "-":
        watch_network(watch)
    from app import application

    if who != "-":
        from study_sitter import Sitter

        Sitter.rests = who == "resting"
        from app.sources import choice

        choice._synthetic = lambda _detail: Sitter()
    create, kept = application.create_application, []

    def create_and_operate(headless: bool) -> QApplication:
        made = create(headless)
        kept.append(Operator())
        return made

    application.create_application = create_and_operate
    return application.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
