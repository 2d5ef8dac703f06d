"""FER+: how ten people each judged the faces of FER2013.

Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced
label distribution" (ICMI 2016). Votes become target distributions by the rules of the
authors' own code: a single vote counts for nothing, the strongest labels are taken until
three quarters of the votes are covered, and a face without a clear picture (more than three
labels, or half of the votes at most) or one that most hold for unknown or for no face is left
out. Contempt is none of the six expressions: its votes are dropped, and a face whose main
label it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS, NEUTRAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray, UInt8Array

VOTES = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"),
    *("contempt", "unknown", "NF"),
)
"""What people could vote for, in the order of FER+'s columns; NF: there is no face."""

AGREEMENT = 5
"""Votes of ten that a face needs to have one label in a test."""

_CLASSES = (*(expression.value for expression in EXPRESSIONS), NEUTRAL)
_COLUMNS = [VOTES.index(name) for name in _CLASSES]  # of the seven labels among the votes
_CONTEMPT = VOTES.index("contempt")
_COVERED = 0.75  # share of the votes that the strongest labels must cover
_MOST_LABELS = 3


@dataclass(frozen=True, slots=True)
class VoteTargets:
    """Target distributions of faces over the six expressions and calm."""

    targets: FloatArray  # (N, 7), sums to 1; all 0 where a face is left out
    contempt: NDArray[np.bool_]  # (N,), left out because most people see contempt
    unclear: NDArray[np.bool_]  # (N,), left out as unknown, no face or without a clear picture

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which faces (N,) have a target."""
        return ~(self.contempt | self.unclear)


def vote_targets(votes: UInt8Array) -> VoteTargets:
    """Turn votes (N, 10), columns as `VOTES`, into targets."""
    counted = np.where(votes > 1, votes, 0).astype(np.float32)
    kept, clear = _strongest(counted)
    main = kept.argmax(1)
    seven = kept[:, _COLUMNS]
    known = clear & (main < _CONTEMPT) & (seven.sum(1) > 0)
    targets = np.where(known[:, None], seven / np.maximum(seven.sum(1, keepdims=True), 1), 0)
    contempt = clear & (main == _CONTEMPT)
    return VoteTargets(targets.astype(np.float32), contempt, ~known & ~contempt)


def agreed_labels(votes: UInt8Array) -> NDArray[np.int64]:
    """Return the label (N,) that `AGREEMENT` or more people gave, 0..6 as in CLASSES, else -1."""
    seven = votes[:, _COLUMNS]
    agreed = (seven.max(1) >= AGREEMENT) & (seven.max(1) >= votes.max(1))
    return np.where(agreed, seven.argmax(1), -1).astype(np.int64)


def _strongest(counted: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Keep each face's strongest labels (N, 10); which faces (N,) are clear enough."""
    order = np.argsort(-counted, axis=1, kind="stable")
    descending = np.take_along_axis(counted, order, 1)
    total = descending.sum(1, keepdims=True)
    before = np.cumsum(descending, 1) - descending
    needed = (before < _COVERED * total) & (descending > 0)
    # Labels with as many votes as the last one needed belong to it.
    weakest = np.where(needed, descending, np.inf).min(1, keepdims=True)
    needed = (descending >= weakest) & (descending > 0)
    kept = np.zeros_like(counted)
    np.put_along_axis(kept, order, np.where(needed, descending, 0), 1)
    clear = (needed.sum(1) <= _MOST_LABELS) & (kept.sum(1) > 0.5 * total[:, 0])
    return kept, clear
