"""Quick recording: a run without a study, by one key, in a dated folder of its own.

    PARENT/recording-2026-11-22_21-30-05/study.toml
    PARENT/recording-…/sub-01/ses-1/sub-01_ses-1_task-quick_run-01/predictions.tsv, events.tsv, …

The folder is a small study, so that all that reads, recovers, replays, exports or withdraws runs
does so with these. The writing is that of `app.study`.
"""

from __future__ import annotations

import contextlib
import shutil
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

from app.study.desk import Desk
from fercore.errors import FercoreError, cure
from fercore.runtime.files import write_text_whole
from fercore.study.layout import STUDY_FILE
from fercore.study.participants import enrol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.study.run_state import Equipment, RecordingProgress
    from fercore.faces.head_angle import HeadAngle
    from fercore.faces.tracking import TrackedFace
    from fercore.structures import Analysis, FaceBox, UInt8Array
    from fercore.study.run_files import RunRecord
    from fercore.study.study_file import Privacy

MOMENT = "moment"
"""The one marker of a quick recording."""
_SUBJECT, _SESSION, _TASK, _CONDITION = "01", "1", "quick", "all"
_STUDY = """\
# A quick recording: made by the application, a study of one participant and one run.
title = "Quick recording {when}"
privacy = "{level}"

[[task]]
label = "quick"

[[marker]]
name = "moment"
description = "Marked by hand."
"""


class QuickRecording:
    """Starts and stops one recording at a time.

    `equipment` says what records; `find_faces` is needed where faces are blurred and is called
    from a thread of its own. `add` may come from another thread than the rest.
    """

    def __init__(
        self,
        equipment: Callable[[], Equipment],
        find_faces: Callable[[UInt8Array], Sequence[FaceBox]],
    ) -> None:
        self._equipment, self._find_faces = equipment, find_faces
        self._desk: Desk | None = None

    @property
    def begun(self) -> bool:
        """Whether there is a recording that has not been stopped, though it may have failed."""
        return self._desk is not None

    @property
    def folder(self) -> Path | None:
        """The dated folder of the recording, None without one."""
        return self._desk.folder if self._desk else None

    def start(self, parent: Path, level: Privacy) -> Path:
        """Record from now on into a new folder below `parent`; return it.

        Raises:
            FercoreError: a recording has begun already, no source is open, or nothing can be
                written; nothing is left behind.
        """
        if self._desk is not None:
            raise FercoreError("A quick recording has begun already; stop it first.")
        self._equipment()  # who has nothing to record with gets no folder either
        when = datetime.now().astimezone()
        folder = _new_folder(parent, f"recording-{when:%Y-%m-%d_%H-%M-%S}")
        try:
            self._desk = self._begun(folder, f"{when:%Y-%m-%d %H:%M:%S}", level)
        except BaseException:
            # It was made a moment ago and holds nothing that anyone could miss.
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def add(
        self,
        analysis: Analysis,
        host_s: float,
        angle: HeadAngle | None = None,
        faces: Sequence[TrackedFace] = (),
    ) -> None:
        """Record a judged frame that arrived at `host_s`; returns at once."""
        desk = self._desk
        if desk is not None:
            desk.add(analysis, host_s, angle, faces)

    def mark(self) -> float:
        """Mark this moment; return when it was, in seconds from the start.

        Raises:
            FercoreError: nothing is being recorded.
        """
        if self._desk is None:
            raise FercoreError("Nothing is being recorded; start a recording, then mark moments.")
        return self._desk.mark(MOMENT, "key").onset_s

    def progress(self) -> RecordingProgress | None:
        """Return how the recording stands, None without one."""
        return self._desk.progress() if self._desk else None

    def stop_aside(self, remark: str = "") -> bool:
        """Begin to end the recording; return soon whether all is written, so `stop` is at once."""
        if self._desk is None:
            return True
        if remark:
            self._desk.note(remark)
        return self._desk.stop_aside()

    @property
    def finishing(self) -> bool:
        """Whether a recording takes no more frames, but is still being written."""
        return self._desk is not None and self._desk.finishing

    def stop(self) -> RunRecord | None:
        """End the recording and close its files. Safe to call twice."""
        desk, self._desk = self._desk, None
        if desk is None:
            return None
        record = desk.stop()
        desk.close()
        return record

    def _begun(self, folder: Path, when: str, level: Privacy) -> Desk:
        try:
            write_text_whole(folder / STUDY_FILE, _STUDY.format(when=when, level=level))
        except OSError as error:
            raise _unwritable(folder, error) from error
        desk = Desk(folder, self._equipment, self._find_faces)
        enrol(folder, desk.study, _SUBJECT, {})
        desk.start(_SUBJECT, _SESSION, _TASK, _CONDITION)
        return desk


def _new_folder(parent: Path, name: str) -> Path:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = parent / (name if number == 1 else f"{name}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                break
    except OSError as error:
        raise _unwritable(parent, error) from error
    return folder


def _unwritable(folder: Path, error: OSError) -> FercoreError:
    return FercoreError(
        f"{folder} cannot be written ({error.strerror or error}); {cure(error)}, or choose "
        "another folder in the menu Record."
    )
