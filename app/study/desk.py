"""The experimenter's desk: a study, its present run, and all that may steer it.

One object for the window, the remote control and LSL to act on. `add` is called by the
thread that judges frames; everything else may come from any thread.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from app.study.new_run import BaselineRecording, planned_end, record_of, require_startable, started
from app.study.recording import Recording
from app.study.remote import DEFAULT_PORT, LOOPBACK, RemoteServer
from app.study.streams import ClockComparison, Streams
from fercore.errors import FercoreError
from fercore.study.events import MARKER, NOTE
from fercore.study.layout import RunName, create_run, next_run, run_place
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.study.run_state import Equipment, RecordingProgress
    from fercore.faces.head_angle import HeadAngle
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis, FaceBox, UInt8Array
    from fercore.study.events import Event, Offset
    from fercore.study.run_files import Check, RunRecord

_PATIENCE_S = 1.0  # for a run to end, before a window's thread goes on


class Desk:
    """Runs a study's recordings; `close` ends everything.

    `find_faces` is needed at level `blurred` and is called from a thread of its own.

    Raises:
        FercoreError: the folder holds no usable study file.
    """

    def __init__(
        self,
        folder: Path,
        equipment: Callable[[], Equipment],
        find_faces: Callable[[UInt8Array], Sequence[FaceBox]] | None = None,
    ) -> None:
        self.folder = folder
        self.study = load_study(folder)
        self.baseline = BaselineRecording(folder, equipment)
        self._equipment = equipment
        self._find_faces = find_faces
        self._changing = threading.RLock()
        self._recording: Recording | None = None
        self._streams: Streams | None = None
        self._remote: RemoteServer | None = None
        self._clocks = ClockComparison()
        self.checklist: tuple[Check, ...] = ()  # what a start by remote control goes by

    @property
    def lsl_on(self) -> bool:
        """Whether Lab Streaming Layer is on."""
        return self._streams is not None

    @property
    def lsl_missing(self) -> list[str]:
        """Names of the marker streams that are listened to and not there."""
        streams = self._streams
        return streams.missing if streams is not None else []

    @property
    def remote_on(self) -> bool:
        """Whether the remote control listens."""
        return self._remote is not None

    @property
    def recording(self) -> bool:
        """Whether a run is being recorded."""
        recording = self._recording
        return recording is not None and recording.active

    def add(
        self,
        analysis: Analysis,
        host_s: float | None = None,
        angle: HeadAngle | None = None,
        faces: Sequence[TrackedFace] = (),
    ) -> None:
        """Take a judged frame; returns at once.

        `host_s` is when it arrived, `faces` are all that were in view.
        """
        host_s = time.monotonic() - analysis.latency_s if host_s is None else host_s
        streams, recording = self._streams, self._recording
        self.baseline.add(analysis, host_s, angle)
        if recording is not None and recording.active:
            recording.add(analysis, host_s, angle, faces)
            self._clocks.compare(recording, streams)
        if streams is not None:
            streams.send_frame(analysis, host_s)

    def start(
        self,
        subject: str,
        session: str,
        task: str,
        condition: str,
        checklist: Sequence[Check] = (),
    ) -> RunName:
        """Start the next run of a task; return its name.

        Raises:
            FercoreError: a run is being recorded, a label or the condition is unknown, the
                baseline is missing, a check is red, or nothing can be written.
        """
        with self._changing:
            self._require_idle()
            require_startable(self.folder, self.study, subject, task, condition, checklist)
            name = RunName(subject, session, task, next_run(self.folder, subject, session, task))
            recording = self._recording_of(name, condition, checklist)
            create_run(self.folder, name)
            streams = self._streams
            if streams is not None:
                recording.lsl_offset_s = streams.link.measure().offset_s
            started(recording)
            self._recording, self._clocks = recording, ClockComparison()
            for check in checklist:
                if check.overridden_because:
                    self.note(f"{check.item} overridden: {check.overridden_because}")
            self._announce(recording.mark(name.stem, "application", NOTE))
        return name

    def stop(self, why_early: str = "") -> RunRecord | None:
        """Stop the run and return its record, None when none was started.

        `why_early` says what ended it, where nobody meant its end.
        """
        with self._changing:
            recording, self._recording = self._recording, None
            return recording.stop(why_early) if recording is not None else None

    def stop_aside(self) -> bool:
        """Begin to stop the run, and return soon: whether all is written, so `stop` is at once."""
        recording = self._recording
        return recording is None or recording.stop_aside(_PATIENCE_S)

    @property
    def finishing(self) -> bool:
        """Whether a run takes no more frames, but is still being written."""
        recording = self._recording
        return recording is not None and recording.finishing

    def mark(
        self,
        name: str,
        source: str,
        host_s: float | None = None,
        uncertainty_s: float | None = None,
    ) -> Event:
        """Mark an event.

        Raises:
            FercoreError: no run is being recorded, or more events wait than can be kept.
        """
        recording = self._recording
        event = None
        if recording is not None:
            event = recording.mark(name, source, MARKER, host_s, uncertainty_s)
        if event is None and recording is not None and recording.active:
            raise FercoreError(
                "Events come faster than they can be written; the marker "
                f"{name!r} is not kept, send fewer."
            )
        if event is None:
            raise FercoreError(f"No run is being recorded; the marker {name!r} is not kept.")
        self._announce(event)
        return event

    def note(self, text: str) -> None:
        """Keep a remark with the run; without a run it is lost."""
        recording = self._recording
        if recording is not None:
            recording.mark(text, "application", NOTE)

    def remark(self, text: str) -> None:
        """Mark the run, in its record, its events and the report; without a run it is lost."""
        recording = self._recording
        if recording is not None:
            recording.remark(text)

    def keep_recording(self) -> bool:
        """Let the run go on beyond its planned length; False where it was not going to end."""
        recording = self._recording
        if recording is None or not recording.active or not recording.plan.by_itself:
            return False
        recording.plan.call_off()
        self.note("goes on beyond the planned length")
        return True

    def progress(self) -> RecordingProgress | None:
        """Return how the present or last run stands, None before the first."""
        recording = self._recording
        return recording.progress() if recording is not None else None

    def switch_lsl(self, on: bool, marker_streams: Sequence[str] = ()) -> None:
        """Open or close Lab Streaming Layer, and listen to streams of markers by name.

        Raises:
            FercoreError: pylsl is missing or no stream can be opened.
        """
        streams, self._streams = self._streams, None
        if streams is not None:
            streams.close()
        if on:
            source = f"fercore-{self.study.title}"
            self._streams = Streams(source, marker_streams, self._mark_from_lsl, self._log_offset)

    def switch_remote(
        self, on: bool, token: str = "", interface: str = LOOPBACK, port: int = DEFAULT_PORT
    ) -> tuple[str, int] | None:
        """Open or close the remote control; return where it listens.

        Raises:
            FercoreError: the token is too short or the address cannot be used.
        """
        if self._remote is not None:
            self._remote.close()
            self._remote = None
        if on:
            self._remote = RemoteServer(RemoteCommands(self), token, interface, port)
        return self._remote.address if self._remote is not None else None

    def close(self) -> None:
        """End the run early, and the streams and the remote control; safe to call twice."""
        self.switch_remote(False)
        self.stop("The study was closed while it recorded.")
        self.switch_lsl(False)

    def _require_idle(self) -> None:
        if self.recording:
            raise FercoreError("A run is being recorded; stop it first.")
        if self._recording is not None:
            self.stop()  # it had stopped by itself

    def _recording_of(self, name: RunName, condition: str, checklist: Sequence[Check]) -> Recording:
        equipment, lsl_on = self._equipment(), self._streams is not None
        record = record_of(self.folder, self.study, name, condition, equipment, checklist, lsl_on)
        plan = planned_end(self.study, name.task)
        return Recording(run_place(self.folder, name), record, self._find_faces, plan)

    def _announce(self, event: Event | None) -> None:
        streams = self._streams
        if streams is not None and event is not None:
            streams.send_event(event)

    def _mark_from_lsl(self, name: str, host_s: float, uncertainty_s: float | None) -> None:
        recording = self._recording
        if recording is not None:
            recording.mark(name, "lsl", MARKER, host_s, uncertainty_s)

    def _log_offset(self, offset: Offset) -> None:
        recording = self._recording
        if recording is not None:
            recording.log_offset(offset)


class RemoteCommands:
    """The remote control's hands at the desk: what a client may do there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def start(self, subject: str, session: str, task: str, condition: str) -> str:
        """Start a run and return its name."""
        desk = self._desk
        return desk.start(subject, session, task, condition, desk.checklist).stem

    def stop(self) -> str:
        """Stop the run and return its state."""
        record = self._desk.stop()
        if record is None:
            raise FercoreError("No run is being recorded.")
        return record.state.value

    def marker(self, name: str, host_s: float, uncertainty_s: float | None) -> float:
        """Mark an event and return its onset in seconds."""
        return self._desk.mark(name, "remote", host_s, uncertainty_s).onset_s

    def status(self) -> dict[str, Any]:
        """Return how the present or last run stands."""
        progress = self._desk.progress()
        if progress is None:
            return {"recording": False}
        return {
            "recording": progress.active,
            "elapsed_s": progress.elapsed_s,
            "planned_s": progress.planned_s,
            "ends_by_itself": progress.ends_by_itself,
            "bytes_written": progress.bytes_written,
            "bytes_free": progress.bytes_free,
            "frames": progress.counts.frames,
            "dropped_rows": progress.counts.dropped_rows,
            "dropped_colour": progress.counts.dropped_colour,
            "dropped_depth": progress.counts.dropped_depth,
            "dropped_events": progress.counts.dropped_events,
            "problem": progress.problem,
        }
