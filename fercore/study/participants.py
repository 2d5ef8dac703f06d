"""Participants: what was asked of them, and who meets which condition when."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge

from fercore.errors import FercoreError
from fercore.runtime.checking import described
from fercore.runtime.files import sole_user, write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.runtime.tables import reads_as_missing
from fercore.study.layout import PARTICIPANT_FILE, require_new, subject_folder, subjects_of
from fercore.study.study_file import Conditions, Field, Order, Study

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Participant:
    """One participant, under a label only."""

    label: str  # without `sub-`
    position: Annotated[int, Ge(0)]  # in the counterbalancing
    answers: dict[str, str]  # by field name; empty where not given
    format: int = FORMAT


def enrol(folder: Path, study: Study, label: str, answers: Mapping[str, str]) -> Participant:
    """Add a participant, at the first free place of the counterbalancing.

    Raises:
        FercoreError: the label is taken or unusable, a required field is empty, or an
            answer does not fit its field.
    """
    checked = check_answers(study, answers)
    if reads_as_missing(label.removeprefix("sub-")):
        raise FercoreError(
            f"{label} reads as a missing value in statistics software; take another label."
        )
    own = subject_folder(folder, label)
    with sole_user(folder / ".enrolment"):
        if own.exists():
            raise FercoreError(f"{own} exists already; take another label for a new participant.")
        require_new(own, "subject")
        taken = {participant.position for participant in participants_of(folder)}
        position = next(place for place in range(len(taken) + 1) if place not in taken)
        participant = Participant(own.name.removeprefix("sub-"), position, checked)
        _write(own, participant)
    return participant


def read_participant(folder: Path, label: str) -> Participant:
    """Return a participant of a study.

    Raises:
        FercoreError: there is none of this label, or the record is damaged.
    """
    path = subject_folder(folder, label) / PARTICIPANT_FILE
    try:
        return described(Participant, parsed_json(path.read_bytes()))
    except FileNotFoundError:
        raise FercoreError(f"{path} does not exist; enrol the participant first.") from None
    except (OSError, ValueError) as error:
        raise FercoreError(f"{path} is no readable participant record ({error}).") from error


def participants_of(folder: Path) -> list[Participant]:
    """Return all participants of a study, sorted by label.

    Raises:
        FercoreError: the folder is no study, or a record is damaged.
    """
    labels = subjects_of(folder)
    return [
        read_participant(folder, label)
        for label in labels
        if (subject_folder(folder, label) / PARTICIPANT_FILE).exists()
    ]


def check_answers(study: Study, answers: Mapping[str, str]) -> dict[str, str]:
    """Return the answers to all fields of a study, in its order.

    Raises:
        FercoreError: a required one is empty, one does not fit, or one was never asked for.
    """
    for name in answers:
        if name not in {field.name for field in study.fields}:
            raise FercoreError(f"`{name}` is no field of the study; leave it out.")
    return {field.name: _checked(field, answers.get(field.name, "")) for field in study.fields}


def _checked(field: Field, answer: str) -> str:
    text = answer.strip()
    if not text:
        if field.required:
            raise FercoreError(f"`{field.name}` is required; fill it in.")
        return ""
    if not text.isprintable():
        raise FercoreError(f"`{field.name}` must be one line of text.")
    if field.kind == "choice" and text not in field.choices:
        raise FercoreError(f"`{field.name}` must be one of {', '.join(field.choices)}.")
    if field.kind in ("integer", "number"):
        _require_number(field, text)
    return text


def _require_number(field: Field, text: str) -> None:
    try:
        fits = math.isfinite(float(text) if field.kind == "number" else int(text))
    except (ValueError, OverflowError):
        fits = False
    if not fits:
        what = "a whole number" if field.kind == "integer" else "a number"
        raise FercoreError(f"`{field.name}` must be {what}, not {text!r}.")


def _write(own: Path, participant: Participant) -> None:
    text = json.dumps(asdict(participant), indent=2, ensure_ascii=False) + "\n"
    try:
        own.mkdir()
        write_text_whole(own / PARTICIPANT_FILE, text)
    except OSError as error:
        raise FercoreError(
            f"{own} cannot be written ({error.strerror}); check the disk and permissions."
        ) from error


@dataclass(frozen=True, slots=True)
class Block:
    """One run of the run sheet."""

    number: int  # from 1
    condition: str
    task: str  # label
    run: int  # run number of that task in the session, from 1
    instruction: str
    duration_s: float  # planned; 0: until stopped
    ends_by_itself: bool  # when the planned length is over


def run_sheet(study: Study, position: int) -> tuple[Block, ...]:
    """Return the runs of a session in order; `position` counts participants from 0.

    Within a condition the tasks follow each other as in the study file.
    """
    blocks: list[Block] = []
    runs = {task.label: 0 for task in study.tasks}
    for condition in condition_order(study.conditions, position):
        for task in study.tasks:
            runs[task.label] += 1
            blocks.append(
                Block(
                    number=len(blocks) + 1,
                    condition=condition,
                    task=task.label,
                    run=runs[task.label],
                    instruction=task.instruction,
                    duration_s=task.duration_s,
                    ends_by_itself=task.ends_by_itself,
                )
            )
    return tuple(blocks)


def condition_order(conditions: Conditions, position: int) -> tuple[str, ...]:
    """Return the conditions in a participant's order, repetitions included.

    Raises:
        ValueError: the position is negative.
    """
    if position < 0:
        raise ValueError(f"position {position} is below 0")
    names = conditions.names
    order: list[str] = []
    for repetition in range(conditions.repetitions):
        order += _one_pass(conditions, names, position, repetition)
    return tuple(order)


def latin_square(number: int) -> list[list[int]]:
    """Return the cyclic Latin square: each condition once in each row and at each place."""
    return [[(row + place) % number for place in range(number)] for row in range(number)]


def balanced_square(number: int) -> list[list[int]]:
    """Return Williams' square: moreover, each condition follows each other equally often.

    Of `number` rows where that is even, of twice as many where it is odd.

    Source: Williams, Experimental Designs Balanced for the Estimation of Residual
    Effects of Treatments, Australian Journal of Scientific Research 2, 1949.
    """
    first = [0]
    for step in range(1, number):
        first.append((first[-1] + (step if step % 2 else -step)) % number)
    rows = [[(place + row) % number for place in first] for row in range(number)]
    return rows if number % 2 == 0 else rows + [row[::-1] for row in rows]


def _one_pass(
    conditions: Conditions, names: Sequence[str], position: int, repetition: int
) -> list[str]:
    if conditions.order is Order.FIXED:
        return list(names)
    if conditions.order is Order.RANDOM:
        rng = np.random.default_rng([conditions.seed, position, repetition])
        return [names[place] for place in rng.permutation(len(names))]
    square = latin_square if conditions.order is Order.LATIN_SQUARE else balanced_square
    rows = square(len(names))
    return [names[place] for place in rows[position % len(rows)]]
