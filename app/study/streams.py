"""Lab Streaming Layer as a whole: our outlets, the inlets for others' markers, the clocks."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from app.study.lsl import Link, MarkerInlet, unix_offset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.study.recording import Recording
    from fercore.structures import Analysis
    from fercore.study.events import Event, Offset

CLOCK_PERIOD_S = 5.0

logger = logging.getLogger(__name__)


class Streams:
    """Open from its making to `close`.

    Raises:
        FercoreError: pylsl is missing or no stream can be opened.
    """

    def __init__(
        self,
        source_id: str,
        marker_streams: Sequence[str],
        mark: Callable[[str, float, float | None], None],
        log: Callable[[Offset], None],
    ) -> None:
        self.link = Link(source_id)
        self._has_failed = False  # it is said once
        self._inlets = [MarkerInlet(self.link, name, mark, log) for name in marker_streams]
        for inlet in self._inlets:
            inlet.start()

    @property
    def missing(self) -> list[str]:
        """Names of the marker streams that were not found, or not yet."""
        return [inlet.stream for inlet in self._inlets if not inlet.connected]

    def measured(self) -> Offset | None:
        """Measure LSL's clock anew; None where it cannot be read."""
        try:
            return self.link.measure()
        except Exception:
            logger.debug("LSL's clock cannot be read.", exc_info=True)
            return None

    def send_frame(self, analysis: Analysis, host_s: float) -> None:
        """Send a frame's probabilities; a failing outlet costs nobody anything but itself."""
        self._guarded(lambda: self.link.push_frame(analysis, host_s))

    def send_event(self, event: Event) -> None:
        """Send an event; a failing outlet costs nobody anything but itself."""
        self._guarded(lambda: self.link.push_event(event))

    def close(self) -> None:
        """Close inlets and outlets."""
        for inlet in self._inlets:
            inlet.stop()
        for inlet in self._inlets:
            inlet.join(5)
        self.link.close()

    def _guarded(self, push: Callable[[], None]) -> None:
        try:
            push()
        except Exception as error:  # whatever liblsl or its binding may raise
            if not self._has_failed:
                logger.warning("Lab Streaming Layer cannot send (%s); recording goes on.", error)
            self._has_failed = True


class ClockComparison:
    """Has a run note, now and every `CLOCK_PERIOD_S`, how far other clocks are."""

    def __init__(self) -> None:
        self._due_s = 0.0

    def compare(self, recording: Recording, streams: Streams | None) -> None:
        """Compare the clocks if that is due: the wall clock's, and LSL's where it is on."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + CLOCK_PERIOD_S
        recording.log_offset(unix_offset())
        if streams is not None and (offset := streams.measured()) is not None:
            recording.lsl_offset_s = offset.offset_s
            recording.log_offset(offset)
