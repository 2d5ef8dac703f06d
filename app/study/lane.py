"""A thread that works through a bounded queue, so that whoever fills it never waits."""

from __future__ import annotations

import logging
import queue
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_TICK_S = 0.5
_PATIENCE_S = 0.1

logger = logging.getLogger(__name__)


class Lane(threading.Thread, Generic[T]):
    """Handles items one by one and calls `tick` twice a second.

    After a failure the rest is thrown away and counted as dropped; `fail` is called once.
    """

    def __init__(
        self,
        name: str,
        capacity: int,
        handle: Callable[[T], None],
        tick: Callable[[], None],
        fail: Callable[[Exception], None],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._items: queue.Queue[T] = queue.Queue(capacity)
        self._handle = handle
        self._tick = tick
        self._fail = fail
        self._ending = threading.Event()
        self._counting = threading.Lock()
        self._broken = False
        self.dropped = 0

    def offer(self, item: T) -> bool:
        """Queue an item and return at once; False and counted where there is no room."""
        if not self._broken and not self._ending.is_set():
            try:
                self._items.put_nowait(item)
                return True
            except queue.Full:
                pass
        self.drop()
        return False

    @property
    def full(self) -> bool:
        """Whether there is no room; with one producer, room stays until it offers."""
        return self._items.full()

    @property
    def waiting(self) -> int:
        """How many items wait, about."""
        return self._items.qsize()

    def drop(self) -> None:
        """Count an item that was not even offered."""
        with self._counting:
            self.dropped += 1

    def finish(self, timeout_s: float) -> bool:
        """Work through what is queued and end; return whether it did within the time."""
        self._ending.set()
        if self.is_alive():
            self.join(timeout_s)
        return not self.is_alive()

    def run(self) -> None:
        """Work until told to finish and nothing is left."""
        due_s = time.monotonic() + _TICK_S
        while True:
            try:
                item = self._items.get(timeout=_PATIENCE_S)
            except queue.Empty:
                if self._ending.is_set():
                    break
            else:
                self._guarded(partial(self._handle, item), item_lost=True)
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + _TICK_S
                self._guarded(self._tick, item_lost=False)
        self._guarded(self._tick, item_lost=False)

    def _guarded(self, work: Callable[[], None], item_lost: bool) -> None:
        if self._broken:
            if item_lost:
                self.drop()
            return
        try:
            work()
        except Exception as error:
            self._broken = True
            if item_lost:
                self.drop()
            logger.debug("The %s thread failed.", self.name, exc_info=True)
            self._fail(error)
