"""The study file: what a study records, in which order, and how much of a person it keeps.

A TOML file, described in docs/user-studies.md. Every mistake in it is one sentence
that names the file and the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fercore.errors import FercoreError
from fercore.runtime.parsing import parsed_toml
from fercore.runtime.tables import reads_as_missing
from fercore.study.layout import STUDY_FILE, require_label
from fercore.study.toml_table import TomlTable

if TYPE_CHECKING:
    from pathlib import Path

COLOUR_CODECS = ("h264", "mjpeg", "ffv1")
FIELD_KINDS = ("text", "integer", "number", "choice")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_RESERVED_FIELDS = ("participant_id", "position")
_MARKER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")


class Privacy(StrEnum):
    """What reaches the disk; the value is the word in study files and `session.json`."""

    DERIVED = "derived"
    DEPTH = "depth"
    BLURRED = "blurred"
    FULL = "full"

    @property
    def keeps_colour(self) -> bool:
        """Whether a colour video is written, with or without recognisable faces."""
        return self in (Privacy.BLURRED, Privacy.FULL)

    @property
    def keeps_depth(self) -> bool:
        """Whether depth maps are written; they show the shape of a face, so not when blurred."""
        return self in (Privacy.DEPTH, Privacy.FULL)

    @property
    def statement(self) -> str:
        """One sentence for the consent form and for `session.json`."""
        return _STATEMENTS[self]


_STATEMENTS = {
    Privacy.DERIVED: "No image is stored, only numbers computed from the images.",
    Privacy.DEPTH: "Depth maps, which show the shape of the face, are stored; no colour image is.",
    Privacy.BLURRED: (
        "Colour video is stored with every detected face pixelated, the whole picture where none "
        "is found; no depth map is."
    ),
    Privacy.FULL: "Colour video and depth maps are stored, and the person can be recognised.",
}


class Order(StrEnum):
    """In which order a participant meets the conditions."""

    FIXED = "fixed"
    LATIN_SQUARE = "latin-square"
    BALANCED = "balanced-latin-square"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Task:
    """What a participant does in one run."""

    label: str  # letters and digits
    instruction: str  # shown on the run sheet; may be empty
    duration_s: float  # planned length; 0: until stopped
    ends_by_itself: bool  # when the planned length is over


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which conditions every task is done."""

    names: tuple[str, ...]  # letters and digits
    order: Order
    repetitions: int  # how often the whole order is gone through
    seed: int  # of the random order


@dataclass(frozen=True, slots=True)
class Field:
    """What is asked of a participant."""

    name: str  # column of participants.tsv
    kind: str  # one of FIELD_KINDS
    required: bool
    choices: tuple[str, ...]  # of a choice, else empty
    description: str


@dataclass(frozen=True, slots=True)
class Marker:
    """An event that the experimenter or the stimulus software marks."""

    name: str
    key: str  # such as F5; empty: by remote control or LSL only
    description: str


@dataclass(frozen=True, slots=True)
class BaselinePlan:
    """The neutral baseline at the start of a session."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Study:
    """A study as its file describes it."""

    title: str
    purpose: str  # for whom asks what the study is for; empty in studies that began without
    privacy: Privacy
    tasks: tuple[Task, ...]
    conditions: Conditions
    fields: tuple[Field, ...]
    markers: tuple[Marker, ...]
    baseline: BaselinePlan | None
    smoothing_s: float  # time constant; 0: none
    colour_codec: str  # one of COLOUR_CODECS


def load_study(folder: Path) -> Study:
    """Read the study file in a study's folder.

    Raises:
        FercoreError: it is missing, no TOML, or a key is missing, unknown or unusable.
    """
    return read_study_file(folder / STUDY_FILE)


def read_study_file(path: Path) -> Study:
    """Read a study file.

    Raises:
        FercoreError: it is missing, no TOML, or a key is missing, unknown or unusable.
    """
    try:
        values = parsed_toml(path.read_bytes())
    except FileNotFoundError:
        raise FercoreError(f"{path} does not exist; write a study file first.") from None
    except OSError as error:
        raise FercoreError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise FercoreError(f"{path} is no TOML file ({error}); correct it there.") from None
    return _study(TomlTable(path, values))


def _study(table: TomlTable) -> Study:
    study = Study(
        title=table.text("title"),
        purpose=" ".join(table.text("purpose", "").split()),
        privacy=Privacy(table.choice("privacy", [level.value for level in Privacy])),
        tasks=_tasks(table),
        conditions=_conditions(table.table("conditions")),
        fields=_fields(table),
        markers=_markers(table),
        baseline=_baseline(table),
        smoothing_s=table.number("smoothing_s", 0.0, 0, 10),
        colour_codec=table.choice("colour_codec", COLOUR_CODECS, "h264"),
    )
    table.finish()
    return study


def _tasks(table: TomlTable) -> tuple[Task, ...]:
    tasks = []
    for entry in table.tables("task"):
        tasks.append(_task(entry))
        entry.finish()
    if not tasks:
        raise table.problem("task", "is missing; describe at least one [[task]]")
    _require_different(table, "task", [task.label for task in tasks])
    return tuple(tasks)


def _task(entry: TomlTable) -> Task:
    label, instruction = _label(entry, "label", "task"), entry.text("instruction", "")
    duration_s = entry.number("duration_s", 0, 0, 86400)
    ends_by_itself = entry.flag("ends_by_itself", False)
    if ends_by_itself and not duration_s:
        raise entry.problem("ends_by_itself", "needs a `duration_s` above 0")
    return Task(label, instruction, duration_s, ends_by_itself)


def _conditions(table: TomlTable) -> Conditions:
    names = table.texts("names", ("all",))
    for name in names:
        _require(table, "names", name, "condition")
    if not names:
        raise table.problem("names", "must name at least one condition")
    _require_different(table, "names", names)
    conditions = Conditions(
        names=names,
        order=Order(table.choice("order", [order.value for order in Order], Order.FIXED.value)),
        repetitions=table.whole("repetitions", 1, 1, 100),
        seed=table.whole("seed", 0, 0, 2**31 - 1),
    )
    table.finish()
    return conditions


def _fields(table: TomlTable) -> tuple[Field, ...]:
    fields = tuple(_field(entry) for entry in table.tables("field"))
    _require_different(table, "field", [field.name for field in fields])
    return fields


def _field(entry: TomlTable) -> Field:
    name = entry.text("name")
    if not _FIELD_NAME.fullmatch(name) or name in _RESERVED_FIELDS:
        raise entry.problem("name", f"cannot be {name!r}; use small letters, digits and _")
    kind = entry.choice("kind", FIELD_KINDS, "text")
    choices = entry.texts("choices", ())
    if (kind == "choice") != bool(choices):
        raise entry.problem("choices", 'goes with kind = "choice", and only with it')
    for choice in choices:
        _require_present(entry, "choices", choice)
    required, description = entry.flag("required", True), entry.text("description", "")
    entry.finish()
    return Field(name, kind, required, choices, description)


def _markers(table: TomlTable) -> tuple[Marker, ...]:
    markers = []
    for entry in table.tables("marker"):
        name = entry.text("name")
        if not _MARKER_NAME.fullmatch(name):
            raise entry.problem("name", f"cannot be {name!r}; use letters, digits, _ . and -")
        _require_present(entry, "name", name)
        markers.append(Marker(name, entry.text("key", ""), entry.text("description", "")))
        entry.finish()
    _require_different(table, "marker", [marker.name for marker in markers])
    keys = [marker.key.casefold() for marker in markers if marker.key]
    _require_different(table, "marker", keys)
    return tuple(markers)


def _baseline(table: TomlTable) -> BaselinePlan | None:
    duration_s = table.number("baseline_s", 5.0, 2, 60)
    return BaselinePlan(duration_s) if table.flag("baseline", False) else None


def _label(entry: TomlTable, key: str, what: str) -> str:
    return _require(entry, key, entry.text(key), what)


def _require(table: TomlTable, key: str, label: str, what: str) -> str:
    _require_present(table, key, label)
    try:
        return require_label(label, what)
    except FercoreError:
        raise table.problem(key, f"cannot be {label!r}; use letters and digits only") from None


def _require_present(table: TomlTable, key: str, name: str) -> None:
    if reads_as_missing(name):
        raise table.problem(
            key, f"cannot be {name!r}, which statistics software reads as a missing value"
        )


def _require_different(table: TomlTable, key: str, names: list[str] | tuple[str, ...]) -> None:
    folded = [name.casefold() for name in names]
    for place, name in enumerate(folded):
        if name in folded[:place]:
            raise table.problem(key, f"holds {names[place]!r} twice")
