"""Who a MakeHuman subject is, from sex to features, and how the head shows each action unit.

MakeHuman brings expressions in two forms: units posed by its face bones (`unit_names`)
and sculpted targets (`expression/units/...`), one set for each of three ancestries, whose
mean is used. The sums below were found by looking at renderings.

Names are those of MakeHuman with the side moved to the end: `LeftBrowDown` becomes
`BrowDown_L`, `eyebrows-left-down` becomes `eyebrows-down_L`. A name that ends in `_` stands
for both sides; a shape that MakeHuman has for the whole face only is split in the middle.

MakeHuman describes a body by *macro* targets, one for each corner of a grid (ancestry ×
sex × age, and sex × age × muscle × weight); a person between the corners is the sum of
all corners, each weighted by the product of the person's shares. *Detail* targets come in
opposed pairs such as `nose-hump-decr` and `nose-hump-incr`.

Source: MakeHuman's `apps/human.py` and `apps/targets.py` for the grid and the ages.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.action_units import lips_parted, summed
from fercore.synthesis.person import Traits

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
Weights = dict[str, float]

_SEXES = {"F": "female", "M": "male"}
_CHILD_YEARS, _YOUNG_YEARS, _OLD_YEARS = 12.0, 25.0, 90.0
_YOUNGEST_YEARS, _OLDEST_YEARS = 18.0, 72.0
_CHILDISH = 0.5  # heads of 18 years are nearer to 25 than MakeHuman's bodies

_OPPOSITES = (
    ("-decr", "-incr"),
    ("-down", "-up"),
    ("-backward", "-forward"),
    ("-in", "-out"),
    ("-concave", "-convex"),
    ("-uncompress", "-compress"),
)
# Standard deviation of the weight of a pair, by the beginning of its name; first match.
_SPREADS: tuple[tuple[str, float], ...] = (
    ("head/head-trans", 0.0),
    ("head/head-angle", 0.0),
    ("head/head-age", 0.12),
    ("head/head-scale", 0.12),
    ("head/head-fat", 0.22),
    ("head/", 0.15),
    ("neck/neck-double", 0.2),
    ("neck/neck-scale-horiz", 0.2),
    ("neck/", 0.0),
    ("mouth/mouth-trans-in", 0.03),
    ("mouth/mouth-trans", 0.15),
    ("mouth/mouth-angles", 0.12),
    ("mouth/mouth-scale", 0.2),
    ("mouth/", 0.25),
    ("nose/nose-trans-in", 0.03),
    ("nose/", 0.25),
    ("chin/chin-jaw-drop", 0.1),
    ("chin/", 0.25),
    ("eyes/eye-trans", 0.12),
    ("eyes/eye-push", 0.12),
    ("eyes/eye-scale", 0.2),
    ("eyes/", 0.22),
    ("cheek/", 0.25),
    ("ears/", 0.22),
    ("eyebrows/", 0.25),
    ("forehead/", 0.25),
)
_ASYMMETRY_SPREAD = 0.12  # of the `asym` targets
_SIDE_SPREAD = 0.08  # by which left and right of a paired feature differ
_HEAD_SHAPES = tuple(
    f"head/head-{shape}"
    for shape in (
        "diamond",
        "invertedtriangular",
        "oval",
        "rectangular",
        "round",
        "square",
        "triangular",
    )
)


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


def sample_traits(sex: str, rng: np.random.Generator) -> Traits:
    """Draw age and ancestry of a person of the given sex, F or M.

    Most people have one ancestry for the most part; one in four is mixed freely.
    """
    mixed = rng.random() < 0.25
    concentration = np.ones(3) if mixed else np.full(3, 0.15)
    african, asian, caucasian = (float(share) for share in rng.dirichlet(concentration))
    # More young adults than old ones, as among the subjects of expression data sets.
    age = _YOUNGEST_YEARS + (_OLDEST_YEARS - _YOUNGEST_YEARS) * float(rng.beta(1.1, 1.8))
    return Traits(sex, age, african, asian, caucasian)


def macro_weights(traits: Traits, rng: np.random.Generator) -> Weights:
    """Return the weights of the macro targets of a person; build and sex type are drawn."""
    typical = float(rng.uniform(0.75, 1.0))
    sexes = {name: typical if key == traits.sex else 1 - typical for key, name in _SEXES.items()}
    ages = _age_shares(traits.age_years)
    muscle, weight = (_build(float(np.clip(rng.normal(0.0, 0.35), -1, 1))) for _ in range(2))
    ancestry = dict(zip(ANCESTRIES, (traits.african, traits.asian, traits.caucasian), strict=True))
    grid: Weights = {}
    for (origin, a), (sex, b), (age, c) in product(ancestry.items(), sexes.items(), ages.items()):
        grid[f"macrodetails/{origin}-{sex}-{age}"] = a * b * c
    for (sex, a), (age, b), (m, c), (w, d) in product(
        sexes.items(), ages.items(), muscle.items(), weight.items()
    ):
        grid[f"macrodetails/universal-{sex}-{age}-{m}muscle-{w}weight"] = a * b * c * d
    return {name: value for name, value in grid.items() if value > 0.0}


def average_weights() -> Weights:
    """Return the macro weights of the mean young adult: the neutral face."""
    sexes = tuple(_SEXES.values())
    origins = {
        f"macrodetails/{origin}-{sex}-young": 1 / (len(ANCESTRIES) * len(sexes))
        for origin, sex in product(ANCESTRIES, sexes)
    }
    builds = {
        f"macrodetails/universal-{sex}-young-averagemuscle-averageweight": 1 / len(sexes)
        for sex in sexes
    }
    return origins | builds


def detail_weights(names: Sequence[str], rng: np.random.Generator) -> Weights:
    """Draw the features: pairs of targets among `names`, the two sides nearly alike."""
    known = frozenset(names)
    weights: Weights = {}
    for lower, upper, spread in _pairs(names):
        value = float(np.clip(rng.normal(0.0, spread), -1, 1))
        for side_lower, side_upper in _sides(lower, upper, known):
            lean = float(rng.normal(0.0, _SIDE_SPREAD * min(1.0, spread / 0.3)))
            own = float(np.clip(value + lean, -1, 1))
            weights[side_upper if own > 0 else side_lower] = abs(own)
    shape = _HEAD_SHAPES[int(rng.integers(len(_HEAD_SHAPES)))]
    weights[shape] = float(rng.uniform(0.0, 0.35))
    return {name: value for name, value in weights.items() if name in known and value > 0.0}


def _age_shares(years: float) -> Weights:
    if years < _YOUNG_YEARS:
        child = _CHILDISH * (_YOUNG_YEARS - years) / (_YOUNG_YEARS - _CHILD_YEARS)
        return {"child": child, "young": 1 - child}
    old = (years - _YOUNG_YEARS) / (_OLD_YEARS - _YOUNG_YEARS)
    return {"young": 1 - old, "old": old}


def _build(value: float) -> Weights:
    """Return the shares of min, average and max for -1..1."""
    return {"min": max(-value, 0.0), "average": 1 - abs(value), "max": max(value, 0.0)}


def _pairs(names: Sequence[str]) -> list[tuple[str, str, float]]:
    """List opposed targets with their spread; of paired features the left side stands for both."""
    pairs, known = [], frozenset(names)
    for name in sorted(names):
        if "/r-" in name:
            continue
        if name.startswith("asym/") and name.endswith("-l"):
            pairs.append((name, f"{name[:-2]}-r", _ASYMMETRY_SPREAD))
        for low, high in _OPPOSITES:
            if name.endswith(low) and (upper := name.removesuffix(low) + high) in known:
                pairs.append((name, upper, _spread(name)))
    return pairs


def _spread(name: str) -> float:
    plain = name.replace("/l-", "/")
    return next((spread for start, spread in _SPREADS if plain.startswith(start)), 0.0)


def _sides(lower: str, upper: str, known: frozenset[str]) -> list[tuple[str, str]]:
    right = lower.replace("/l-", "/r-"), upper.replace("/l-", "/r-")
    if "/l-" in lower and known.issuperset(right):
        return [(lower, upper), right]
    return [(lower, upper)]
