"""The player: seek bar and timeline in step with a recording, and what it remembers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtWidgets import QFileDialog, QWidget

from app.sources.base import Remembering, Seekable, Span

if TYPE_CHECKING:
    from app.live.inference import Judged
    from app.live.session import Session
    from app.sources.base import FrameSource
    from app.window.widgets.seek_bar import SeekBar
    from app.window.widgets.timeline import Timeline
    from app.window.widgets.transport import Transport
    from fercore.structures import Verdicts

_NOTHING = Span(0, 0.0)
_EXPORTS = "Drawings (*.svg);;Pictures (*.png);;Tables (*.tsv)"


class Moment(NamedTuple):
    """Where a frame stands in its source, and what was said of it before."""

    time_s: float  # in the recording; of a camera, on its clock
    stored: Verdicts | None = None  # when it was recorded


class Player:
    """Goes where the user points to, and shows where that is."""

    def __init__(
        self, session: Session, bar: SeekBar, timeline: Timeline, transport: Transport
    ) -> None:
        self._session, self._bar, self._timeline = session, bar, timeline
        self._transport = transport
        self._source: Seekable | None = None
        self._span = _NOTHING
        self._place = 0
        bar.sought.connect(session.go_to)
        timeline.sought.connect(lambda time_s: session.go_to(self._span.place_at(time_s)))
        transport.step_back_pressed.connect(self._step_back)

    def show_source(self, source: FrameSource) -> None:
        """Span a recording; of a camera there is nothing to seek in."""
        self._source = source if isinstance(source, Seekable) else None
        self._place = 0
        self._cover(source.position if isinstance(source, Seekable) else 0)

    def take(self, judged: Judged) -> Moment:
        """Show where a frame stands."""
        source, clip = self._source, judged.arrival.clip
        if source is None or judged.arrival.source is not source:
            return Moment(judged.analysis.frame.timestamp_s)
        # Meanwhile the source may be at another clip.
        if self._span != source.span(clip):
            self._cover(clip)
        self._place = judged.arrival.place
        self._bar.show_place(self._place)
        stored = source.stored(clip, self._place) if isinstance(source, Remembering) else None
        return Moment(self._span.time_of(self._place), stored)

    def export(self, parent: QWidget) -> str:
        """Ask for a file and write the timeline into it; return what became of it."""
        name, _ = QFileDialog.getSaveFileName(
            parent, "Export the timeline", "timeline.svg", _EXPORTS
        )
        if not name:
            return ""
        try:
            self._timeline.save(Path(name))
        except OSError as error:
            return f"{name} cannot be written ({error.strerror}); choose another folder."
        return f"Timeline: {name}"

    def _cover(self, clip: int) -> None:
        source = self._source
        self._span = span = source.span(clip) if source else _NOTHING
        self._bar.set_span(span.frame_count, span.length_s, span.time_of)
        self._transport.step_back.setEnabled(source is not None)
        self._timeline.set_length(span.length_s if span.frame_count else None)
        self._timeline.set_events(source.moments(clip) if isinstance(source, Remembering) else ())

    def _step_back(self) -> None:
        self._session.pause()
        self._session.go_to(max(0, self._place - 1))
