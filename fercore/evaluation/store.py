"""The folder of an evaluation: what it is, its finished chunks, and the tables made of them.

    run.json           data, protocol, recipes, versions: what made the results
    splits.tsv         every experiment's training, validation and test subjects
    chunks/            one file for each finished chunk, and the running state of others
    predictions.tsv    every prediction of every experiment
    curves.tsv         every epoch of every experiment
    timings.tsv        time and memory of every chunk

A chunk's file appears whole or not at all, so a run killed at any moment loses no more than
two minutes of the chunks in flight, or all of those that a Ray cluster runs. The tables hold
what is finished, in an order that does not depend on who finished first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fercore.errors import FercoreError, cure
from fercore.evaluation.baseline_folds import EVALUABLE
from fercore.expressions import EXPRESSIONS
from fercore.results import (
    CURVE_COLUMNS,
    PREDICTION_COLUMNS,
    SPLIT_COLUMNS,
    TIMING_COLUMNS,
)
from fercore.runtime.files import write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.runtime.tables import table_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from fercore.evaluation.chunks import ChunkResult
    from fercore.evaluation.data import ExperimentData, Roles
    from fercore.training.stacked import FoldTask

FORMAT = 1
RUN_FILE, SPLITS_FILE, CHUNKS = "run.json", "splits.tsv", "chunks"
PREDICTIONS_FILE, CURVES_FILE, TIMINGS_FILE = "predictions.tsv", "curves.tsv", "timings.tsv"


_MUST_AGREE = ("format", "dataset", "faces_sha256", "protocol", "preprocessing")
_MADE_BY = ("command", "hardware", "versions")
_SELECTION = "selection"  # said of each pipeline, earlier of the whole run; follows from the rest

_CHUNK_KEYS = {"name", "pipeline", "seconds", "peak_rss_mb", "folds"}
_FOLD_KEYS = {"experiment", "best_epoch", "curve", "probabilities"}

Record = dict[str, Any]


def claim_run(folder: Path, record: Record) -> None:
    """Note in `folder` what is evaluated there; pipelines may be added to an earlier run.

    Raises:
        FercoreError: the folder holds another run or cannot be written.
    """
    path = folder / RUN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = parsed_json(path.read_bytes()) if path.exists() else {}
        if earlier:
            _require_same(folder, earlier, record)
            record = _joined(earlier, record)
        write_text_whole(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    except (OSError, ValueError, KeyError) as error:
        raise FercoreError(
            f"{folder} cannot be used ({error!r}); choose another --output."
        ) from error


def _joined(earlier: Record, record: Record) -> Record:
    """Add pipelines to a run, and note what else made it: command, machine, versions."""
    made_by = {name: record[name] for name in _MADE_BY}
    history = earlier.get("continued_by", [])
    if made_by not in [{name: earlier[name] for name in _MADE_BY}, *history]:
        history = [*history, made_by]
    pipelines = {**earlier["pipelines"], **record["pipelines"]}
    kept = {name: value for name, value in earlier.items() if name != _SELECTION}
    return {**kept, "pipelines": pipelines, "data": record["data"], "continued_by": history}


def write_splits(folder: Path, roles: Sequence[Roles]) -> None:
    """Write who trained, chose the epoch and was tested in every experiment.

    Raises:
        FercoreError: the run's earlier chunks followed other splits.
    """
    rows = [
        (str(index), subject, role)
        for index, one in enumerate(roles)
        for role in ("train", "validation", "test")
        for subject in getattr(one, role)
    ]
    path = folder / SPLITS_FILE
    text = table_text(SPLIT_COLUMNS, rows)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise FercoreError(
            f"{path} holds other splits than these seeds give here; choose another --output."
        )
    _write(path, text)


def write_chunk(folder: Path, result: ChunkResult) -> None:
    """Store a finished chunk.

    Raises:
        FercoreError: the disk is full or cannot be written; finished chunks are kept.
    """
    content = {
        "name": result.name,
        "pipeline": result.pipeline,
        "seconds": round(result.seconds, 2),
        "peak_rss_mb": round(result.peak_rss_mb, 1),
        "folds": [
            {
                "experiment": fold.experiment,
                "best_epoch": fold.best_epoch,
                "curve": [
                    [epoch.train_loss, epoch.validation_loss, epoch.validation_accuracy]
                    for epoch in fold.curve
                ],
                "probabilities": fold.probabilities.tolist(),
            }
            for fold in result.folds
        ],
    }
    path = folder / CHUNKS / f"{result.name}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        write_text_whole(path, json.dumps(content))
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); {cure(error)} and give the command "
            "again: finished chunks are kept."
        ) from error


def states_folder(folder: Path) -> Path:
    """Return where the running states of chunks lie; it is made if needed.

    Raises:
        FercoreError: it cannot be made.
    """
    path = folder / CHUNKS
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); {cure(error)}."
        ) from error
    return path


def forget_states(folder: Path, chunk: str = "") -> None:
    """Remove the running states of a finished chunk, or of all."""
    for path in (folder / CHUNKS).glob(f"{chunk}*.pt"):
        path.unlink(missing_ok=True)


def read_chunks(folder: Path) -> list[Record]:
    """Return all finished chunks; one whose file is damaged counts as not finished.

    Raises:
        FercoreError: a file cannot be read.
    """
    try:
        texts = [path.read_bytes() for path in sorted((folder / CHUNKS).glob("*.json"))]
    except OSError as error:
        raise FercoreError(
            f"{error.filename} cannot be read ({error.strerror}); put that right, or remove it "
            "to run that chunk again."
        ) from error
    return [record for record in map(_chunk, texts) if record is not None]


def _chunk(text: bytes) -> Record | None:
    try:
        record: Record = parsed_json(text)
        complete = record.keys() >= _CHUNK_KEYS and all(
            fold.keys() >= _FOLD_KEYS for fold in record["folds"]
        )
    except (ValueError, AttributeError, TypeError):
        return None
    return record if complete else None


def finished_experiments(folder: Path) -> set[tuple[str, int]]:
    """Return (pipeline, experiment) of all finished experiments."""
    return {
        (record["pipeline"], fold["experiment"])
        for record in read_chunks(folder)
        for fold in record["folds"]
    }


def write_tables(
    folder: Path, data: ExperimentData, roles: Sequence[Roles], tasks: Sequence[FoldTask]
) -> None:
    """Make the three tables from the finished chunks, in the order of `EVALUABLE`."""
    records = read_chunks(folder)
    folds = {
        (record["pipeline"], fold["experiment"]): fold
        for record in records
        for fold in record["folds"]
    }
    ordered = sorted(folds, key=lambda key: (EVALUABLE.index(key[0]), key[1]))
    predictions = (
        row
        for key in ordered
        for row in (
            *_prediction_rows(key, folds[key], data, tasks[key[1]]),
            *_missed_rows(key, data, roles[key[1]]),
        )
    )
    _write(folder / PREDICTIONS_FILE, table_text(PREDICTION_COLUMNS, predictions))
    curves = (row for key in ordered for row in _curve_rows(key, folds[key]))
    _write(folder / CURVES_FILE, table_text(CURVE_COLUMNS, curves))
    timings = [
        (
            *(record["pipeline"], record["name"], str(len(record["folds"]))),
            *(str(record["seconds"]), str(record["peak_rss_mb"])),
        )
        for record in records
    ]
    _write(folder / TIMINGS_FILE, table_text(TIMING_COLUMNS, timings))


def _prediction_rows(
    key: tuple[str, int], fold: Record, data: ExperimentData, task: FoldTask
) -> Iterable[tuple[str, ...]]:
    faces = data.faces
    for row, probabilities in zip(task.test, fold["probabilities"], strict=True):
        yield (
            *(key[0], str(key[1]), str(faces.subjects[row])),
            *(EXPRESSIONS[faces.labels[row]].value, str(faces.levels[row])),
            *(str(faces.views[row]), str(data.rows[row])),
            *("" if p != p else f"{p:.6f}" for p in probabilities),  # none without features
        )


def _missed_rows(
    key: tuple[str, int], data: ExperimentData, roles: Roles
) -> Iterable[tuple[str, ...]]:
    """Give tested scans without a face a row too; it has no probabilities."""
    for scan in data.missed:
        if scan.subject in roles.test:
            yield (
                *(key[0], str(key[1]), scan.subject, scan.expression, str(scan.level)),
                *(scan.view, str(scan.row), *[""] * len(EXPRESSIONS)),
            )


def _curve_rows(key: tuple[str, int], fold: Record) -> Iterable[tuple[str, ...]]:
    for epoch, figures in enumerate(fold["curve"], start=1):
        best = str(int(epoch == fold["best_epoch"]))
        yield (key[0], str(key[1]), str(epoch), *(f"{x:.6f}" for x in figures), best)


def _write(path: Path, text: str) -> None:
    try:
        write_text_whole(path, text)
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); {cure(error)} and give the command "
            "again: finished chunks are kept."
        ) from error


def _settings(pipeline: Record) -> Record:
    return {name: value for name, value in pipeline.items() if name != _SELECTION}


def _require_same(folder: Path, earlier: Record, record: Record) -> None:
    differing = [name for name in _MUST_AGREE if earlier.get(name) != record[name]]
    for slug, pipeline in record["pipelines"].items():
        known = earlier["pipelines"].get(slug)
        if known is not None and _settings(known) != _settings(pipeline):
            differing.append(f"settings or backbone of {slug}")
    entries = [*earlier["pipelines"].values(), *record["pipelines"].values()]
    if len({entry["landmarks"] for entry in entries if "landmarks" in entry}) > 1:
        differing.append("landmarks")
    if differing:
        raise FercoreError(
            f"{folder} holds a run with other {', '.join(differing)}; choose another --output."
        )
