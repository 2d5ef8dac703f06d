"""What cameras need to come back, and never to keep anybody waiting.

Drivers can block for seconds, or for ever, when a cable is pulled. So whatever
calls them runs in a daemon thread that can be waited for, and be left behind.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 4.0


class Backoff:
    """When the next attempt is due: soon at first, then less and less often.

    Times are those of `time.monotonic()`.
    """

    def __init__(self, first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._pause_s = first_s
        self._due_s = 0.0

    @property
    def due_s(self) -> float:
        """When the next attempt is due; 0 before any has failed."""
        return self._due_s

    def failed(self, now_s: float) -> None:
        """Put the next attempt off, twice as long each time."""
        self._due_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._longest_s)

    def succeeded(self) -> None:
        """Begin anew."""
        self._pause_s, self._due_s = self._first_s, 0.0


class BackgroundTask(Generic[T]):
    """A call that runs in a thread of its own and may be left behind."""

    def __init__(self, call: Callable[[], T], name: str) -> None:
        self._call = call
        self._guard = threading.Lock()
        self._result: T | None = None
        self._error: Exception | None = None
        self._leftover: Callable[[T], object] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended, after at most so many seconds."""
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def result(self) -> T:
        """Return what the ended call returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        assert self._result is not None, "the call has not ended"
        return self._result

    def abandon(self, leftover: Callable[[T], object]) -> None:
        """Want the result no more; `leftover` gets rid of it, now or when it comes."""
        with self._guard:
            self._leftover = leftover
            result = self._result
        if result is not None:
            leftover(result)

    def _run(self) -> None:
        try:
            result = self._call()
        except Exception as error:
            self._error = error
            return
        with self._guard:
            self._result = result
            leftover = self._leftover
        if leftover is not None:
            leftover(result)
