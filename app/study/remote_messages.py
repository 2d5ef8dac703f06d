"""The remote control's messages: what they say, and what is refused.

docs/user-studies.md lists them.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from annotated_types import Ge
from pydantic import AfterValidator

from fercore.errors import FercoreError
from fercore.runtime.checking import described

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")

_MARKER_AGE_S, _MARKER_LEAD_S = 60.0, 0.1
_LONGEST = 128  # characters of a label or name

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


def _printable(text: str) -> str:
    if not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise ValueError(f"must be a text of 1 to {_LONGEST} printable characters")
    return text


Word = Annotated[str, AfterValidator(_printable)]
Uncertainty = Annotated[float, Ge(0)]


@dataclass(frozen=True, slots=True)
class StartMessage:
    """Which run to start; labels."""

    subject: Word
    session: Word
    task: Word
    condition: Word


@dataclass(frozen=True, slots=True)
class MarkerMessage:
    """What happened, and when."""

    name: Word
    host_s: float | None = None  # on the application's clock; None: now
    uncertainty_s: Uncertainty | None = None  # largest error of the time


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
    said = _said(StartMessage, message)
    return {"run": commands.start(said.subject, said.session, said.task, said.condition)}


def _stop(commands: Commands, message: dict[str, Any]) -> dict[str, Any]:
    return {"state": commands.stop()}


def _marker(commands: Commands, message: dict[str, Any]) -> dict[str, Any]:
    now_s = time.monotonic()
    said = _said(MarkerMessage, message)
    host_s = now_s if said.host_s is None else said.host_s
    if not now_s - _MARKER_AGE_S <= host_s <= now_s + _MARKER_LEAD_S:
        raise FercoreError("`host_s` is not of the last minute; ask for the clock first")
    return {"onset_s": commands.marker(said.name, host_s, said.uncertainty_s)}


_HANDLERS: dict[str, Callable[[Commands, dict[str, Any]], dict[str, Any]]] = {
    "status": _status,
    "clock": _clock,
    "marker": _marker,
    "start": _start,
    "stop": _stop,
}


def _said(kind: type[T], message: dict[str, Any]) -> T:
    try:
        return described(kind, message, tolerant=True)
    except ValueError as error:
        raise FercoreError(str(error)) from None
