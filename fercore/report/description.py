"""What a run says about itself: `run.json` and `stress.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError
from fercore.evaluation.protocol import Protocol, ProtocolError
from fercore.runtime.parsing import parsed_json
from fercore.runtime.tables import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
NO_BACKBONE = "none"
EVALUATE, STRESS = "fercore evaluate", "fercore stress"


@dataclass(frozen=True, slots=True)
class PipelineStart:
    """What a pipeline's training started from."""

    backbone_start: str  # a sentence, or none
    finetune: str  # none, last-stage or all
    config: Mapping[str, Any]
    landmarks: str = ""  # where the points of a baseline come from; empty: it has none


@dataclass(frozen=True, slots=True)
class Continuation:
    """By what else than the first command a run was made."""

    command: str
    hardware: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunDescription:
    """The content of `run.json`."""

    dataset: str
    synthetic: bool
    terms: str
    data: Path  # of the cache, as it was given
    protocol: Protocol
    pipelines: Mapping[str, PipelineStart]  # by slug
    preprocessing: Mapping[str, Any]
    versions: Mapping[str, str]
    hardware: str
    command: str
    continued_by: tuple[Continuation, ...]


@dataclass(frozen=True, slots=True)
class StressedWeights:
    """A checkpoint that `fercore stress` measured."""

    pipeline: str
    sha256: str
    backbone_start: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """Faces that the detector missed at a severity; they count as wrong."""

    perturbation: str
    severity: float
    faces: int


@dataclass(frozen=True, slots=True)
class StressDescription:
    """The content of `stress.json`."""

    weights: tuple[StressedWeights, ...]
    dataset: str
    synthetic: bool
    levels: tuple[int, ...]  # empty where it does not say
    view: str  # such as f2d; empty where it does not say
    not_found: tuple[NotFound, ...]
    seed: int
    versions: Mapping[str, str]
    command: str


def read_run_description(path: Path) -> RunDescription:
    """Read `run.json`.

    Raises:
        FercoreError: it is missing, damaged or of another format.
    """
    values = _read_json(path, EVALUATE)
    try:
        return RunDescription(
            dataset=_text(values, "dataset"),
            synthetic=_typed(values, "synthetic", bool),
            terms=_text(values, "terms"),
            data=Path(_text(values, "data")),
            protocol=_protocol(_typed(values, "protocol", dict)),
            pipelines=_pipelines(_typed(values, "pipelines", dict)),
            preprocessing=_typed(values, "preprocessing", dict),
            versions=_versions(values),
            hardware=_text(values, "hardware"),
            command=_text(values, "command"),
            continued_by=_continuations({"continued_by": [], **values}),
        )
    except (ValueError, ProtocolError) as error:
        raise _damaged(path, error, EVALUATE) from error


def read_stress_description(path: Path) -> StressDescription:
    """Read `stress.json`.

    Raises:
        FercoreError: it is missing, damaged or of another format.
    """
    values = _read_json(path, STRESS)
    try:
        return StressDescription(
            weights=tuple(_stressed(entry) for entry in _typed(values, "weights", list)),
            dataset=_text(values, "dataset"),
            synthetic=_typed(values, "synthetic", bool),
            levels=_levels({"levels": [], **values}),
            view=str(values.get("view", "")),
            not_found=_not_found({"faces_not_found": [], **values}),
            seed=_typed(values, "seed", int),
            versions=_versions(values),
            command=_text(values, "command"),
        )
    except ValueError as error:
        raise _damaged(path, error, STRESS) from error


def _read_json(path: Path, maker: str) -> dict[str, Any]:
    try:
        values = parsed_json(read_text(path, maker))
    except ValueError as error:
        raise _damaged(path, error, maker) from error
    if not isinstance(values, dict):
        raise _damaged(path, ValueError("no table of values"), maker)
    if values.get("format") != FORMAT:
        raise FercoreError(
            f"{path} has format {values.get('format')}, this version reads {FORMAT}; "
            f"run `{maker}` again or use the version that wrote it."
        )
    return values


def _damaged(path: Path, error: Exception, maker: str) -> FercoreError:
    reason = str(error).rstrip(".")
    return FercoreError(f"{path} is damaged ({reason}); run `{maker}` again.")


def _protocol(values: dict[str, Any]) -> Protocol:
    levels = _levels(values)
    return Protocol(
        name=_text(values, "name"),
        folds=_count(values, "folds"),
        experiments=_count(values, "experiments"),
        levels=levels,
        split_seed=_typed(values, "split_seed", int),
        training_seed=_typed(values, "training_seed", int),
    )


def _levels(values: dict[str, Any]) -> tuple[int, ...]:
    levels = _typed(values, "levels", list)
    if not all(type(level) is int and 1 <= level <= 4 for level in levels):
        raise ValueError(f"levels {levels} are not from 1 to 4")
    return tuple(sorted(levels))


def _pipelines(values: dict[str, Any]) -> dict[str, PipelineStart]:
    if not values:
        raise ValueError("it names no pipeline")
    return {slug: _pipeline(slug, values) for slug in values}


def _pipeline(slug: str, values: dict[str, Any]) -> PipelineStart:
    entry = _typed(values, slug, dict)
    return PipelineStart(
        backbone_start=_text(entry, "backbone_start"),
        finetune=_text(entry, "finetune"),
        config=_typed(entry, "config", dict),
        landmarks=_text(entry, "landmarks") if "landmarks" in entry else "",
    )


def _continuations(values: dict[str, Any]) -> tuple[Continuation, ...]:
    entries = _typed(values, "continued_by", list)
    if not all(type(entry) is dict for entry in entries):
        raise ValueError("continued_by is no list of entries")
    return tuple(
        Continuation(_text(entry, "command"), _text(entry, "hardware"), _versions(entry))
        for entry in entries
    )


def _stressed(entry: object) -> StressedWeights:
    if not isinstance(entry, dict):
        raise ValueError(f"weights {entry!r} are not described")
    return StressedWeights(
        *(_text(entry, name) for name in ("pipeline", "sha256", "backbone_start"))
    )


def _not_found(values: dict[str, Any]) -> tuple[NotFound, ...]:
    entries = _typed(values, "faces_not_found", list)
    if not all(type(entry) is dict for entry in entries):
        raise ValueError("faces_not_found is no list of entries")
    if not all(type(entry.get("severity")) in (int, float) for entry in entries):
        raise ValueError("faces_not_found has an entry without severity")
    return tuple(
        NotFound(
            _text(entry, "perturbation"),
            float(entry["severity"]),
            _typed(entry, "faces", int),
        )
        for entry in entries
    )


def _versions(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(version) for name, version in _typed(values, "versions", dict).items()}


def _text(values: dict[str, Any], name: str) -> str:
    # Line breaks and control characters would break a table or an SVG.
    text = "".join(c for c in " ".join(str(_typed(values, name, str)).split()) if c.isprintable())
    if not text:
        raise ValueError(f"{name} is empty")
    return text


def _count(values: dict[str, Any], name: str) -> int | None:
    if values.get(name) is None:
        return None
    count: int = _typed(values, name, int)
    return count


def _typed(values: dict[str, Any], name: str, kind: type) -> Any:
    if name not in values:
        raise ValueError(f"{name} is missing")
    value = values[name]
    if type(value) is not kind:
        raise ValueError(f"{name} is {value!r}, not of type {kind.__name__}")
    return value
