"""The log: on stderr, in a file of the user's log folder, and the last trouble in the window.

Labels of participants never get into it: they would outlive a withdrawal.
"""

from __future__ import annotations

import logging
import re
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs
from PySide6.QtCore import QMessageLogContext, QtMsgType

from fercore.errors import FercoreError

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000
_LABEL = re.compile(r"(?<![A-Za-z0-9])sub-[A-Za-z0-9]+")


class _Nameless(logging.Formatter):
    """Leaves the labels of participants out, of messages and of tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        return _LABEL.sub("sub-…", super().format(record))


class Troubles(logging.Handler):
    """Keeps the newest warning or error until the window has shown it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._guard = threading.Lock()
        self._newest: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first line of a message."""
        lines = record.getMessage().splitlines() or [""]
        with self._guard:
            self._newest = lines[0]

    def take(self) -> str | None:
        """Remove and return the newest message, None when there is no new one."""
        with self._guard:
            newest, self._newest = self._newest, None
        return newest


def start_logging(troubles: Troubles) -> None:
    """Send this project's messages to stderr, to the log file and to `troubles`."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    for handler in (console, _file_handler(), troubles):
        if handler is not None:
            handler.setFormatter(_Nameless(_FORMAT))
            handler.addFilter(_is_ours)
            root.addHandler(handler)


def log_path() -> Path:
    """Return the log file, whether or not it exists."""
    return Path(platformdirs.user_log_dir("fercore", appauthor=False)) / "rgbd-fer.log"


def _file_handler() -> logging.Handler | None:
    """Return the handler of the log file; a disk that refuses it must not stop the start."""
    try:
        log_path().parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(log_path(), maxBytes=_MAX_BYTES, backupCount=2, encoding="utf-8")
    except OSError:
        return None


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.split(".")[0] in ("app", "fercore")


def log_qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    """Log what Qt has to say; its warnings are for developers, so only to the file."""
    level = logging.ERROR if kind is QtMsgType.QtCriticalMsg else logging.INFO
    logging.getLogger("app.qt").log(level, "%s", text)


def log_failure(logger: logging.Logger, what: str, error: Exception) -> None:
    """Log an error: in one sentence where the user can put it right, else with its traceback."""
    logger.error("%s: %s", what, error, exc_info=None if isinstance(error, FercoreError) else error)
