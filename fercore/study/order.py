"""Who meets which condition when: counterbalancing and the run sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.study.study_file import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.study.study_file import Conditions, Study


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
