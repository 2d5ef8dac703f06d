"""Whether a window can be shown; `python -m app.start.display` exits with 0 if so.

Qt ends the whole process where it cannot reach the display, be it gone, not
allowed, or a library of its own missing. So another process tries it first.
"""

from __future__ import annotations

import os
import subprocess
import sys

_ATTEMPT = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
_PATIENCE_S = 20.0
_NAMES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def display_problem() -> str:
    """Return why no window can be shown, as half a sentence; empty if one can."""
    named = [os.environ[name] for name in _NAMES if os.environ.get(name)]
    if sys.platform.startswith("linux") and not named:
        return "there is no display"
    return "" if _qt_starts() else f"the display ({', '.join(named)}) cannot be used"


def forget_foreign_plugins() -> None:
    """Undo what cv2 does: it points Qt at plugins of its own, which do not fit."""
    os.environ.pop("QT_QPA_PLATFORM_PLUGIN_PATH", None)


def _qt_starts() -> bool:
    forget_foreign_plugins()
    try:
        attempt = subprocess.run(
            [sys.executable, "-c", _ATTEMPT],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return attempt.returncode == 0


if __name__ == "__main__":
    sys.exit(1 if display_problem() else 0)
