"""Who a synthetic person is, as far as a face model knows, and how this person acts.

People show the same expression differently (own variant, own strength of every action
unit, one stronger side, a face that is never quite at rest), and nobody shows it twice
alike. Neighbouring levels overlap: a subject's third attempt may be weaker than the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fercore.expressions import EXPRESSIONS, Expression
from fercore.synthesis.action_units import SHAPES, VARIANTS, Activation, Variant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fercore.structures import FloatArray

LEVELS = (1, 2, 3, 4)

# Mean strength of the four levels and its spread, as shares of the apex.
_LEVEL_STRENGTH = {1: 0.30, 2: 0.50, 3: 0.75, 4: 0.95}
_LEVEL_SPREAD = 0.15

_PREFERENCE_CONCENTRATION = 2.5  # Dirichlet; smaller: people stick more to one variant
_EXPRESSIVENESS_SPREAD = 0.20  # of the logarithm
_GAIN_SPREAD = 0.35  # of the logarithm, per action unit
_ASYMMETRY_SPREAD = 0.12  # share by which one side is stronger
_SIDE_JITTER = 0.05
_STRENGTH_JITTER = 0.25  # of the logarithm, per action unit and scan
_MISSING_AT_ZERO = 0.30  # probability that a unit fails to appear, were the strength 0

# Units that show in a resting face, and how strongly at most ones (standard deviation).
_TONE_UNITS = (1, 2, 4, 5, 6, 7, 10, 12, 14, 15, 17, 20, 23, 24, 25)
_TONE_SPREAD = 0.13

# Units that happen to act in any scan: probability, largest strength. Speech, swallowing, blinks.
_INCIDENTAL = {
    1: (0.12, 0.40),
    2: (0.12, 0.40),
    4: (0.15, 0.40),
    7: (0.15, 0.45),
    12: (0.10, 0.30),
    14: (0.12, 0.45),
    17: (0.12, 0.45),
    18: (0.08, 0.40),
    23: (0.10, 0.45),
    25: (0.18, 0.50),
    26: (0.12, 0.35),
    29: (0.06, 0.35),
    34: (0.03, 0.20),
    43: (0.12, 0.50),
}
_TAKEOVER = 0.4  # share of what else the face does that an expression at its apex displaces
_GAZE_SPREAD = 0.12


@dataclass(frozen=True, slots=True)
class Traits:
    """What a person is born with or grows into, where the face model knows it."""

    sex: str  # F or M
    age_years: float
    african: float  # the three shares of ancestry, 0..1, add up to 1
    asian: float
    caucasian: float


@dataclass(frozen=True, slots=True)
class Person:
    """A face at rest."""

    face_mm: FloatArray  # (V, 3), in the model's frame
    traits: Traits | None = None  # None: the model knows none


@dataclass(frozen=True, slots=True)
class Style:
    """What stays the same in all scans of one person."""

    preference: dict[Expression, NDArray[np.float64]]  # probability of each variant
    expressiveness: float  # factor on every strength, around 1
    gain: dict[int, float]  # action unit -> factor on its strength, around 1
    asymmetry: dict[int, float]  # action unit -> share by which the left side is stronger
    tone: dict[int, float]  # action unit -> strength in the resting face, 0..1


def sample_style(rng: np.random.Generator) -> Style:
    """Draw one person's way of acting."""
    return Style(
        preference={expression: _preference(expression, rng) for expression in EXPRESSIONS},
        expressiveness=float(np.exp(rng.normal(0.0, _EXPRESSIVENESS_SPREAD))),
        gain={unit: float(np.exp(rng.normal(0.0, _GAIN_SPREAD))) for unit in SHAPES},
        asymmetry={unit: float(rng.normal(0.0, _ASYMMETRY_SPREAD)) for unit in SHAPES},
        tone={unit: float(abs(rng.normal(0.0, _TONE_SPREAD))) for unit in _TONE_UNITS},
    )


def act(
    style: Style, expression: Expression | None, level: int, rng: np.random.Generator
) -> dict[int, Activation]:
    """Draw the action units of one scan; `expression` None is the neutral face.

    Raises:
        ValueError: an expression needs a level from 1 to 4.
    """
    strengths = _resting(style, rng)
    if expression is not None:
        if level not in LEVELS:
            raise ValueError(f"level must be one of {LEVELS}, got {level}")
        overall = _overall_strength(style, level, rng)
        strengths = {unit: (1.0 - _TAKEOVER * overall) * s for unit, s in strengths.items()}
        for unit, strength in _expressing(style, expression, overall, rng).items():
            strengths[unit] = strengths.get(unit, 0.0) + strength
    return {unit: _sided(style, unit, strength, rng) for unit, strength in strengths.items()}


def _preference(expression: Expression, rng: np.random.Generator) -> NDArray[np.float64]:
    shares = np.array([variant.share for variant in VARIANTS[expression]])
    return rng.dirichlet(_PREFERENCE_CONCENTRATION * shares / shares.sum())


def _overall_strength(style: Style, level: int, rng: np.random.Generator) -> float:
    strength = style.expressiveness * rng.normal(_LEVEL_STRENGTH[level], _LEVEL_SPREAD)
    return float(np.clip(strength, 0.1, 1.2))


def _expressing(
    style: Style, expression: Expression, overall: float, rng: np.random.Generator
) -> dict[int, float]:
    preference = style.preference[expression]
    variant = VARIANTS[expression][int(rng.choice(len(preference), p=preference))]
    strengths = {}
    for unit, apex in _joining(variant, rng).items():
        jitter = float(np.exp(rng.normal(0.0, _STRENGTH_JITTER)))
        missing = rng.random() < _MISSING_AT_ZERO * (1.0 - overall)
        strengths[unit] = 0.0 if missing else apex * overall * style.gain[unit] * jitter
    return strengths


def _joining(variant: Variant, rng: np.random.Generator) -> dict[int, float]:
    optional = {
        unit: apex
        for unit, (probability, apex) in variant.optional.items()
        if rng.random() < probability
    }
    return {**optional, **variant.units}


def _resting(style: Style, rng: np.random.Generator) -> dict[int, float]:
    strengths = dict(style.tone)
    for unit, (probability, largest) in _INCIDENTAL.items():
        if rng.random() < probability:
            strengths[unit] = strengths.get(unit, 0.0) + float(rng.uniform(0.0, largest))
    across, upwards = rng.normal(0.0, _GAZE_SPREAD, 2)
    strengths[61 if across > 0 else 62] = abs(float(across))
    strengths[63 if upwards > 0 else 64] = abs(float(upwards))
    return strengths


def _sided(style: Style, unit: int, strength: float, rng: np.random.Generator) -> Activation:
    lean = style.asymmetry[unit] + float(rng.normal(0.0, _SIDE_JITTER))
    if unit in (43, 61, 62, 63, 64):  # both eyes look and blink together
        lean = 0.0
    return Activation(left=strength * (1.0 + lean), right=strength * (1.0 - lean))
