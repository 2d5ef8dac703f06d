"""What a run says about itself: `run.json` and `stress.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from annotated_types import Len
from pydantic import AfterValidator
from pydantic import Field as Keyed

from fercore.errors import FercoreError
from fercore.evaluation.protocol import Protocol, ProtocolError
from fercore.runtime.checking import described
from fercore.runtime.parsing import parsed_json
from fercore.runtime.tables import read_text

T = TypeVar("T")

FORMAT = 1
NO_BACKBONE = "none"
EVALUATE, STRESS = "fercore evaluate", "fercore stress"


def _one_line(text: str) -> str:
    # Line breaks and control characters would break a table or an SVG.
    line = "".join(char for char in " ".join(text.split()) if char.isprintable())
    if not line:
        raise ValueError("is empty")
    return line


Line = Annotated[str, AfterValidator(_one_line)]


@dataclass(frozen=True, slots=True)
class PipelineStart:
    """What a pipeline's training started from."""

    backbone_start: Line  # a sentence, or none
    finetune: Line  # none, last-stage or all
    config: Mapping[str, Any]
    landmarks: Line = ""  # where the points of a baseline come from; empty: it has none


@dataclass(frozen=True, slots=True)
class Continuation:
    """By what else than the first command a run was made."""

    command: Line
    hardware: Line
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunDescription:
    """The content of `run.json`."""

    dataset: Line
    synthetic: bool
    terms: Line
    data: Path  # of the cache, as it was given
    protocol: Protocol
    pipelines: Annotated[Mapping[str, PipelineStart], Len(min_length=1)]  # by slug
    preprocessing: Mapping[str, Any]
    versions: Mapping[str, str]
    hardware: Line
    command: Line
    continued_by: tuple[Continuation, ...] = ()


@dataclass(frozen=True, slots=True)
class StressedWeights:
    """A checkpoint that `fercore stress` measured."""

    pipeline: Line
    sha256: Line
    backbone_start: Line


@dataclass(frozen=True, slots=True)
class NotFound:
    """Faces that the detector missed at a severity; they count as wrong."""

    perturbation: Line
    severity: float
    faces: int


@dataclass(frozen=True, slots=True)
class StressDescription:
    """The content of `stress.json`."""

    weights: tuple[StressedWeights, ...]
    dataset: Line
    synthetic: bool
    seed: int
    versions: Mapping[str, str]
    command: Line
    levels: tuple[int, ...] = ()  # empty where it does not say
    view: str = ""  # such as f2d; empty where it does not say
    not_found: Annotated[tuple[NotFound, ...], Keyed(alias="faces_not_found")] = ()


def read_run_description(path: Path) -> RunDescription:
    """Read `run.json`.

    Raises:
        FercoreError: it is missing, damaged or of another format.
    """
    return _read(path, EVALUATE, RunDescription)


def read_stress_description(path: Path) -> StressDescription:
    """Read `stress.json`.

    Raises:
        FercoreError: it is missing, damaged or of another format.
    """
    return _read(path, STRESS, StressDescription)


def _read(path: Path, maker: str, kind: type[T]) -> T:
    try:
        values = parsed_json(read_text(path, maker))
        if isinstance(values, dict) and values.get("format") != FORMAT:
            raise FercoreError(
                f"{path} has format {values.get('format')}, this version reads {FORMAT}; "
                f"run `{maker}` again or use the version that wrote it."
            )
        return described(kind, values, tolerant=True)
    except (ValueError, ProtocolError) as error:
        reason = str(error).rstrip(".")
        raise FercoreError(f"{path} is damaged ({reason}); run `{maker}` again.") from error
