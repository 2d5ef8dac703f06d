"""Subject-independent splits of BU-3DFE, as the literature draws them.

The paper (section 5.2) fixes 60 of the 100 subjects once and repeats a random
54/6 split 200 times. Its accuracies, however, agree with multiples of 1/720,
which is one pass of 10 folds over the 60 subjects; so both are offered, and a
result records which one produced it. `random60` draws the 60 anew for every
experiment, as other papers do; `holdout90` trains on nine tenths of all subjects,
the setting that the paper criticises in Huynh et al.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.errors import FercoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FIXED60, RANDOM60, HOLDOUT90 = PROTOCOLS = ("fixed60", "random60", "holdout90")
SUBJECTS_DRAWN = 60
FOLDS = 10
LEVELS = (3, 4)  # section 5.2


class ProtocolError(FercoreError):
    """A protocol cannot be followed; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Who trains and who tests, and how often; two seeds, so that either can vary alone.

    Raises:
        ProtocolError: the settings contradict each other.
    """

    name: str  # one of PROTOCOLS
    folds: int | None  # FOLDS: every subject is tested exactly once; None: see `experiments`
    experiments: int | None  # independent random splits
    levels: tuple[int, ...] = LEVELS
    split_seed: int = 0
    training_seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in PROTOCOLS:
            known = ", ".join(PROTOCOLS)
            raise ProtocolError(f"unknown protocol {self.name!r}; choose one of: {known}.")
        if (self.folds is None) == (self.experiments is None):
            raise ProtocolError("give either --folds or --experiments.")
        if self.folds not in (None, FOLDS):
            raise ProtocolError(f"--folds must be {FOLDS}, got {self.folds}.")
        if self.folds and self.name == RANDOM60:
            raise ProtocolError("random60 draws its subjects anew each time; give --experiments.")
        if self.experiments is not None and self.experiments < 1:
            raise ProtocolError(f"--experiments must be at least 1, got {self.experiments}.")
        if not set(self.levels) <= {1, 2, 3, 4}:
            raise ProtocolError(f"levels {list(self.levels)} are not from 1 to 4.")
        if min(self.split_seed, self.training_seed) < 0:
            raise ProtocolError("seeds must not be negative.")

    @property
    def count(self) -> int:
        """The number of experiments."""
        return self.folds or self.experiments or 0


@dataclass(frozen=True, slots=True)
class Fold:
    """One experiment: who trains, who tests.

    Raises:
        ValueError: a subject is on both sides.
    """

    index: int
    train_subjects: frozenset[str]
    test_subjects: frozenset[str]

    def __post_init__(self) -> None:
        shared = self.train_subjects & self.test_subjects
        if shared:
            raise ValueError(f"fold {self.index} trains and tests on {sorted(shared)}")


def draw_folds(protocol: Protocol, subjects: Sequence[str]) -> list[Fold]:
    """Draw all experiments of a protocol from the subjects of a data set.

    Raises:
        ProtocolError: too few subjects.
    """
    pool = sorted(set(subjects))
    least = FOLDS if protocol.name == HOLDOUT90 else SUBJECTS_DRAWN
    if len(pool) < least:
        raise ProtocolError(
            f"{protocol.name} needs {least} subjects at levels "
            f"{', '.join(map(str, protocol.levels))}, the data has {len(pool)}; prepare more."
        )
    rng = np.random.default_rng(protocol.split_seed)
    if protocol.name == RANDOM60:
        return [_split(k, _draw_60(pool, rng), rng) for k in range(protocol.count)]
    drawn = pool if protocol.name == HOLDOUT90 else _draw_60(pool, rng)
    if protocol.folds:
        return _ten_folds(drawn, rng)
    return [_split(k, drawn, rng) for k in range(protocol.count)]


def _draw_60(pool: list[str], rng: np.random.Generator) -> list[str]:
    return sorted(rng.choice(pool, SUBJECTS_DRAWN, replace=False).tolist())


def _split(index: int, subjects: list[str], rng: np.random.Generator) -> Fold:
    """Draw a tenth of the subjects to test, 6 of 60."""
    return _fold(index, subjects, rng.choice(subjects, len(subjects) // FOLDS, replace=False))


def _ten_folds(subjects: list[str], rng: np.random.Generator) -> list[Fold]:
    parts = np.array_split(rng.permutation(subjects), FOLDS)
    return [_fold(index, subjects, part) for index, part in enumerate(parts)]


def _fold(index: int, subjects: list[str], test: NDArray[np.str_]) -> Fold:
    tested = frozenset(test.tolist())
    return Fold(index, frozenset(subjects) - tested, tested)
