"""The neutral baseline: what the heads say of a participant's resting face.

Each resting face looks a little like something. The correction takes that off, by
`fercore.faces.resting`: a face that looks as at rest is called calm to nine tenths, and shows no
expression more than another; of networks that do not know calm, each is given 1/6. Whether the
face kept still is told by its pictures and its head: what networks say of a resting face is what
is to be found out, and no ground to refuse it.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator

from fercore.errors import FercoreError, cure
from fercore.expressions import EXPRESSIONS
from fercore.faces.resting import (
    FLOOR,
    STRENGTH,
    TYPICAL_RESTING,
    Stillness,
    logits_of,
    probabilities_of,
)
from fercore.results import HEADS
from fercore.runtime.checking import Probability, described
from fercore.runtime.files import write_text_whole
from fercore.runtime.parsing import parsed_json
from fercore.study.verdict_arrays import SHAPE, corrected, leading, verdict_array

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fercore.faces.head_angle import HeadAngle
    from fercore.structures import Analysis

_CALM_AT_REST = 1 / (1 + math.exp(-TYPICAL_RESTING[-1]))
FORMULA = (
    f"for each head on its own, l' = l - {STRENGTH:g} (r - t), with the logits l, their means r "
    f"over the neutral baseline, and t, which gives calm {_CALM_AT_REST:.2f} and all expressions "
    f"the same; no answer in r surer than {1 - FLOOR:.2f}; probabilities are the product of calm "
    "or not (sigmoid) and the six expressions (softmax)"
)
FORMAT = 2  # 1: six probabilities each, means; they are read as if they were these


@dataclass(frozen=True, slots=True)
class Limits:
    """What a baseline must keep to."""

    min_frames: int = 20
    min_usable_share: float = 0.8  # of frames with a verdict
    max_motion: float = 0.25  # motion of the face's centre (95th percentile), box widths
    max_turn_deg: float = 10.0  # see `Stillness.turn_deg`
    max_change: float = 0.5  # see `Stillness.change`


Rows = tuple[tuple[Probability | None, ...], ...]


def _seven_each(rows: Rows) -> Rows:
    widths = {len(row) for row in rows}
    if len(rows) != SHAPE[0] or widths not in ({SHAPE[1]}, {len(EXPRESSIONS)}):
        raise ValueError("must be 3 times 6 or 7")
    return tuple((*row, *[None] * (SHAPE[1] - len(row))) for row in rows)


Probabilities = Annotated[Rows, AfterValidator(_seven_each)]


@dataclass(frozen=True, slots=True)
class Baseline:
    """An accepted baseline."""

    probabilities: Probabilities  # (3, 7), of the mean logits; None for a silent head and an
    # unknown calm
    frames: int
    duration_s: float
    spread: float  # of what the networks said, see `steadiness`
    drift: float
    motion: float  # see Limits
    change: float | None = None  # see Limits; None: from before it was measured
    turn_deg: float | None = None
    weights: tuple[str, ...] = ()  # sha256 of the networks that spoke; none: not known
    formula: str = FORMULA
    format: int = FORMAT

    def correct(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return corrected probabilities of raw ones (3, 7), NaN where one of both is silent."""
        return corrected(raw, np.array(self.probabilities, dtype=np.float64))

    def require_of(self, weights: tuple[str, ...]) -> None:
        """Make sure that it is applied to the networks that it was taken with.

        Raises:
            FercoreError: it was taken with others, or nobody knows with which.
        """
        if self.weights != weights:
            whose = "other networks than judge now" if self.weights else "unknown networks"
            raise FercoreError(
                f"The neutral baseline was taken with {whose}; record the baseline again."
            )


class BaselineCollector:
    """Takes the frames of the guided seconds and judges them.

    `weights` are the check sums of the networks that speak, as far as they are to be kept.
    """

    def __init__(self, limits: Limits | None = None, weights: tuple[str, ...] = ()) -> None:
        self._limits, self._weights = limits or Limits(), weights
        self._arrays: list[NDArray[np.float64]] = []
        self._centres: list[tuple[float, float]] = []
        self._widths: list[float] = []
        self._times_s: list[float] = []
        self._stillness = Stillness()

    def add(self, analysis: Analysis, host_s: float, angle: HeadAngle | None = None) -> None:
        """Take one frame; `angle` is how far the head is turned."""
        self._times_s.append(host_s)
        self._arrays.append(verdict_array(analysis.verdicts))
        if analysis.pair is not None:
            box = analysis.pair.box
            self._centres.append(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
            self._widths.append(box.width)
            self._stillness.add(analysis.pair, angle)

    @property
    def duration_s(self) -> float:
        """Time from the first frame to the last."""
        return self._times_s[-1] - self._times_s[0] if self._times_s else 0.0

    def result(self) -> Baseline:
        """Return the baseline.

        Raises:
            FercoreError: too few frames, or a face or a head that did not keep still; the
                sentence can be read to the participant.
        """
        arrays = np.array(self._arrays).reshape(-1, *SHAPE)
        judged = leading(arrays)
        usable = ~np.isnan(judged[:, 0])
        self._require_enough(usable)
        spread, drift = steadiness(np.nan_to_num(judged[usable]))
        motion, still = self._motion(), self._stillness
        self._require_still(motion, still)
        return Baseline(
            *(_means(arrays), int(usable.sum()), self.duration_s, spread, drift, motion),
            *(still.change, still.turn_deg, self._weights),
        )

    def _require_enough(self, usable: NDArray[np.bool_]) -> None:
        if usable.sum() < self._limits.min_frames:
            raise FercoreError(
                f"The baseline has only {usable.sum()} usable frames and needs "
                f"{self._limits.min_frames}; face the camera and repeat it."
            )
        if usable.mean() < self._limits.min_usable_share:
            raise FercoreError(
                f"Only {100 * usable.mean():.0f} % of the baseline's frames show a usable face; "
                "check light and position, and repeat it."
            )

    def _require_still(self, motion: float, still: Stillness) -> None:
        if motion > self._limits.max_motion:
            raise FercoreError("The head moved during the baseline; sit still and repeat it.")
        if still.turn_deg > self._limits.max_turn_deg:
            raise FercoreError(
                "The head turned during the baseline; look at the camera and repeat it."
            )
        if still.change > self._limits.max_change:
            raise FercoreError("The face changed during the baseline; keep it at rest, repeat it.")

    def _motion(self) -> float:
        centres = np.array(self._centres)
        distances = np.linalg.norm(centres - np.median(centres, axis=0), axis=1)
        return float(np.percentile(distances, 95) / np.median(self._widths))


def steadiness(judged: NDArray[np.float64]) -> tuple[float, float]:
    """Return how much probabilities (N, 7) waver and how far they drift, each 0..1.

    The first is their mean total variation distance from their mean, the second that between
    the means of both halves.
    """
    spread = 0.5 * np.abs(judged - judged.mean(axis=0)).sum(axis=1).mean()
    half = len(judged) // 2
    drift = 0.5 * np.abs(judged[:half].mean(axis=0) - judged[half:].mean(axis=0)).sum()
    return float(spread), float(drift)


def save_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, replacing an earlier one whole.

    Raises:
        FercoreError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(path, json.dumps(asdict(baseline), indent=2) + "\n")
    except OSError as error:
        raise FercoreError(
            f"{path} cannot be written ({error.strerror}); {cure(error)}."
        ) from error


def load_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        FercoreError: it is missing or damaged.
    """
    try:
        return described(Baseline, parsed_json(path.read_bytes()))
    except FileNotFoundError:
        raise FercoreError(f"{path} does not exist; record the baseline first.") from None
    except (OSError, ValueError) as error:
        raise FercoreError(f"{path} is no readable baseline ({error}).") from error


def _means(arrays: NDArray[np.float64]) -> tuple[tuple[float | None, ...], ...]:
    rows: list[tuple[float | None, ...]] = []
    for head in range(len(HEADS)):
        spoken = arrays[~np.isnan(arrays[:, head, 0]), head]
        unknown = np.full(SHAPE[1], math.nan)
        mean = probabilities_of(logits_of(spoken).mean(axis=0)) if len(spoken) else unknown
        rows.append(tuple(None if math.isnan(p) else round(float(p), 6) for p in mean))
    return tuple(rows)
