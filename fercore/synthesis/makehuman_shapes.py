"""How the MakeHuman head shows each facial action unit.

MakeHuman brings expressions in two forms: units posed by its face bones (`unit_names`)
and sculpted targets (`expression/units/...`), one set for each of three ancestries, whose
mean is used. The sums below were found by looking at renderings.

Names are those of MakeHuman with the side moved to the end: `LeftBrowDown` becomes
`BrowDown_L`, `eyebrows-left-down` becomes `eyebrows-down_L`. A name that ends in `_` stands
for both sides; a shape that MakeHuman has for the whole face only is split in the middle.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.action_units import lips_parted, summed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from fercore.structures import FloatArray
    from fercore.synthesis.action_units import Activation

MAKEHUMAN_SHAPES: dict[int, tuple[tuple[str, float], ...]] = {
    1: (("InnerBrowUp_", 0.8), ("eyebrows-inner-up_", 0.5)),
    2: (("OuterBrowUp_", 0.8), ("eyebrows-extern-up_", 0.4)),
    4: (("BrowDown_", 0.7), ("eyebrows-down_", 0.4)),
    5: (("UpperLidOpen_", 0.9), ("eye-opened-up_", 0.45)),
    6: (("CheekUp_", 0.8), ("LowerLidUp_", 0.35)),
    7: (("LowerLidUp_", 0.5), ("eye-slit_", 0.5)),
    9: (
        ("NoseWrinkler", 0.9),
        ("nose-elevation_", 1.4),
        ("mouth-elevation_", 0.4),
        ("CheekUp_", 0.3),
    ),
    10: (("mouth-elevation_", 0.8), ("nose-elevation_", 0.5), ("NasolabialDeepener", 0.3)),
    11: (("NasolabialDeepener", 0.9),),
    12: (("MouthPullUp_", 0.4), ("mouth-corner-puller_", 0.7)),
    14: (("MouthPullSide_", 0.5), ("mouth-retraction_", 0.5)),
    15: (("MouthPullDown_", 0.6), ("mouth-depression_", 0.6)),
    16: (("lowerLipDown", 0.55),),
    17: (("lowerLipUp", 0.5), ("mouth-eversion_", 0.6)),
    18: (("LipsKiss", 0.5), ("mouth-pursing_", 0.5)),
    20: (("MouthPlatysma_", 0.7), ("MouthPullSide_", 1.0), ("mouth-depression-retraction_", 0.25)),
    22: (("UpperLipForward", 0.4), ("lowerLipForward", 0.4), ("LipsKiss", 0.3)),
    23: (("UpperLipBackward", 0.3), ("lowerLipBackward", 0.2), ("LipsKiss", 0.3)),
    24: (("UpperLipBackward", 0.35), ("lowerLipBackward", 0.2), ("lowerLipUp", 0.5)),
    25: (("lowerLipDown", 0.30), ("UpperLipUp", 0.22), ("JawDrop", 0.06)),
    26: (("JawDrop", 0.5),),
    27: (("JawDropStretched", 0.4), ("JawDrop", 0.5)),
    28: (("UpperLipBackward", 0.35), ("lowerLipBackward", 0.3), ("lowerLipUp", 0.4)),
    29: (("ChinForward", 0.8),),
    34: (("CheeksPump", 0.6),),
    43: (("UpperLidClosed_", 0.7), ("eye-closure_", 0.55), ("LowerLidUp_", 0.15)),
    61: (("EyeturnLeft_", 1.0),),
    62: (("EyeturnRight_", 1.0),),
    63: (("EyeUp_", 1.0),),
    64: (("EyeDown_", 1.0),),
}

ANCESTRIES = ("african", "asian", "caucasian")

_JAW = ("JawDrop", "JawDropStretched")
_CLOSED_DROP = 0.35  # share of a jaw's drop that lips can hide while they stay closed
_SPLIT_MM = 8.0  # half width of the zone in which left becomes right
_UNIT_SIDE = re.compile(r"^(Mouth)?(Left|Right)([A-Z].+)$")
_TARGET = "expression/units/"


def makehuman_weights(activations: Mapping[int, Activation]) -> dict[str, float]:
    """Turn action units into weights of the MakeHuman head's shapes, each 0..1.

    Behind closed lips the jaw drops less: no shape keeps them together.
    """
    weights = summed(MAKEHUMAN_SHAPES, activations)
    parted = lips_parted(activations)
    for name in _JAW:
        if name in weights:
            weights[name] *= _CLOSED_DROP + (1.0 - _CLOSED_DROP) * parted
    return {name: weight for name, weight in weights.items() if weight > 0.0}


def needed_shapes() -> set[str]:
    """Return every name of the table, `_` for both sides."""
    return {shape for parts in MAKEHUMAN_SHAPES.values() for shape, _ in parts}


def unit_shape(name: str) -> str:
    """Return our name of a posed unit: `MouthLeftPullUp` becomes `MouthPullUp_L`."""
    found = _UNIT_SIDE.match(name)
    if found is None:
        return name
    return f"{found[1] or ''}{found[3]}_{found[2][0]}"


def target_shape(name: str) -> tuple[str, str] | None:
    """Return our name and the ancestry of an expression target, or None for another target."""
    if not name.startswith(_TARGET):
        return None
    ancestry, _, shape = name.removeprefix(_TARGET).partition("/")
    for side in ("left", "right"):
        if f"-{side}-" in shape:
            return f"{shape.replace(f'-{side}', '')}_{side[0].upper()}", ancestry
    return shape, ancestry


def collected(
    target_names: Sequence[str],
    targets: NDArray[Any],
    unit_names: Sequence[str],
    units: NDArray[Any],
) -> dict[str, FloatArray]:
    """Bring units (N, V, 3) and expression targets (M, V, 3) under our names."""
    shapes = {
        unit_shape(name): unit.astype(np.float32)
        for name, unit in zip(unit_names, units, strict=True)
    }
    for name, target in zip(target_names, targets, strict=True):
        found = target_shape(name)
        if found is not None:
            share = target.astype(np.float32) / np.float32(len(ANCESTRIES))
            shapes[found[0]] = shapes[found[0]] + share if found[0] in shapes else share
    return shapes


def sided(shapes: dict[str, FloatArray], across_mm: FloatArray) -> dict[str, FloatArray]:
    """Keep what the table needs and split whole shapes; `across_mm` (V,) is x, left > 0.

    Raises:
        KeyError: a shape is missing; the argument is its name.
    """
    left = np.clip(0.5 + across_mm / (2 * _SPLIT_MM), 0, 1).astype(np.float32)[:, None]
    kept: dict[str, FloatArray] = {}
    for name in sorted(needed_shapes()):
        whole = name.rstrip("_")
        if name == whole or whole in shapes:
            shape = shapes[whole]
            both = {whole: shape} if name == whole else _halves(name, shape, left)
        else:
            both = {f"{name}{side}": shapes[f"{name}{side}"] for side in "LR"}
        kept |= both
    return kept


def _halves(name: str, shape: FloatArray, left: FloatArray) -> dict[str, FloatArray]:
    return {f"{name}L": shape * left, f"{name}R": shape * (1 - left)}
