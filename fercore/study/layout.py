"""Names and places of a study's files, after BIDS.

    STUDY/study.toml
    STUDY/sub-01/participant.json
    STUDY/sub-01/ses-1/baseline.json
    STUDY/sub-01/ses-1/sub-01_ses-1_task-video_run-01/session.json, predictions.tsv, …

Labels are letters and digits only, as BIDS demands. Nothing is ever overwritten.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.io.files import natural_key
from fercore.runtime.files import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUDY_FILE = "study.toml"
PARTICIPANT_FILE, BASELINE_FILE = "participant.json", "baseline.json"
SNAPSHOTS = "snapshots"  # a folder inside a participant's, for pictures taken by hand
_LABEL = re.compile(r"[A-Za-z0-9]{1,32}")
_STEM = re.compile(
    r"sub-(?P<subject>[A-Za-z0-9]+)_ses-(?P<session>[A-Za-z0-9]+)"
    r"_task-(?P<task>[A-Za-z0-9]+)_run-(?P<run>[0-9]+)"
)


@dataclass(frozen=True, slots=True)
class RunName:
    """What tells one run from all others.

    Raises:
        FercoreError: a label holds anything but letters and digits, or the run is below 1.
    """

    subject: str  # label without `sub-`
    session: str  # label without `ses-`
    task: str  # label without `task-`
    run: int  # from 1

    def __post_init__(self) -> None:
        for what in ("subject", "session", "task"):
            require_label(getattr(self, what), what)
        if self.run < 1:
            raise FercoreError(f"run {self.run} is no run; count runs from 1.")

    @property
    def stem(self) -> str:
        """The name of the run's folder and the start of its exported files' names."""
        return f"{self.session_stem}_task-{self.task}_run-{self.run:02d}"

    @property
    def session_stem(self) -> str:
        """The part that all runs of a session share."""
        return f"sub-{self.subject}_ses-{self.session}"

    @classmethod
    def parse(cls, stem: str) -> RunName | None:
        """Return the run that a folder's name stands for, None if it is no run's name."""
        match = _STEM.fullmatch(stem)
        if match is None or int(match["run"]) < 1:
            return None
        return cls(match["subject"], match["session"], match["task"], int(match["run"]))


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run's folder and the files in it, whether they exist or not."""

    folder: Path

    @property
    def session(self) -> Path:
        """What was recorded how: versions, configuration, clocks, counts."""
        return self.folder / "session.json"

    @property
    def predictions(self) -> Path:
        """One row a frame."""
        return self.folder / "predictions.tsv"

    @property
    def events(self) -> Path:
        """Markers and what else happened."""
        return self.folder / "events.tsv"

    @property
    def clocks(self) -> Path:
        """Measured offsets between clocks."""
        return self.folder / "clocks.tsv"

    @property
    def colour(self) -> Path:
        """Colour video, where the privacy level keeps one."""
        return self.folder / "colour.mkv"

    @property
    def depth(self) -> Path:
        """Depth video, where the privacy level keeps one."""
        return self.folder / "depth.mkv"

    @property
    def lock(self) -> Path:
        """Held by the process that records or recovers the run; stays where it is."""
        return self.folder / LOCK_FILE


def require_label(label: str, what: str) -> str:
    """Return a label that may stand in a file's name.

    Raises:
        FercoreError: it holds anything but letters and digits, or is empty or too long.
    """
    if not _LABEL.fullmatch(label):
        raise FercoreError(
            f"{label!r} is no usable {what} label; use 1 to 32 letters and digits, such as 01."
        )
    return label


def subject_folder(study: Path, subject: str) -> Path:
    """Return the folder of a participant, `subject` with or without `sub-`."""
    return study / f"sub-{require_label(subject.removeprefix('sub-'), 'subject')}"


def session_folder(study: Path, subject: str, session: str) -> Path:
    """Return the folder of a participant's session."""
    return subject_folder(study, subject) / f"ses-{require_label(session, 'session')}"


def run_place(study: Path, name: RunName) -> RunPlace:
    """Return where a run lies."""
    return RunPlace(session_folder(study, name.subject, name.session) / name.stem)


def create_run(study: Path, name: RunName) -> RunPlace:
    """Make the folder of a new run.

    Raises:
        FercoreError: the run exists already, in this or a confusable spelling, or the
            folder cannot be made.
    """
    place = run_place(study, name)
    try:
        require_new(place.folder.parent, "run")
        place.folder.parent.mkdir(parents=True, exist_ok=True)
        require_new(place.folder, "run")
        place.folder.mkdir()
    except FileExistsError:
        raise FercoreError(
            f"{place.folder} exists already and is not overwritten; take another run number."
        ) from None
    except OSError as error:
        raise FercoreError(
            f"{place.folder} cannot be made ({error.strerror}); check the disk and permissions."
        ) from error
    return place


def require_new(folder: Path, what: str) -> None:
    """Refuse a name that differs from an existing neighbour in case or leading zeros only.

    Raises:
        FercoreError: there is such a neighbour.
    """
    if not folder.parent.is_dir():
        return
    for other in folder.parent.iterdir():
        if other.name != folder.name and _confusable(other.name) == _confusable(folder.name):
            raise FercoreError(
                f"{other} exists already and could be mistaken for {folder.name}; "
                f"take a {what} label that differs by more than case and zeros."
            )


def next_run(study: Path, subject: str, session: str, task: str) -> int:
    """Return the number of the next run of a task in a session, from 1."""
    folder = session_folder(study, subject, session)
    found = [RunName.parse(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return 1 + max((name.run for name in found if name and name.task == task), default=0)


def subjects_of(study: Path) -> list[str]:
    """Return the labels of all participants in the order of their numbers."""
    require_study(study)
    names = (path.name.removeprefix("sub-") for path in study.glob("sub-*") if path.is_dir())
    return sorted((name for name in names if _LABEL.fullmatch(name)), key=natural_key)


def runs_of(study: Path) -> list[RunPlace]:
    """Return all runs of a study in the order of their names.

    Raises:
        FercoreError: the folder is no study.
    """
    require_study(study)
    return [
        RunPlace(path)
        for path in sorted(_run_folders(study), key=lambda path: natural_key(str(path)))
    ]


def require_study(study: Path) -> None:
    """Refuse a folder that holds no study.

    Raises:
        FercoreError: there is no study file in it.
    """
    if not (study / STUDY_FILE).is_file():
        raise FercoreError(f"{study} holds no {STUDY_FILE}; name the folder of a study.")


def require_run(folder: Path) -> RunPlace:
    """Return a run that exists.

    Raises:
        FercoreError: the folder does not exist or is no run's.
    """
    if not folder.is_dir():
        raise FercoreError(f"{folder} does not exist; name the folder of a run.")
    if RunName.parse(folder.resolve().name) is None:
        raise FercoreError(
            f"{folder} is not named like a run (sub-…_ses-…_task-…_run-…); name a run's folder."
        )
    return RunPlace(folder.resolve())


def study_of(place: RunPlace) -> Path:
    """Return the study that a run belongs to."""
    return place.folder.parents[2]


def _run_folders(study: Path) -> Iterator[Path]:
    for folder in study.glob("sub-*/ses-*/sub-*"):
        name = RunName.parse(folder.name)
        if name is None or not folder.is_dir() or folder.parent.name != f"ses-{name.session}":
            continue
        # One that was killed before its first file was written holds nothing to lose.
        if any(path.name != RunPlace(folder).lock.name for path in folder.iterdir()):
            yield folder


def _confusable(name: str) -> str:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", name.casefold())
