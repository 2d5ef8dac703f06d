"""Facial action units (FACS) and how the ICT face model shows each of them.

An action unit (AU) is one visible muscle action of the Facial Action Coding System
(Ekman, Friesen & Hager, 2002). The face model's shapes are modelled on FACS too, so
most units are one shape; the others are small sums, found by looking at renderings.

A shape's name that ends in `_` stands for the pair `…_L` and `…_R`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
