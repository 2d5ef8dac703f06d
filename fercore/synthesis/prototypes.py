"""Which action units make which expression: prototypes, variants and how common they are.

The combinations are those of the FACS Investigator's Guide's table of emotion
predictions (Ekman, Friesen & Hager 2002; first as EMFACS, Friesen & Ekman 1983) and of
the emotion criteria of the extended Cohn-Kanade set (Lucey et al., CVPR Workshops 2010,
table 1). The shares of optional units are those that Du, Tao & Martinez (PNAS 111(15),
2014, table 1) counted in posed expressions. Letters are FACS intensities at the apex.
The shares of the variants themselves are ours: no source counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fercore.expressions import Expression

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
