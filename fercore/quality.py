"""Whether a face crop is good enough to be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fercore.structures import FacePair

MIN_VALID_FRACTION = 0.3
"""Least share of a face's box with measured depth. A face fills about two thirds
of its square box, so this is a little under half of the face."""


def depth_defect(pair: FacePair) -> str:
    """Return why the pair's depth cannot be used, in a short phrase; empty when it can."""
    if pair.depth_m is None:
        return "no depth from this source"
    if pair.valid_fraction < MIN_VALID_FRACTION:
        return f"depth covers only {pair.valid_fraction:.0%} of the face"
    return ""
