from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest
from app_doubles import (
    BrokenAnalyser,
    BrokenSource,
    FakeAnalyser,
    TickSource,
    opening,
    sample_frame,
)

from app.inference import Inference, Judged
from app.latest import Latest
from app.session import LOADING_REASON, NO_NETWORKS_REASON, Session, State
from app.sources.base import Arrival, SourceError
from fercore.errors import CheckpointError
from fercore.expressions import EXPRESSIONS, Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.inference import Analyser
    from fercore.structures import Analysis, RGBDFrame

PATIENCE_S = 20.0


@pytest.fixture
def make() -> Iterator[Callable[..., Session]]:
    """Build started sessions, close them, and see that no thread is left."""
    before = set(threading.enumerate())
    sessions: list[Session] = []

    def build(load: Callable[[], Analyser] = FakeAnalyser) -> Session:
        session = Session(load)
        session.start()
        sessions.append(session)
        return session

    yield build
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


def test_plays_a_source_with_verdicts(make: Callable[..., Session]) -> None:
    session = make()
    assert session.state is State.EMPTY
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    analysis = next_shown(session)
    assert analysis.verdicts is not None and analysis.verdicts.fusion is not None
    assert analysis.verdicts.fusion.expression is analysis.frame.truth


def test_shows_the_first_frame_while_the_networks_load(make: Callable[..., Session]) -> None:
    loaded = threading.Event()

    def load() -> FakeAnalyser:
        loaded.wait(PATIENCE_S)
        return FakeAnalyser()

    session = make(load)
    session.open(opening(TickSource()))
    preview = next_shown(session)
    assert (preview.frame.index, preview.verdicts) == (0, None)
    assert preview.reason == LOADING_REASON
    assert session.state is State.LOADING and session.will_play
    loaded.set()
    judged = next_shown(session)
    assert judged.verdicts is not None
    until(session, lambda: session.state is State.PLAYING)


def test_paused_while_loading_the_first_frame_still_gets_its_verdict(
    make: Callable[..., Session],
) -> None:
    loaded = threading.Event()

    def load() -> FakeAnalyser:
        loaded.wait(PATIENCE_S)
        return FakeAnalyser()

    session = make(load)
    session.open(opening(TickSource()))
    next_shown(session)
    session.pause()
    loaded.set()
    judged = next_shown(session)
    assert judged.frame.index == 0 and judged.verdicts is not None
    assert session.state is State.PAUSED and not session.will_play


def test_without_networks_it_plays_on_and_says_so(
    make: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> FakeAnalyser:
        raise CheckpointError("weights of fusion-resnet50 are damaged; fetch them again")

    session = make(load)
    session.open(opening(TickSource()))
    shown = until(session, lambda: session.statistics().frames_per_second > 2)
    assert shown[-1].verdicts is None
    assert shown[-1].reason == NO_NETWORKS_REASON
    assert session.state is State.PLAYING
    assert "weights of fusion-resnet50 are damaged" in caplog.text
    assert "Traceback" not in caplog.text


def test_keeps_the_sources_pace(make: Callable[..., Session]) -> None:
    session = make()
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    next_shown(session)
    started_s = time.monotonic()
    shown = until(session, lambda: time.monotonic() > started_s + 1.0)
    assert 0.4 < shown[-1].frame.timestamp_s - shown[0].frame.timestamp_s < 1.3


def test_plays_twice_as_fast_when_told(make: Callable[..., Session]) -> None:
    session = make()
    session.set_speed(2.0)
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    next_shown(session)
    started_s = time.monotonic()
    shown = until(session, lambda: time.monotonic() > started_s + 1.0)
    assert 1.3 < shown[-1].frame.timestamp_s - shown[0].frame.timestamp_s < 2.6


def test_a_slow_renderer_skips_frames_rather_than_time(make: Callable[..., Session]) -> None:
    session = make()
    source = TickSource(render_s=0.07)
    session.open(opening(source))
    shown = until(session, lambda: source.skipped >= 10)
    assert session.statistics().dropped >= 10
    assert shown[-1].frame.timestamp_s > 0.3


def test_a_slow_network_drops_frames_and_counts_them(make: Callable[..., Session]) -> None:
    session = make(lambda: FakeAnalyser(delay_s=0.1))
    session.open(opening(TickSource()))
    until(session, lambda: session.statistics().dropped >= 5)


def test_pause_and_single_steps(make: Callable[..., Session]) -> None:
    session = make()
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


def test_jump_shows_another_clip_even_while_paused(make: Callable[..., Session]) -> None:
    session = make()
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)
    session.pause()
    settle(session)
    session.jump(5)
    shown = next_shown(session)
    assert shown.frame.truth is Expression.SURPRISE
    assert session.clip == 5
    assert session.state is State.PAUSED


def test_ends_and_starts_over(make: Callable[..., Session]) -> None:
    session = make()
    session.open(opening(TickSource(clip_frames=1)))
    until(session, lambda: session.state is State.ENDED)
    settle(session)
    session.play()
    again = next_shown(session)
    assert again.frame.truth is EXPRESSIONS[0]
    assert session.clip == 0


def test_another_source_takes_over_and_the_first_is_closed(make: Callable[..., Session]) -> None:
    session = make()
    first, second = TickSource(), TickSource()
    session.open(opening(first))
    until(session, lambda: session.state is State.PLAYING)
    session.open(opening(second))
    until(session, lambda: session.source is second and not first.is_open)
    assert second.is_open
    assert next_shown(session).verdicts is not None


def test_a_frame_of_the_last_source_never_shows_under_the_next(
    make: Callable[..., Session],
) -> None:
    judging, go_on = threading.Event(), threading.Event()

    class Slow(FakeAnalyser):
        def analyse(self, frame: RGBDFrame) -> Analysis:
            judging.set()
            go_on.wait(PATIENCE_S)
            return super().analyse(frame)

    session = make(Slow)
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


def test_a_source_that_opens_slowly_keeps_nobody_waiting(make: Callable[..., Session]) -> None:
    found = threading.Event()
    first, second = TickSource(), TickSource()

    def search() -> TickSource:
        found.wait(PATIENCE_S)
        return second

    session = make()
    session.open(opening(first))
    until(session, lambda: session.state is State.PLAYING)
    session.open(search)
    assert session.state is State.OPENING
    assert next_shown(session).verdicts is not None
    assert session.source is first and first.is_open
    found.set()
    until(session, lambda: session.source is second and session.state is State.PLAYING)


def test_a_choice_replaces_one_that_is_still_being_opened(make: Callable[..., Session]) -> None:
    found = threading.Event()
    slow, quick = TickSource(), TickSource()

    def search() -> TickSource:
        found.wait(PATIENCE_S)
        slow.open()
        return slow

    session = make()
    session.open(search)
    session.open(opening(quick))
    until(session, lambda: session.state is State.PLAYING)
    found.set()
    settle(session)
    assert session.source is quick and not slow.is_open


def test_what_cannot_be_opened_is_logged_and_the_present_source_stays(
    make: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> TickSource:
        raise SourceError("nothing of that name; choose another folder.")

    session = make()
    session.open(refuse)
    until(session, lambda: session.state is State.EMPTY)
    assert "nothing of that name" in caplog.text and "Traceback" not in caplog.text
    source = TickSource()
    session.open(opening(source))
    until(session, lambda: session.state is State.PLAYING)
    session.open(refuse)
    until(session, lambda: session.state is State.PLAYING)
    assert session.source is source


def test_latency_counts_from_the_frames_arrival() -> None:
    frames: Latest[Arrival] = Latest()
    results: Latest[Judged] = Latest()
    inference = Inference(lambda: FakeAnalyser(delay_s=0.02), frames, results)
    waited_s = 0.5
    frames.put(Arrival(sample_frame(), TickSource(), 3, time.monotonic() - waited_s))
    inference.start()
    judged = results.take(PATIENCE_S)
    inference.stop()
    inference.join()
    assert judged is not None and judged.arrival.clip == 3
    assert waited_s + 0.02 <= judged.analysis.latency_s < PATIENCE_S


def test_a_source_that_breaks_is_logged_and_another_can_follow(
    make: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make()
    broken = BrokenSource()
    session.open(opening(broken))
    until(session, lambda: session.state is State.FAILED)
    assert not broken.is_open
    assert "the camera was unplugged" in caplog.text
    session.open(opening(TickSource()))
    until(session, lambda: session.state is State.PLAYING)


def test_an_unforeseen_error_leaves_its_traceback_in_the_log(
    make: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make()
    session.open(opening(BrokenSource(ZeroDivisionError("driver bug"))))
    until(session, lambda: session.state is State.FAILED)
    assert "Traceback" in caplog.text and "driver bug" in caplog.text


def test_a_network_that_raises_is_logged_once_and_frames_go_on(
    make: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make(BrokenAnalyser)
    session.open(opening(TickSource()))
    shown: list[Analysis] = []
    while len(shown) < 5:
        shown.append(next_shown(session))
    assert shown[-1].reason == "analysis failed: the network exploded"
    failures = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(failures) == 1


def test_close_ends_all_threads_and_gives_everything_back() -> None:
    made: list[FakeAnalyser] = []

    def load() -> FakeAnalyser:
        made.append(FakeAnalyser())
        return made[-1]

    before = set(threading.enumerate())
    session, source = Session(load), TickSource()
    session.start()
    session.open(opening(source))
    until(session, lambda: session.state is State.PLAYING)
    session.close()
    session.close()
    assert set(threading.enumerate()) <= before
    assert made[0].closed and not source.is_open


def test_networks_are_used_by_the_thread_that_loaded_them(make: Callable[..., Session]) -> None:
    threads: set[str] = set()

    class Witness(FakeAnalyser):
        def analyse(self, frame: RGBDFrame) -> Analysis:
            threads.add(threading.current_thread().name)
            return super().analyse(frame)

    session = make(Witness)
    session.open(opening(TickSource()))
    next_shown(session)
    assert threads == {"inference"}


def test_a_session_that_never_started_closes() -> None:
    session = Session(FakeAnalyser)
    session.close()
    assert session.poll() is None
