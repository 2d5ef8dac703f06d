"""`session.json` of a run: what was recorded how, and how it ended."""

import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from fercore.errors import FercoreError
from fercore.runtime.checking import described
from fercore.runtime.files import write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.study.baseline import Baseline
from fercore.study.layout import RunName
from fercore.study.study_file import Privacy, Study

FORMAT = 1


class RunState(StrEnum):
    """How a run stands; the value is the word in `session.json`."""

    RECORDING = "recording"  # or killed: `fercore recover` tells
    COMPLETE = "complete"
    EARLY = "ended early"  # by hand before its planned length, or with the study or the window
    STOPPED = "stopped"  # by a problem such as a full disk; what is written is valid
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Weights:
    """Which network spoke."""

    pipeline: str  # slug
    sha256: str  # of the safetensors file


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist before the start."""

    item: str  # such as "distance"
    passed: bool
    finding: str  # such as "0.62 m"
    overridden_because: str = ""  # the experimenter's reason; empty: not overridden


@dataclass(frozen=True, slots=True)
class Clocks:
    """Which clock each time is on, and where the run's zero lies."""

    start_host_s: float  # zero of all onsets, on the host's monotonic clock
    device: str  # of `device_s`: "camera", "host" or "source"
    lsl: bool  # whether Lab Streaming Layer was on
    host: str = "monotonic clock of the operating system"
    video: str = "milliseconds since the start of the run, by arrival at the host"


@dataclass(frozen=True, slots=True)
class Counts:
    """What was kept and what was lost."""

    frames: int = 0  # rows of predictions.tsv
    events: int = 0
    colour_pictures: int = 0
    depth_maps: int = 0
    dropped_rows: int = 0  # judged frames that could not be written in time
    dropped_colour: int = 0
    dropped_depth: int = 0
    dropped_events: int = 0  # that came faster than they can be put on the disk
    clipped_depth_pixels: int = 0  # beyond the range of 16 bits, stored as unknown
    rounded_depth_maps: int = 0  # not in whole steps of `depth_unit_m` before


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything that `session.json` says."""

    study: str  # title
    subject: str
    session: str
    task: str
    run: int
    condition: str
    privacy: Privacy
    state: RunState
    started_utc: str  # ISO 8601, seconds
    clocks: Clocks
    source: str  # what the frames came from, such as a camera's name
    synthetic: bool  # whether no person was recorded
    weights: tuple[Weights, ...]
    smoothing_s: float
    colour_codec: str  # empty: no colour is kept
    depth_unit_m: float  # metres per step of the depth video; 0: no depth is kept
    versions: dict[str, str]
    camera: dict[str, Any] = field(default_factory=dict)  # model, serial, firmware, settings
    configuration: dict[str, Any] = field(default_factory=dict)  # what else shaped the data
    baseline: Baseline | None = None
    checklist: tuple[Check, ...] = ()
    problem: str = ""  # why it was stopped or ended early, or what recovery found
    remarks: tuple[str, ...] = ()  # what else its reader must know, such as another source
    duration_s: float = 0.0
    counts: Counts = field(default_factory=Counts)
    format: int = FORMAT


def write_run_record(path: Path, record: RunRecord) -> None:
    """Write `session.json`, replacing an earlier one whole.

    Raises:
        OSError: it cannot be written; the earlier one is kept.
    """
    values = asdict(record)
    values["privacy_statement"] = record.privacy.statement
    write_text_whole(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def read_run_record(path: Path) -> RunRecord:
    """Read a run's `session.json`.

    Raises:
        FercoreError: it is missing, damaged or of another format.
    """
    try:
        raw = parsed_json(path.read_bytes())
        if raw["format"] != FORMAT:
            raise FercoreError(f"{path} has format {raw['format']}; this reads {FORMAT}.")
        return described(RunRecord, raw, tolerant=True)
    except FileNotFoundError:
        raise FercoreError(f"{path} is missing; its run cannot be used without it.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FercoreError(
            f"{path} is no readable run record ({error}); restore it from a copy."
        ) from error


def new_record(study: Study, name: RunName, condition: str, **rest: Any) -> RunRecord:
    """Return the record of a run that begins; `rest` are the fields a study does not know."""
    privacy = study.privacy
    depth_unit_m = rest.pop("depth_unit_m", 0.0)
    return RunRecord(
        study=study.title,
        subject=name.subject,
        session=name.session,
        task=name.task,
        run=name.run,
        condition=condition,
        privacy=privacy,
        state=RunState.RECORDING,
        smoothing_s=study.smoothing_s,
        colour_codec=study.colour_codec if privacy.keeps_colour else "",
        depth_unit_m=depth_unit_m if privacy.keeps_depth else 0.0,
        **rest,
    )


def finished(record: RunRecord, state: RunState, **changes: Any) -> RunRecord:
    """Return the record as it stands at the end of a run."""
    return replace(record, state=state, **changes)
