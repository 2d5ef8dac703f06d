"""The remote control's messages: what they say, and what is refused.

docs/user-studies.md lists them.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Protocol

from fercore.errors import FercoreError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_MARKER_AGE_S, _MARKER_LEAD_S = 60.0, 0.1

logger = logging.getLogger(__name__)


class Commands(Protocol):
    """What the remote control moves; called from its threads, one at a time."""

    def start(self, subject: str, session: str, task: str, condition: str) -> str:
        """Start a run and return its name; a FercoreError is answered as it is."""
        ...

    def stop(self) -> str:
        """Stop the run and return its state."""
        ...

    def marker(self, name: str, host_s: float, uncertainty_s: float | None) -> float:
        """Mark an event and return its onset in seconds."""
        ...

    def status(self) -> dict[str, Any]:
        """Return what a client may know, as JSON."""
        ...


def answer(commands: Commands, message: object, deciding: threading.Lock) -> dict[str, Any]:
    """Return the reply to a message, whatever it is; commands are carried out one at a time."""
    if not isinstance(message, dict):
        return {"ok": False, "error": "send one JSON object a line"}
    identity = {"id": message["id"]} if isinstance(message.get("id"), int | str) else {}
    try:
        handle = _HANDLERS.get(str(message.get("do")))
        if handle is None:
            raise FercoreError(f"`do` must be one of {', '.join(_HANDLERS)}")
        with deciding:
            return {"ok": True, **handle(commands, message), **identity}
    except FercoreError as error:
        return {"ok": False, "error": str(error), **identity}
    except Exception as error:
        logger.exception("A remote command failed.")
        return {"ok": False, "error": f"it failed: {error!r}", **identity}


def _clock(commands: Commands, message: dict[str, Any]) -> dict[str, Any]:
    return {"host_s": time.monotonic()}


def _status(commands: Commands, message: dict[str, Any]) -> dict[str, Any]:
    return commands.status()


def _start(commands: Commands, message: dict[str, Any]) -> dict[str, Any]:
    labels = [_text(message, key, 64) for key in ("subject", "session", "task", "condition")]
    return {"run": commands.start(*labels)}


def _stop(commands: Commands, message: dict[str, Any]) -> dict[str, Any]:
    return {"state": commands.stop()}


def _marker(commands: Commands, message: dict[str, Any]) -> dict[str, Any]:
    now_s = time.monotonic()
    host_s = _number(message, "host_s")
    if host_s is not None and not now_s - _MARKER_AGE_S <= host_s <= now_s + _MARKER_LEAD_S:
        raise FercoreError("`host_s` is not of the last minute; ask for the clock first")
    uncertainty_s = _number(message, "uncertainty_s")
    if uncertainty_s is not None and uncertainty_s < 0:
        raise FercoreError("`uncertainty_s` must not be negative")
    moment_s = now_s if host_s is None else host_s
    return {"onset_s": commands.marker(_text(message, "name", 128), moment_s, uncertainty_s)}


_HANDLERS: dict[str, Callable[[Commands, dict[str, Any]], dict[str, Any]]] = {
    "status": _status,
    "clock": _clock,
    "marker": _marker,
    "start": _start,
    "stop": _stop,
}


def _text(message: dict[str, Any], key: str, most: int) -> str:
    value = message.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
        raise FercoreError(f"`{key}` must be a text of 1 to {most} printable characters")
    return value


def _number(message: dict[str, Any], key: str) -> float | None:
    value = message.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FercoreError(f"`{key}` must be a number")
    return float(value)
