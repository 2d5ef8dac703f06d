"""Who a MakeHuman subject is: sex, age, ancestry, build and the details of the features.

MakeHuman describes a body by *macro* targets, one for each corner of a grid (ancestry ×
sex × age, and sex × age × muscle × weight); a person between the corners is the sum of
all corners, each weighted by the product of the person's shares. *Detail* targets come in
opposed pairs such as `nose-hump-decr` and `nose-hump-incr`.

Source: MakeHuman's `apps/human.py` and `apps/targets.py` for the grid and the ages.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.makehuman_shapes import ANCESTRIES
from fercore.synthesis.person import Traits

if TYPE_CHECKING:
    from collections.abc import Sequence

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
