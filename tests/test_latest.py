from __future__ import annotations

import threading
import time

import pytest

from app.live.capture import Latest


def test_newest_wins_and_the_overwritten_are_counted() -> None:
    box: Latest[int] = Latest()
    for number in range(4):
        box.put(number)
    assert box.take(0) == 3
    assert box.dropped == 3


def test_an_item_is_taken_only_once() -> None:
    box: Latest[str] = Latest()
    box.put("frame")
    assert box.take(0) == "frame"
    with pytest.raises(TimeoutError):
        box.take(0)
    assert box.dropped == 0


def test_take_waits_for_an_item_from_another_thread() -> None:
    box: Latest[str] = Latest()
    sender = threading.Timer(0.05, box.put, ["late"])
    sender.start()
    assert box.take(5) == "late"
    sender.join()


def test_take_gives_up_in_time() -> None:
    started_s = time.monotonic()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        Latest[int]().take(0.05)
    assert time.monotonic() - started_s < 2


def test_close_wakes_a_waiting_consumer() -> None:
    box: Latest[int] = Latest()
    closer = threading.Timer(0.05, box.close)
    closer.start()
    assert box.take(5) is None
    closer.join()
    box.close()


def test_what_came_before_the_close_is_still_delivered() -> None:
    box: Latest[int] = Latest()
    box.put(7)
    box.close()
    assert box.take(0) == 7
    assert box.take(0) is None


def test_what_is_cleared_is_neither_delivered_nor_counted() -> None:
    box: Latest[int] = Latest()
    box.put(1)
    box.clear()
    with pytest.raises(TimeoutError):
        box.take(0)
    box.put(2)
    assert box.take(0) == 2
    assert box.dropped == 0


def test_what_is_put_back_comes_again_unless_something_newer_came() -> None:
    box: Latest[str] = Latest()
    for newer in (None, "newer"):
        box.put("older")
        older = box.take(0)
        if newer is not None:
            box.put(newer)
        assert older is not None
        box.put_back(older)
        assert box.take(0) == (newer or "older")
    assert box.dropped == 0
