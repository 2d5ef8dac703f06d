"""Drives a session as a window does: starts it, polls it, closes it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app_doubles import FakeAnalyser

from app.live.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.live.inference import Analyser
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
    shown: list[Analysis] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while not wanted():
        _poll(session, shown, deadline_s)
    return shown


def next_shown(session: Session) -> Analysis:
    """Poll like a window until something is shown, and return it."""
    shown: list[Analysis] = []
    deadline_s = time.monotonic() + PATIENCE_S
    # Polled in one place only: a single step shows a single frame, never to be shown again.
    while not shown:
        _poll(session, shown, deadline_s)
    return shown[0]


def settle(session: Session) -> None:
    """Let frames that are under way arrive."""
    end_s = time.monotonic() + 0.3
    until(session, lambda: time.monotonic() > end_s)


def _poll(session: Session, shown: list[Analysis], deadline_s: float) -> None:
    assert time.monotonic() < deadline_s, f"still {session.state}"
    analysis = session.poll()
    if analysis is not None:
        shown.append(analysis)
    time.sleep(0.002)
