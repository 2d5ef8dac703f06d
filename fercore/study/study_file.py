"""The study file: what a study records, in which order, and how much of a person it keeps.

A TOML file, described in docs/user-studies.md. Every mistake in it is one sentence
that names the file and the key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, Len
from pydantic import AfterValidator
from pydantic import Field as Keyed

from fercore.errors import FercoreError
from fercore.runtime.checking import Text, described
from fercore.runtime.parsing import parsed_toml
from fercore.runtime.tables import reads_as_missing
from fercore.study.layout import STUDY_FILE, require_label

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


def _present(name: str) -> str:
    if reads_as_missing(name):
        raise ValueError(f"cannot be {name!r}, which statistics software reads as a missing value")
    return name


def _label(text: str) -> str:
    try:
        return require_label(text, "")
    except FercoreError:
        raise ValueError(f"cannot be {text!r}; use letters and digits only") from None


def _field_name(text: str) -> str:
    if not _FIELD_NAME.fullmatch(text) or text in _RESERVED_FIELDS:
        raise ValueError(f"cannot be {text!r}; use small letters, digits and _")
    return text


def _marker_name(text: str) -> str:
    if not _MARKER_NAME.fullmatch(text):
        raise ValueError(f"cannot be {text!r}; use letters, digits, _ . and -")
    return text


Present = Annotated[Text, AfterValidator(_present)]
Label = Annotated[Present, AfterValidator(_label)]


@dataclass(frozen=True, slots=True)
class Task:
    """What a participant does in one run."""

    label: Label  # letters and digits
    instruction: str = ""  # shown on the run sheet
    duration_s: Annotated[float, Interval(ge=0, le=86400)] = 0.0  # planned; 0: until stopped
    ends_by_itself: bool = False  # when the planned length is over

    def __post_init__(self) -> None:
        if self.ends_by_itself and not self.duration_s:
            raise ValueError("`ends_by_itself` needs a `duration_s` above 0")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which conditions every task is done."""

    names: Annotated[tuple[Label, ...], Len(min_length=1)] = ("all",)  # letters and digits
    order: Order = Order.FIXED
    repetitions: Annotated[int, Interval(ge=1, le=100)] = 1  # of the whole order
    seed: Annotated[int, Interval(ge=0, le=2**31 - 1)] = 0  # of the random order

    def __post_init__(self) -> None:
        _require_different("names", self.names)


@dataclass(frozen=True, slots=True)
class Field:
    """What is asked of a participant."""

    name: Annotated[str, AfterValidator(_field_name)]  # column of participants.tsv
    kind: Literal["text", "integer", "number", "choice"] = "text"
    required: bool = True
    choices: tuple[Present, ...] = ()  # of a choice, else empty
    description: str = ""

    def __post_init__(self) -> None:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError('`choices` goes with kind = "choice", and only with it')
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("`choices` must be different texts")


@dataclass(frozen=True, slots=True)
class Marker:
    """An event that the experimenter or the stimulus software marks."""

    name: Annotated[Present, AfterValidator(_marker_name)]
    key: str = ""  # such as F5; empty: by remote control or LSL only
    description: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """A study as its file describes it."""

    title: Text
    privacy: Privacy
    tasks: Annotated[tuple[Task, ...], Len(min_length=1), Keyed(alias="task")]
    purpose: Annotated[str, AfterValidator(lambda text: " ".join(text.split()))] = ""  # for whom
    # asks what the study is for; empty in studies that began without
    conditions: Conditions = field(default_factory=Conditions)
    fields: Annotated[tuple[Field, ...], Keyed(alias="field")] = ()
    markers: Annotated[tuple[Marker, ...], Keyed(alias="marker")] = ()
    baseline: bool = False  # of a neutral face, at the start of a session
    baseline_s: Annotated[float, Interval(ge=2, le=60)] = 5.0
    smoothing_s: Annotated[float, Interval(ge=0, le=10)] = 0.0  # time constant; 0: none
    colour_codec: Literal["h264", "mjpeg", "ffv1"] = "h264"

    def __post_init__(self) -> None:
        _require_different("task", [task.label for task in self.tasks])
        _require_different("field", [field.name for field in self.fields])
        _require_different("marker", [marker.name for marker in self.markers])
        _require_different("marker", [marker.key for marker in self.markers if marker.key])


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
    try:
        return described(Study, values)
    except ValueError as error:
        raise FercoreError(f"{path}: {error}.") from None


def _require_different(key: str, names: Sequence[str]) -> None:
    folded = [name.casefold() for name in names]
    for place, name in enumerate(folded):
        if name in folded[:place]:
            raise ValueError(f"`{key}` holds {names[place]!r} twice")
