"""Lab Streaming Layer as a whole: our outlets and the inlets for others' markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.study.lsl import Link, MarkerInlet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fercore.study.clocks import Offset


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
        self._inlets = [MarkerInlet(self.link, name, mark, log) for name in marker_streams]
        for inlet in self._inlets:
            inlet.start()

    @property
    def missing(self) -> list[str]:
        """Names of the marker streams that were not found, or not yet."""
        return [inlet.stream for inlet in self._inlets if not inlet.connected]

    def close(self) -> None:
        """Close inlets and outlets."""
        for inlet in self._inlets:
            inlet.stop()
        for inlet in self._inlets:
            inlet.join(5)
        self.link.close()
