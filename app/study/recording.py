"""One run while it is recorded: takes analysed frames and markers, never makes anyone wait.

The files are those of `fercore.study.layout.RunPlace`. At level `derived` no picture is
ever handed to a writer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.study.faces import FaceBlur
from app.study.lanes import Draft
from app.study.run_lanes import Lanes, without_images
from app.study.run_state import DiskRoom, PlannedEnd, RecordingProgress
from fercore.errors import FercoreError
from fercore.study.events import MARKER, NOTE, PROBLEM, RUN_START, RUN_STOP, Event
from fercore.study.predictions import flags_of
from fercore.study.recover import sole_writer
from fercore.study.run_files import Counts, RunRecord, RunState, finished, write_run_record
from fercore.study.study_file import Privacy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fercore.faces.head_angle import HeadAngle
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis, FaceBox, UInt8Array
    from fercore.study.events import Offset
    from fercore.study.layout import RunPlace

_FINISH_TIMEOUT_S = 20.0

logger = logging.getLogger(__name__)


class Recording:
    """Records one run, from `start` to `stop`; `add` and `mark` may come from any one thread each.

    `find_faces` is needed at level `blurred` and is called from one thread of its own.
    `lsl_offset_s` may be set at any time: LSL's clock minus the host's. Where `plan` says so,
    it ends by itself.
    """

    def __init__(
        self,
        place: RunPlace,
        record: RunRecord,
        find_faces: Callable[[UInt8Array], Sequence[FaceBox]] | None = None,
        plan: PlannedEnd | None = None,
    ) -> None:
        if record.privacy is Privacy.BLURRED and find_faces is None:
            raise ValueError("level blurred needs something that finds faces")
        self.place = place
        self._disk = DiskRoom(place.folder)
        self.plan = plan or PlannedEnd()
        self.lsl_offset_s: float | None = None
        self._record = record
        blurred = record.privacy is Privacy.BLURRED
        self._blur = FaceBlur(find_faces) if find_faces and blurred else None
        self._closing, self._leaving = threading.Lock(), threading.Lock()
        self._ending: threading.Thread | None = None  # where it ends aside
        self._is_over = False  # its planned length
        self._held = contextlib.ExitStack()
        self._active = False
        self._closed = False
        self._problem = self._early = ""
        self._remarks: list[str] = []
        self._duration_s = 0.0
        self._lanes: Lanes | None = None

    @property
    def active(self) -> bool:
        """Whether frames are being taken."""
        return self._active

    @property
    def record(self) -> RunRecord:
        """What stands in `session.json`, at the end with counts."""
        return self._record

    def start(self) -> None:
        """Make the files and begin.

        Raises:
            FercoreError: they cannot be made, or the disk has too little room.
        """
        self._held.enter_context(sole_writer(self.place))
        try:
            self._disk.require()
            self._begin()
        except OSError as error:
            self._held.close()
            raise self._disk.unwritable(error) from error
        except FercoreError:
            self._held.close()
            raise
        self._active = True
        start_s = self._record.clocks.start_host_s
        self.mark("", "application", RUN_START, start_s, 0.0)

    def add(
        self,
        analysis: Analysis,
        host_s: float | None = None,
        angle: HeadAngle | None = None,
        faces: Sequence[TrackedFace] = (),
    ) -> None:
        """Take a frame and return at once; one thread only.

        `host_s` is when it arrived; without it, this moment less its latency. `faces` are all
        that were in view; the row is of the followed one.
        """
        lanes = self._lanes
        if not self._active or lanes is None:
            return
        host_s = time.monotonic() - analysis.latency_s if host_s is None else host_s
        onset_s = host_s - self._record.clocks.start_host_s
        if onset_s < 0:
            return  # it arrived before the run began
        if self.plan.is_past(onset_s):
            self._is_over = True
            self._end_aside()
            return
        # A row tells which pictures are in the files, so no picture goes without its row.
        if lanes.rows.lane.full:
            lanes.rows.lane.drop()
            return
        colour_kept, depth_kept = lanes.offer_pictures(analysis, onset_s)
        flags, slim = flags_of(analysis, angle, faces), without_images(analysis)
        face = next((face.identity for face in faces if face.followed), None)
        lsl_s = self._on_lsl(host_s)
        draft = Draft(slim, host_s, onset_s, lsl_s, face, flags, colour_kept, depth_kept)
        lanes.rows.lane.offer(draft)

    def mark(
        self,
        name: str,
        source: str,
        kind: str = MARKER,
        host_s: float | None = None,
        uncertainty_s: float | None = None,
    ) -> Event | None:
        """Note an event, of this moment unless `host_s` says else; None when not recording."""
        if not self._active or self._lanes is None:
            return None
        host_s = time.monotonic() if host_s is None else host_s
        event = Event(
            onset_s=host_s - self._record.clocks.start_host_s,
            type=kind,
            name=name,
            source=source,
            uncertainty_s=uncertainty_s,
            host_s=host_s,
            lsl_s=self._on_lsl(host_s),
        )
        return event if self._lanes.events.offer(event) else None

    def remark(self, text: str) -> None:
        """Keep what a reader of the run must know in its record and among its events."""
        if self._active:
            self._remarks.append(text)
            self.mark(text, "application", NOTE)

    def log_offset(self, offset: Offset) -> None:
        """Note how far another clock is from the host's."""
        if self._active and self._lanes is not None:
            self._lanes.events.lane.offer(offset)

    def progress(self) -> RecordingProgress:
        """Return how it stands; cheap."""
        lanes = self._lanes
        return RecordingProgress(
            active=self._active,
            elapsed_s=self._elapsed_s() if self._active else self._duration_s,
            bytes_written=lanes.size if lanes else 0,
            bytes_free=self._disk.bytes_free,
            counts=lanes.counts() if lanes else Counts(),
            problem=self._problem,
            planned_s=self.plan.planned_s,
            ends_by_itself=self.plan.by_itself,
        )

    def stop(self, why_early: str = "") -> RunRecord:
        """End the run, write out what is queued, close all files; safe to call twice.

        `why_early` says what ended it, where nobody meant its end.
        """
        with self._closing:
            if not self._closed and self._lanes is not None:
                self._closed = True
                self._early = why_early
                self._end(self._lanes)
        ending = self._ending
        if ending is not None and ending is not threading.current_thread():
            ending.join()
        return self._record

    def stop_aside(self, patience_s: float) -> bool:
        """Begin to end the run; return, after so long at most, whether it has ended."""
        self._end_aside()
        ending = self._ending
        if ending is not None:
            ending.join(patience_s)
        return not self.finishing

    @property
    def finishing(self) -> bool:
        """Whether it is being ended and not all is written yet."""
        ending = self._ending
        return ending is not None and ending.is_alive()

    def _begin(self) -> None:
        now_s = time.monotonic()
        self._record = replace(
            self._record,
            clocks=replace(self._record.clocks, start_host_s=now_s),
            started_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        write_run_record(self.place.session, self._record)
        self._lanes = Lanes(self.place, self._record, self._blur, self._fail, self._watch)
        self._lanes.start()

    def _end(self, lanes: Lanes) -> None:
        self._duration_s = self._elapsed_s()
        if self._problem:
            self.mark(self._problem, "application", PROBLEM)
        why = self.plan.sentence if self._is_over and not self._problem else ""
        self.mark(why, "application", RUN_STOP, uncertainty_s=0.0)
        self._active = False
        stuck = lanes.finish(_FINISH_TIMEOUT_S)
        if stuck and not self._problem:
            self._problem = f"The {stuck} could not be written in time and are incomplete."
        state, problem = self._outcome()
        changes = {"problem": problem, "duration_s": self._duration_s}
        changes["remarks"] = tuple(self._remarks)
        self._record = finished(self._record, state, counts=lanes.counts(), **changes)
        try:
            write_run_record(self.place.session, self._record)
        except OSError as error:
            logger.error("%s", self._disk.unwritable(error))
        self._held.close()

    def _outcome(self) -> tuple[RunState, str]:
        """Return how the run ended, and why in a sentence where it was not as planned."""
        if self._problem:
            return RunState.STOPPED, self._problem
        if self._early:
            return RunState.EARLY, self._early
        if not self._is_over and self.plan.is_short(self._duration_s):
            planned = f"{self.plan.planned_s:g} s were planned"
            return RunState.EARLY, f"Stopped after {self._duration_s:.1f} s; {planned}."
        return RunState.COMPLETE, ""

    def _fail(self, error: Exception) -> None:
        """Note the first problem and have the run closed; called from a lane's thread."""
        if self._problem:
            return
        known = self._disk.unwritable(error) if isinstance(error, OSError) else error
        self._problem = str(known) if isinstance(known, FercoreError) else f"Failed: {known!r}."
        logger.error("Recording stopped: %s", self._problem)
        self._end_aside()

    def _end_aside(self) -> None:
        """Have the run closed by a thread of its own: neither lane nor window can wait for it."""
        with self._leaving:
            if self._ending is None and not self._closed:
                self._ending = threading.Thread(
                    target=self.stop, name="recording-stop", daemon=True
                )
                self._ending.start()

    def _watch(self) -> None:
        """Look at disk and clock; called twice a second by a lane's thread."""
        self._disk.require()
        if self.plan.is_overdue(self._elapsed_s()):
            self._is_over = True
            self._end_aside()

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._record.clocks.start_host_s

    def _on_lsl(self, host_s: float) -> float | None:
        return None if self.lsl_offset_s is None else host_s + self.lsl_offset_s
