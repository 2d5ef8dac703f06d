"""How a session changes its source, and what it does about one that cannot be used."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from app_doubles import BrokenSource, FakeAnalyser, TickSource, opening
from session_driver import PATIENCE_S, next_shown, settle, until

from app.live.session import State
from app.sources.base import SourceError
from fercore.expressions import Expression

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from app.live.session import Session
    from fercore.structures import Analysis, RGBDFrame


def test_another_source_takes_over_and_the_first_is_closed(
    make_session: Callable[..., Session],
) -> None:
    session = make_session()
    first, second = TickSource(), TickSource()
    session.open(opening(first))
    until(session, lambda: session.state is State.PLAYING)
    session.open(opening(second))
    until(session, lambda: session.source is second and not first.is_open)
    assert second.is_open
    assert next_shown(session).verdicts is not None


def test_a_frame_of_the_last_source_never_shows_under_the_next(
    make_session: Callable[..., Session],
) -> None:
    judging, go_on = threading.Event(), threading.Event()

    class Slow(FakeAnalyser):
        def analyse(self, frame: RGBDFrame) -> Analysis:
            judging.set()
            go_on.wait(PATIENCE_S)
            return super().analyse(frame)

    session = make_session(Slow)
    first, second = TickSource(), TickSource(first=Expression.SURPRISE)
    session.open(opening(first))
    until(session, lambda: session.state is State.PLAYING and judging.is_set())
    session.open(opening(second))
    until(session, lambda: session.source is second)
    go_on.set()
    assert next_shown(session).frame.truth is Expression.SURPRISE
    end_s = time.monotonic() + 0.3
    later = until(session, lambda: time.monotonic() > end_s)
    assert {analysis.frame.truth for analysis in later} == {Expression.SURPRISE}
    assert session.statistics().dropped < 5


def test_a_source_that_opens_slowly_keeps_nobody_waiting(
    make_session: Callable[..., Session],
) -> None:
    found = threading.Event()
    first, second = TickSource(), TickSource()

    def search() -> TickSource:
        found.wait(PATIENCE_S)
        return second

    session = make_session()
    session.open(opening(first))
    until(session, lambda: session.state is State.PLAYING)
    session.open(search)
    assert session.state is State.OPENING
    assert next_shown(session).verdicts is not None
    assert session.source is first and first.is_open
    found.set()
    until(session, lambda: session.source is second and session.state is State.PLAYING)


def test_a_choice_replaces_one_that_is_still_being_opened(
    make_session: Callable[..., Session],
) -> None:
    found = threading.Event()
    slow, quick = TickSource(), TickSource()

    def search() -> TickSource:
        found.wait(PATIENCE_S)
        slow.open()
        return slow

    session = make_session()
    session.open(search)
    session.open(opening(quick))
    until(session, lambda: session.state is State.PLAYING)
    found.set()
    settle(session)
    assert session.source is quick and not slow.is_open


def test_what_cannot_be_opened_is_logged_and_the_present_source_stays(
    make_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> TickSource:
        raise SourceError("nothing of that name; choose another folder.")

    session = make_session()
    session.open(refuse)
    until(session, lambda: session.state is State.EMPTY)
    assert "nothing of that name" in caplog.text and "Traceback" not in caplog.text
    source = TickSource()
    session.open(opening(source))
    until(session, lambda: session.state is State.PLAYING)
    session.open(refuse)
    until(session, lambda: session.state is State.PLAYING)
    assert session.source is source


def test_a_source_that_breaks_is_logged_and_another_can_follow(
    make_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session()
    broken = BrokenSource()
    session.open(opening(broken))
    until(session, lambda: session.state is State.FAILED)
    assert not broken.is_open
    assert "the camera was unplugged" in caplog.text
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)


def test_an_unforeseen_error_leaves_its_traceback_in_the_log(
    make_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session()
    session.open(opening(BrokenSource(ZeroDivisionError("driver bug"))))
    until(session, lambda: session.state is State.FAILED)
    assert "Traceback" in caplog.text and "driver bug" in caplog.text
