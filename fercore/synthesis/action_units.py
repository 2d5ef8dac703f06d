"""Facial action units (FACS) and how the ICT face model shows each of them.

An action unit (AU) is one visible muscle action of the Facial Action Coding System
(Ekman, Friesen & Hager, 2002). The face model's shapes are modelled on FACS too, so
most units are one shape; the others are small sums, found by looking at renderings.

A shape's name that ends in `_` stands for the pair `…_L` and `…_R`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fercore.expressions import Expression

if TYPE_CHECKING:
    from collections.abc import Mapping

SHAPES: dict[int, tuple[tuple[str, float], ...]] = {
    1: (("browInnerUp_", 1.0),),  # inner brow raiser
    2: (("browOuterUp_", 1.0),),  # outer brow raiser
    4: (("browDown_", 1.25),),  # brow lowerer; the shape itself is a moderate frown
    5: (("eyeWide_", 1.0),),  # upper lid raiser
    6: (("cheekRaiser_", 0.7), ("cheekSquint_", 0.6)),  # cheek raiser
    7: (("eyeSquint_", 1.0),),  # lid tightener
    9: (("noseSneer_", 0.9), ("browDown_", 0.3), ("cheekSquint_", 0.2)),  # nose wrinkler
    10: (("mouthUpperUp_", 0.7), ("noseSneer_", 0.15)),  # upper lip raiser
    11: (("cheekSquint_", 0.4), ("mouthUpperUp_", 0.15)),  # nasolabial deepener
    12: (("mouthSmile_", 1.0),),  # lip corner puller
    14: (("mouthDimple_", 1.0),),  # dimpler
    15: (("mouthFrown_", 1.0),),  # lip corner depressor
    16: (("mouthLowerDown_", 0.9),),  # lower lip depressor
    17: (("mouthShrugLower", 0.9),),  # chin raiser
    18: (("mouthPucker", 0.7),),  # lip pucker
    20: (("mouthStretch_", 1.0),),  # lip stretcher
    22: (("mouthFunnel", 0.6),),  # lip funneler
    23: (("mouthRollLower", 0.3), ("mouthRollUpper", 0.3), ("mouthPucker", 0.25)),  # lip tightener
    24: (("mouthPress_", 0.9), ("mouthRollLower", 0.25), ("mouthRollUpper", 0.2)),  # lip pressor
    25: (("mouthLowerDown_", 0.35), ("mouthUpperUp_", 0.12), ("jawOpen", 0.05)),  # lips part
    26: (("jawOpen", 0.35),),  # jaw drop
    27: (("jawOpen", 0.8),),  # mouth stretch
    28: (("mouthRollLower", 0.8), ("mouthRollUpper", 0.6)),  # lip suck
    29: (("jawForward", 0.8),),  # jaw thrust
    34: (("cheekPuff_", 0.8),),  # cheek puff
    43: (("eyeBlink_", 1.0),),  # eye closure
    61: (("eyeLookOut_L", 1.0), ("eyeLookIn_R", 1.0)),  # eyes turn left
    62: (("eyeLookIn_L", 1.0), ("eyeLookOut_R", 1.0)),  # eyes turn right
    63: (("eyeLookUp_", 1.0),),  # eyes up
    64: (("eyeLookDown_", 1.0),),  # eyes down
}

# How far the lips part while the jaw drops; FACS codes a drop with closed lips as 26 alone.
_LIPS_PARTED_BY = {10: 1.0, 16: 2.0, 22: 2.0, 25: 2.5, 27: 3.0}


@dataclass(frozen=True, slots=True)
class Activation:
    """How strongly one action unit acts on each side of the face, 0..1."""

    left: float
    right: float

    @property
    def mean(self) -> float:
        """Strength where the face has no sides, such as the jaw."""
        return (self.left + self.right) / 2

    def plus(self, other: Activation) -> Activation:
        """Return both acting together."""
        return Activation(self.left + other.left, self.right + other.right)


def shape_names() -> set[str]:
    """Return every shape of the face model that an action unit can call for."""
    both = Activation(1.0, 1.0)
    named = {
        name for parts in SHAPES.values() for shape, _ in parts for name, _ in sides(shape, both)
    }
    return named | {"mouthClose"}


def blendshape_weights(activations: Mapping[int, Activation]) -> dict[str, float]:
    """Turn action units into weights of the ICT face model's shapes, each 0..1.

    `mouthClose` is added where the jaw drops behind closed lips: it corrects `jawOpen`.
    """
    weights = summed(SHAPES, activations)
    weights["mouthClose"] = weights.get("jawOpen", 0.0) * (1.0 - lips_parted(activations))
    return {name: weight for name, weight in weights.items() if weight > 0.0}


def summed(
    table: Mapping[int, tuple[tuple[str, float], ...]], activations: Mapping[int, Activation]
) -> dict[str, float]:
    """Add up what each unit asks of each shape of a face model; weights end up 0..1."""
    weights: dict[str, float] = {}
    for unit, activation in activations.items():
        for shape, share in table[unit]:
            for name, strength in sides(shape, activation):
                weights[name] = weights.get(name, 0.0) + share * strength
    return {name: min(max(weight, 0.0), 1.0) for name, weight in weights.items()}


def sides(shape: str, activation: Activation) -> list[tuple[str, float]]:
    """Return the shapes that a name of a table stands for, with their strengths."""
    if shape.endswith("_"):
        return [(f"{shape}L", activation.left), (f"{shape}R", activation.right)]
    return [(shape, activation.mean)]


def lips_parted(activations: Mapping[int, Activation]) -> float:
    """Return how far the lips part of their own while the jaw drops, 0..1."""
    parted = sum(
        gain * activations[unit].mean
        for unit, gain in _LIPS_PARTED_BY.items()
        if unit in activations
    )
    return min(max(parted, 0.0), 1.0)


# FACS scores intensity in letters (A trace … E maximum), which cover unequal parts of the
# scale; these are the middles of the parts as strengths 0..1.
A, B, C, D, E = 0.10, 0.25, 0.50, 0.75, 0.95


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to show an expression."""

    share: float  # how many people prefer it, relative to the expression's other variants
    units: dict[int, float]  # action unit -> strength at the apex, 0..1
    optional: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Action unit -> probability 0..1 that it joins in, and its strength at the apex."""


VARIANTS: dict[Expression, tuple[Variant, ...]] = {
    Expression.ANGER: (
        Variant(0.28, {4: D, 7: D, 24: D}, {10: (0.26, B), 17: (0.52, C), 23: (0.29, C)}),
        Variant(0.20, {4: D, 5: C, 7: D, 23: D}, {17: (0.40, C)}),
        Variant(0.14, {4: D, 5: C, 7: C, 17: C, 24: C}, {9: (0.15, B)}),
        Variant(0.13, {4: D, 5: C, 7: C, 10: C, 23: C, 25: C}, {22: (0.40, C), 26: (0.50, B)}),
        Variant(0.10, {4: D, 5: D, 7: C, 23: C, 25: D, 26: C}, {16: (0.30, C)}),
        Variant(0.15, {4: D, 7: D}, {17: (0.30, B), 23: (0.30, C), 29: (0.20, B)}),
    ),
    Expression.DISGUST: (
        Variant(0.26, {9: D, 10: C, 17: C}, {4: (0.31, C), 24: (0.26, B), 6: (0.20, B)}),
        Variant(0.14, {9: D, 16: C, 25: C}, {26: (0.50, B), 4: (0.31, C), 7: (0.40, C)}),
        Variant(0.16, {9: D, 17: D}, {4: (0.31, C), 15: (0.30, B), 7: (0.40, C)}),
        Variant(0.10, {9: D}, {4: (0.31, C), 7: (0.40, C)}),
        Variant(0.10, {10: D}, {4: (0.25, B), 14: (0.20, B)}),
        Variant(0.12, {10: D, 16: C, 25: C}, {26: (0.60, B), 6: (0.25, B)}),
        Variant(0.12, {10: D, 17: D}, {4: (0.31, C), 15: (0.30, B)}),
    ),
    Expression.FEAR: (
        Variant(0.32, {1: D, 2: C, 4: C, 5: D, 20: D, 25: C}, {26: (0.33, C)}),
        Variant(0.26, {1: D, 4: D, 20: D, 25: C}, {2: (0.57, C), 5: (0.63, D), 26: (0.33, C)}),
        Variant(0.14, {1: D, 2: C, 4: C, 5: D, 25: C}, {26: (0.60, C), 27: (0.15, C)}),
        Variant(0.08, {1: D, 2: D, 4: C, 5: D}, {20: (0.30, B)}),
        Variant(0.06, {1: D, 2: D, 5: E}, {25: (0.60, C), 26: (0.50, C)}),
        Variant(0.14, {5: D, 20: D}, {25: (0.70, C), 26: (0.40, B), 4: (0.30, C)}),
    ),
    Expression.HAPPINESS: (
        Variant(0.42, {6: C, 12: D, 25: D}, {26: (0.25, B)}),
        Variant(0.18, {6: D, 12: D, 25: D, 26: C}, {7: (0.40, B)}),
        Variant(0.22, {12: D}, {6: (0.51, C), 14: (0.15, B)}),
        Variant(0.18, {12: C, 25: C}, {6: (0.30, B), 1: (0.10, B), 2: (0.10, B)}),
    ),
    Expression.SADNESS: (
        Variant(0.26, {1: D, 4: C, 15: D}, {17: (0.67, C), 6: (0.50, B), 64: (0.25, B)}),
        Variant(0.18, {1: D, 4: D, 11: C, 15: C}, {17: (0.40, C), 64: (0.25, B)}),
        Variant(0.18, {1: C, 4: C, 15: C, 17: D}, {64: (0.25, B), 7: (0.20, B)}),
        Variant(0.14, {6: C, 15: D}, {17: (0.67, C), 4: (0.50, C), 64: (0.25, B)}),
        Variant(0.10, {11: C, 17: D}, {4: (0.40, C), 15: (0.40, B)}),
        Variant(0.14, {4: C, 15: D}, {1: (0.60, C), 17: (0.67, C), 25: (0.15, B)}),
    ),
    Expression.SURPRISE: (
        Variant(0.40, {1: D, 2: D, 5: C, 25: C, 26: D}),
        Variant(0.20, {1: D, 2: D, 5: D, 25: D, 27: D}),
        Variant(0.16, {1: D, 2: D, 25: C, 26: D}, {5: (0.30, B)}),
        Variant(0.10, {1: D, 2: D, 5: C}, {25: (0.50, B), 26: (0.30, B)}),
        Variant(0.14, {5: C, 25: C, 26: D}, {1: (0.50, B), 2: (0.50, B), 20: (0.10, B)}),
    ),
}
