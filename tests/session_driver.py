"""Drives a session as a window does: starts it, polls it, closes it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app_doubles import FakeAnalyser

from app.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.inference import Analyser
    from fercore.structures import Analysis

PATIENCE_S = 20.0


@contextmanager
def started_sessions() -> Iterator[Callable[..., Session]]:
    """Build started sessions; in the end close them, and see that no thread is left."""
    before = set(threading.enumerate())
    sessions: list[Session] = []

    def build(load: Callable[[], Analyser] = FakeAnalyser) -> Session:
        session = Session(load)
        session.start()
        sessions.append(session)
        return session

    try:
        yield build
    finally:
        for session in sessions:
            session.close()
    assert set(threading.enumerate()) <= before


def until(session: Session, wanted: Callable[[], bool]) -> list[Analysis]:
    """Poll like a window until `wanted`; return what was shown."""
    shown = []
    deadline_s = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < deadline_s, f"still {session.state}"
        analysis = session.poll()
        if analysis is not None:
            shown.append(analysis)
        time.sleep(0.002)
    return shown


def next_shown(session: Session) -> Analysis:
    found: list[Analysis] = []

    def arrived() -> bool:
        analysis = session.poll()
        if analysis is not None:
            found.append(analysis)
        return bool(found)

    until(session, arrived)
    return found[0]


def settle(session: Session) -> None:
    """Let frames that are under way arrive."""
    end_s = time.monotonic() + 0.3
    until(session, lambda: time.monotonic() > end_s)
