import numpy as np
import pytest

from fercore.synthesis.action_units import SHAPES, Activation
from fercore.synthesis.makehuman_people import (
    MAKEHUMAN_SHAPES,
    average_weights,
    collected,
    detail_weights,
    macro_weights,
    makehuman_weights,
    sample_traits,
    sided,
    target_shape,
    unit_shape,
)
from fercore.synthesis.person import Traits

NAMES = (
    "nose/nose-hump-decr",
    "nose/nose-hump-incr",
    "ears/l-ear-lobe-decr",
    "ears/l-ear-lobe-incr",
    "ears/r-ear-lobe-decr",
    "ears/r-ear-lobe-incr",
    "head/head-trans-up",
    "head/head-trans-down",
    "asym/asym-nose-1-l",
    "asym/asym-nose-1-r",
)


def both(strength):
    return Activation(strength, strength)


def test_ages_and_ancestries_vary_widely():
    rng = np.random.default_rng(0)
    people = [sample_traits("F", rng) for _ in range(300)]
    ages = [person.age_years for person in people]
    assert 18 <= min(ages) < 22
    assert 62 < max(ages) <= 72
    for share in ("african", "asian", "caucasian"):
        shares = [getattr(person, share) for person in people]
        assert np.mean(shares) == pytest.approx(1 / 3, abs=0.08)
        assert max(shares) > 0.95
    assert all(p.african + p.asian + p.caucasian == pytest.approx(1) for p in people)
    assert {person.sex for person in people} == {"F"}


@pytest.mark.parametrize(("age", "kind"), [(18.0, "child"), (40.0, "old")])
def test_macro_weights_are_shares_of_a_grid(age, kind):
    weights = macro_weights(Traits("M", age, 0.2, 0.3, 0.5), np.random.default_rng(1))
    origins = {name: w for name, w in weights.items() if "universal" not in name}
    builds = {name: w for name, w in weights.items() if "universal" in name}
    assert sum(origins.values()) == pytest.approx(1)
    assert sum(builds.values()) == pytest.approx(1)
    assert sum(w for name, w in origins.items() if "-male-" in name) >= 0.75
    assert sum(w for name, w in origins.items() if "/asian" in name) == pytest.approx(0.3)
    assert any(name.endswith(kind) for name in origins)


def test_the_average_is_young_and_even():
    weights = average_weights()
    assert sum(weights.values()) == pytest.approx(2)
    assert all("young" in name for name in weights)


def test_opposites_exclude_each_other_and_sides_go_together():
    differences = []
    for seed in range(100):
        weights = detail_weights(NAMES, np.random.default_rng(seed))
        assert not {"nose/nose-hump-decr", "nose/nose-hump-incr"} <= set(weights)
        assert not any(name.startswith("head/head-trans") for name in weights)
        assert all(0 < weight <= 1 for weight in weights.values())
        left, right = (
            weights.get(f"ears/{side}-ear-lobe-incr", 0.0)
            - weights.get(f"ears/{side}-ear-lobe-decr", 0.0)
            for side in "lr"
        )
        differences.append((left, right))
    left, right = np.array(differences).T
    assert np.corrcoef(left, right)[0, 1] > 0.8
    assert (left != right).any()


def test_targets_that_are_not_there_get_no_weight():
    assert set(detail_weights(NAMES, np.random.default_rng(0))) <= set(NAMES)
    assert detail_weights((), np.random.default_rng(0)) == {}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("LeftBrowDown", "BrowDown_L"),
        ("MouthRightPullUp", "MouthPullUp_R"),
        ("LeftEyeturnRight", "EyeturnRight_L"),
        ("MouthMoveLeft", "MouthMoveLeft"),
        ("ChinLeft", "ChinLeft"),
        ("lowerLipUp", "lowerLipUp"),
    ],
)
def test_units_carry_their_side_at_the_end(name, ours):
    assert unit_shape(name) == ours


def test_expression_targets_carry_their_side_at_the_end():
    assert target_shape("expression/units/asian/eye-left-slit") == ("eye-slit_L", "asian")
    assert target_shape("expression/units/african/mouth-open") == ("mouth-open", "african")
    assert target_shape("nose/nose-hump-incr") is None


def test_every_action_unit_of_the_performance_is_known():
    assert set(MAKEHUMAN_SHAPES) == set(SHAPES)


def test_ancestries_are_averaged():
    names = [f"expression/units/{origin}/mouth-open" for origin in ("african", "asian")]
    names.append("expression/units/caucasian/mouth-open")
    targets = np.stack([np.full((2, 3), value, np.float16) for value in (1, 2, 6)])
    assert collected(names, targets, [], np.zeros((0, 2, 3)))["mouth-open"] == pytest.approx(3)


def test_a_missing_shape_is_named():
    with pytest.raises(KeyError, match="BrowDown_L"):
        sided({}, np.zeros(2, np.float32))


def test_sides_have_their_own_strength():
    weights = makehuman_weights({20: Activation(left=0.2, right=0.4)})
    assert weights["MouthPullSide_R"] == pytest.approx(2 * weights["MouthPullSide_L"])


def test_the_jaw_drops_less_behind_closed_lips():
    closed = makehuman_weights({26: both(0.8)})["JawDrop"]
    parted = makehuman_weights({26: both(0.8), 25: both(0.6)})["JawDrop"]
    assert 0 < closed < 0.6 * parted


def test_weights_stay_within_one():
    weights = makehuman_weights({unit: both(1.0) for unit in MAKEHUMAN_SHAPES})
    assert all(0 < weight <= 1 for weight in weights.values())
    assert makehuman_weights({12: both(-1.0)}) == {}
