"""The experimenter's desk: a study, its present run, and all that may steer it.

One object for the window, the remote control and LSL to act on. `add` is called by the
thread that judges frames; everything else may come from any thread.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from app.study.clock_offsets import unix_offset
from app.study.new_run import planned_end, record_of, require_startable, started
from app.study.recording import Recording
from app.study.remote import DEFAULT_PORT, LOOPBACK, RemoteServer
from app.study.remote_commands import RemoteCommands
from app.study.streams import Streams
from fercore.errors import FercoreError
from fercore.study.baseline import Baseline, BaselineCollector, save_baseline
from fercore.study.events import MARKER, NOTE
from fercore.study.layout import (
    BASELINE_FILE,
    RunName,
    create_run,
    next_run,
    run_place,
    session_folder,
)
from fercore.study.participants import read_participant
from fercore.study.study_file import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.study.equipment import Equipment
    from app.study.progress import Progress
    from fercore.head_angle import HeadAngle
    from fercore.structures import Analysis, FaceBox, UInt8Array
    from fercore.study.clocks import Offset
    from fercore.study.events import Event
    from fercore.study.run_files import Check, RunRecord

CLOCK_PERIOD_S = 5.0


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
        self._equipment = equipment
        self._find_faces = find_faces
        self._changing = threading.RLock()
        self._recording: Recording | None = None
        self._collector: BaselineCollector | None = None
        self._streams: Streams | None = None
        self._remote: RemoteServer | None = None
        self._clocks_due_s = 0.0
        self.checklist: tuple[Check, ...] = ()  # what a start by remote control goes by

    @property
    def lsl_on(self) -> bool:
        """Whether Lab Streaming Layer is on."""
        return self._streams is not None

    @property
    def lsl_missing(self) -> list[str]:
        """Names of the marker streams that are listened to and not there."""
        return self._streams.missing if self._streams is not None else []

    @property
    def remote_on(self) -> bool:
        """Whether the remote control listens."""
        return self._remote is not None

    @property
    def recording(self) -> bool:
        """Whether a run is being recorded."""
        return self._recording is not None and self._recording.active

    @property
    def planned_s(self) -> float:
        """Planned length of the present or last run, 0 where there is none."""
        return self._recording.plan.planned_s if self._recording is not None else 0.0

    def add(
        self, analysis: Analysis, host_s: float | None = None, angle: HeadAngle | None = None
    ) -> None:
        """Take a judged frame; returns at once. `host_s` is when it arrived."""
        host_s = time.monotonic() - analysis.latency_s if host_s is None else host_s
        collector, streams, recording = self._collector, self._streams, self._recording
        if collector is not None:
            collector.add(analysis, host_s)
        if streams is not None:
            streams.link.push_frame(analysis, host_s)
        if recording is not None and recording.active:
            recording.add(analysis, host_s, angle)
            self._compare_clocks(recording)

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
            if self._streams is not None:
                recording.lsl_offset_s = self._streams.link.measure().offset_s
            started(recording)
            self._recording, self._clocks_due_s = recording, 0.0
            for check in checklist:
                if check.overridden_because:
                    self.note(f"{check.item} overridden: {check.overridden_because}")
            self._announce(recording.mark(name.stem, "application", NOTE))
        return name

    def stop(self) -> RunRecord | None:
        """Stop the run and return its record, None when none was started."""
        with self._changing:
            recording, self._recording = self._recording, None
            return recording.stop() if recording is not None else None

    def mark(
        self,
        name: str,
        source: str,
        host_s: float | None = None,
        uncertainty_s: float | None = None,
    ) -> Event:
        """Mark an event.

        Raises:
            FercoreError: no run is being recorded.
        """
        recording = self._recording
        event = None
        if recording is not None:
            event = recording.mark(name, source, MARKER, host_s, uncertainty_s)
        if event is None:
            raise FercoreError(f"No run is being recorded; the marker {name!r} is not kept.")
        self._announce(event)
        return event

    def note(self, text: str) -> None:
        """Keep a remark with the run; without a run it is lost."""
        if self._recording is not None:
            self._recording.mark(text, "application", NOTE)

    def keep_recording(self) -> bool:
        """Let the run go on beyond its planned length; False where it was not going to end."""
        recording = self._recording
        if recording is None or not recording.active or not recording.plan.by_itself:
            return False
        recording.plan.call_off()
        self.note("goes on beyond the planned length")
        return True

    def progress(self) -> Progress | None:
        """Return how the present or last run stands, None before the first."""
        return self._recording.progress() if self._recording is not None else None

    def begin_baseline(self) -> None:
        """Take the coming frames as the neutral baseline."""
        self._collector = BaselineCollector()

    def finish_baseline(self, subject: str, session: str) -> Baseline:
        """Judge the frames since `begin_baseline` and keep them for the session.

        Raises:
            FercoreError: it was not begun, or the face was not steady and neutral.
        """
        collector, self._collector = self._collector, None
        if collector is None:
            raise FercoreError("No baseline was begun; begin it first.")
        read_participant(self.folder, subject)
        baseline = collector.result()
        save_baseline(session_folder(self.folder, subject, session) / BASELINE_FILE, baseline)
        return baseline

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
        """Stop the run, the streams and the remote control; safe to call twice."""
        self.switch_remote(False)
        self.stop()
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

    def _compare_clocks(self, recording: Recording) -> None:
        now_s = time.monotonic()
        if now_s < self._clocks_due_s:
            return
        self._clocks_due_s = now_s + CLOCK_PERIOD_S
        recording.log_offset(unix_offset())
        if self._streams is not None:
            offset = self._streams.link.measure()
            recording.lsl_offset_s = offset.offset_s
            recording.log_offset(offset)

    def _announce(self, event: Event | None) -> None:
        if self._streams is not None and event is not None:
            self._streams.link.push_event(event)

    def _mark_from_lsl(self, name: str, host_s: float, uncertainty_s: float | None) -> None:
        if self._recording is not None:
            self._recording.mark(name, "lsl", MARKER, host_s, uncertainty_s)

    def _log_offset(self, offset: Offset) -> None:
        if self._recording is not None:
            self._recording.log_offset(offset)
