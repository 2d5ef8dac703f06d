"""Lab Streaming Layer: verdicts and events out, markers in; clock offsets, by bracketing.

Needs pylsl (extra `study`). Nothing of it is imported, and nothing sent, before a `Link`
is made. LSL announces streams to the whole local network; who must not, keeps it off.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError
from fercore.results import HEADS, PROBABILITY_COLUMNS
from fercore.study.events import Offset
from fercore.study.verdict_arrays import verdict_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from fercore.structures import Analysis
    from fercore.study.events import Event

_TRIES = 5

logger = logging.getLogger(__name__)

PREDICTIONS_STREAM, EVENTS_STREAM = "fercore-expressions", "fercore-events"
_CLOCK_PERIOD_S = 5.0
_RESOLVE_S, _PULL_S = 1.0, 0.2


def measured_offset(clock: str, read_s: Callable[[], float]) -> Offset:
    """Return a clock's offset, taken where its reading was hemmed in most closely."""
    best: Offset | None = None
    for _ in range(_TRIES):
        before_s = time.monotonic()
        other_s = read_s()
        after_s = time.monotonic()
        middle_s, doubt_s = (before_s + after_s) / 2, (after_s - before_s) / 2
        if best is None or best.uncertainty_s is None or doubt_s < best.uncertainty_s:
            best = Offset(middle_s, clock, other_s - middle_s, doubt_s)
    assert best is not None
    return best


def unix_offset() -> Offset:
    """Return the offset of the wall clock (seconds since 1970)."""
    return measured_offset("unix", time.time)


class Link:
    """Both outlets and the clock; open from its making to `close`.

    Raises:
        FercoreError: pylsl or its library is missing, or no stream can be opened.
    """

    def __init__(self, source_id: str) -> None:
        self._lsl = _pylsl()
        try:
            self._verdicts = self._lsl.StreamOutlet(_verdict_info(self._lsl, source_id))
            self._events = self._lsl.StreamOutlet(_event_info(self._lsl, source_id))
        except RuntimeError as error:
            raise FercoreError(
                f"Lab Streaming Layer cannot open its streams ({error}); check the network."
            ) from error
        self.offset = self.measure()

    def measure(self) -> Offset:
        """Measure LSL's clock against the host's anew."""
        self.offset = measured_offset("lsl", self._lsl.local_clock)
        return self.offset

    def push_frame(self, analysis: Analysis, host_s: float) -> None:
        """Send a frame's 21 raw probabilities, NaN where a head is silent or calm unknown."""
        sample = verdict_array(analysis.verdicts).ravel().tolist()
        self._verdicts.push_sample(sample, host_s + self.offset.offset_s)

    def push_event(self, event: Event) -> None:
        """Send an event: its name, or its type where it has none."""
        host_s = event.host_s if event.host_s is not None else self.offset.host_s
        self._events.push_sample([event.name or event.type], host_s + self.offset.offset_s)

    def close(self) -> None:
        """Take the streams down; safe to call twice."""
        self._verdicts = self._events = None


class MarkerInlet(threading.Thread):
    """Waits for a stream of markers by name and passes its samples on, until stopped.

    `mark(name, host_s, uncertainty_s)` and `log(offset)` are called from this thread.
    """

    def __init__(
        self,
        link: Link,
        stream: str,
        mark: Callable[[str, float, float | None], None],
        log: Callable[[Offset], None],
    ) -> None:
        super().__init__(name=f"lsl {stream}", daemon=True)
        self._lsl = _pylsl()
        self._link = link
        self.stream = stream
        self._mark = mark
        self._log = log
        self._stopping = threading.Event()
        self._correction_s: float | None = None
        self._measured_at_s = 0.0
        self.connected = False

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stopping.set()

    def run(self) -> None:
        """Receive until stopped; a lost stream is looked for again."""
        while not self._stopping.is_set():
            try:
                self._receive()
            except Exception as error:
                self.connected = False
                logger.warning("The LSL stream %s broke off (%s).", self.stream, error)
                self._stopping.wait(_RESOLVE_S)

    def _receive(self) -> None:
        found = self._lsl.resolve_byprop("name", self.stream, 1, _RESOLVE_S)
        if not found:
            return
        inlet = self._lsl.StreamInlet(found[0], recover=False)
        try:
            inlet.open_stream(_RESOLVE_S)
            self.connected = True
            while not self._stopping.is_set():
                self._compare_clocks(inlet)
                sample, stamp_s = inlet.pull_sample(timeout=_PULL_S)
                if sample is not None:
                    self._pass_on(str(sample[0]), float(stamp_s))
        finally:
            self.connected = False
            inlet.close_stream()

    def _compare_clocks(self, inlet: Any) -> None:
        now_s = self._lsl.local_clock()
        if self._correction_s is not None and now_s < self._measured_at_s + _CLOCK_PERIOD_S:
            return
        self._correction_s, self._measured_at_s = float(inlet.time_correction(_RESOLVE_S)), now_s
        own = self._link.offset
        # LSL's correction leads from the sender's clock to ours; the log says theirs minus ours.
        offset_s = own.offset_s - self._correction_s
        self._log(Offset(own.host_s, f"lsl:{self.stream}", offset_s, None))

    def _pass_on(self, name: str, stamp_s: float) -> None:
        here_s = stamp_s + (self._correction_s or 0.0)
        self._mark(name, here_s - self._link.offset.offset_s, None)


def _pylsl() -> Any:
    try:
        import pylsl
    except (ImportError, OSError, RuntimeError) as error:
        raise FercoreError(
            "Lab Streaming Layer needs pylsl with its library; install it with "
            f"`pip install '.[study]'` ({str(error).splitlines()[0]})."
        ) from error
    return pylsl


def _verdict_info(lsl: Any, source_id: str) -> Any:
    number = len(PROBABILITY_COLUMNS)
    info = lsl.StreamInfo(
        PREDICTIONS_STREAM, "Expression", number, lsl.IRREGULAR_RATE, lsl.cf_float32, source_id
    )
    channels = info.desc().append_child("channels")
    for name in PROBABILITY_COLUMNS:
        channel = channels.append_child("channel")
        channel.append_child_value("label", name)
        channel.append_child_value("unit", "probability")
        channel.append_child_value("type", f"Expression, {name.split('_')[0]} head")
    info.desc().append_child_value("heads", ", ".join(HEADS))
    return info


def _event_info(lsl: Any, source_id: str) -> Any:
    return lsl.StreamInfo(
        EVENTS_STREAM, "Markers", 1, lsl.IRREGULAR_RATE, lsl.cf_string, f"{source_id}-events"
    )
