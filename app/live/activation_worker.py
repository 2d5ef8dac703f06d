"""The thread that finds out where the networks looked, now and then, with what time is left.

It has networks of its own, in torch, which are loaded when they are first asked for. It takes
the newest verdict and nothing older, rests at least twice as long as it works, and ranks below
all other threads where the system allows that.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from app.live.capture import Latest
from app.start.logs import log_failure
from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from fercore.inference.activation_maps import ActivationMaps
    from fercore.structures import FacePair, Verdicts

PERIOD_S = 0.5
"""Least time from one map to the next."""
_REST = 2.0  # times the time that a map took
_PATIENCE_S = 0.2
_NICENESS = 10  # beyond that of the application

logger = logging.getLogger(__name__)


class Explainer(Protocol):
    """What finds maps: `ActivationExplainer` of `fercore.inference`, or a test's stand-in."""

    def explain(self, pair: FacePair, verdicts: Verdicts) -> ActivationMaps:
        """Return what speaks for the leading verdict."""
        ...


class Wanted(NamedTuple):
    """A verdict to be explained."""

    pair: FacePair
    verdicts: Verdicts  # as the networks said them, not smoothed
    whose: tuple[int, int, int | None]  # source, clip and face, to be told from others
    arrived_s: float  # when its frame arrived, by time.monotonic()


class Explained(NamedTuple):
    """A verdict with what speaks for it."""

    wanted: Wanted
    maps: ActivationMaps


class ActivationWorker(threading.Thread):
    """Explains the newest verdict, again and again, until stopped."""

    def __init__(self, load: Callable[[], Explainer], period_s: float = PERIOD_S) -> None:
        super().__init__(name="activation maps", daemon=True)
        self._load = load
        self._period_s = period_s
        self._wanted: Latest[Wanted] = Latest()
        self._results: Latest[Explained] = Latest()
        self._stopping = threading.Event()
        self.ready = False  # the networks are loaded
        self.problem = ""  # why there are no maps, in a sentence; this thread has ended

    def offer(self, wanted: Wanted) -> None:
        """Have a verdict explained unless a newer one comes first; returns at once."""
        self._wanted.put(wanted)

    def forget(self) -> None:
        """Throw away what waits to be explained and to be taken."""
        self._wanted.clear()
        self._results.clear()

    def take(self) -> Explained | None:
        """Return the newest result, None when there is nothing new."""
        try:
            return self._results.take(0)
        except TimeoutError:
            return None

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stopping.set()
        self._wanted.close()

    def run(self) -> None:
        """Load, then explain until stopped; what goes wrong ends this thread and no other."""
        try:
            explainer = _loaded(self._load)
            self.ready = True
            while not self._stopping.is_set():
                self._explain_next(explainer)
        except FercoreError as error:
            self.problem = str(error)
        except Exception as error:
            log_failure(logger, "Where the networks look cannot be found out", error)
            self.problem = f"Where the networks look cannot be found out ({error})."

    def _explain_next(self, explainer: Explainer) -> None:
        try:
            wanted = self._wanted.take(_PATIENCE_S)
        except TimeoutError:
            return
        if wanted is None:
            return
        began_s = time.monotonic()
        maps = explainer.explain(wanted.pair, wanted.verdicts)
        took_s = time.monotonic() - began_s
        self._results.put(Explained(wanted, maps))
        self._stopping.wait(max(self._period_s - took_s, _REST * took_s))


def _loaded(load: Callable[[], Explainer]) -> Explainer:
    """Load, then take one core's worth of torch and a low rank where threads have their own."""
    # torchvision has it imported, and its LLVM brings the process down where the detector
    # has loaded the graphics driver's before. Nothing here uses it.
    modules: dict[str, ModuleType | None] = cast("Any", sys.modules)
    modules.setdefault("triton", None)  # importing it fails from now on
    import torch

    explainer = load()
    torch.set_num_threads(1)  # of this thread; others that set theirs keep it
    if sys.platform == "linux":
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, niceness)  # the system stops at 19
    return explainer
