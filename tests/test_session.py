"""How a session plays: pace, drops, pauses, steps, jumps, the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from app_doubles import FakeAnalyser, TickSource, opening
from session_driver import next_shown, settle, until

from app.live.session import State
from fercore.expressions import EXPRESSIONS, Expression

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.live.session import Session
    from fercore.structures import Analysis


def test_plays_a_source_with_verdicts(make_session: Callable[..., Session]) -> None:
    session = make_session()
    assert session.state is State.EMPTY
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    analysis = next_shown(session)
    assert analysis.verdicts is not None and analysis.verdicts.fusion is not None
    assert analysis.verdicts.fusion.label == analysis.frame.truth


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_plays_at_the_sources_pace_or_as_told(
    make_session: Callable[..., Session], speed: float
) -> None:
    session = make_session()
    session.set_speed(speed)
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    began = shown_when(session, next_shown(session))
    end_s = time.monotonic() + 1.0
    ended = shown_when(session, until(session, lambda: time.monotonic() > end_s)[-1])
    pace = (ended[0] - began[0]) / (ended[1] - began[1])
    assert pace == pytest.approx(speed, rel=0.3)


def test_a_slow_renderer_skips_frames_rather_than_time(
    make_session: Callable[..., Session],
) -> None:
    session = make_session()
    source = TickSource(render_s=0.07)
    session.open(opening(source))
    shown = until(session, lambda: source.skipped >= 10)
    assert session.statistics().dropped >= 10
    assert shown[-1].frame.timestamp_s > 0.3


def test_a_slow_network_drops_frames_and_counts_them(make_session: Callable[..., Session]) -> None:
    session = make_session(lambda: FakeAnalyser(delay_s=0.1))
    session.open(opening(TickSource()))
    until(session, lambda: session.statistics().dropped >= 5)


def test_pause_and_single_steps(make_session: Callable[..., Session]) -> None:
    session = make_session()
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    next_shown(session)
    session.pause()
    settle(session)
    assert session.state is State.PAUSED
    session.step()
    first = next_shown(session)
    session.step()
    second = next_shown(session)
    assert second.frame.index == first.frame.index + 1
    end_s = time.monotonic() + 0.2
    assert until(session, lambda: time.monotonic() > end_s) == []


def test_jump_shows_another_clip_even_while_paused(make_session: Callable[..., Session]) -> None:
    session = make_session()
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    session.pause()
    settle(session)
    session.jump(5)
    shown = next_shown(session)
    assert shown.frame.truth is Expression.SURPRISE
    assert session.clip == 5
    assert session.state is State.PAUSED


def test_ends_and_starts_over(make_session: Callable[..., Session]) -> None:
    session = make_session()
    session.open(opening(TickSource(clip_frames=1)))
    until(session, lambda: session.state is State.ENDED)
    settle(session)
    session.play()
    again = next_shown(session)
    assert again.frame.truth is EXPRESSIONS[0]
    assert session.clip == 0


def shown_when(session: Session, analysis: Analysis) -> tuple[float, float]:
    """Return the time of the frame shown last by its source, and by the clock when it came."""
    assert session.judged is not None
    return analysis.frame.timestamp_s, session.judged.arrival.arrived_s
