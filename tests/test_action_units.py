import pytest

from fercore.expressions import EXPRESSIONS
from fercore.synthesis.action_units import (
    SHAPES,
    VARIANTS,
    Activation,
    blendshape_weights,
    shape_names,
)


def both(strength):
    return Activation(left=strength, right=strength)


def test_a_smile_pulls_both_corners():
    assert blendshape_weights({12: both(0.5)}) == {"mouthSmile_L": 0.5, "mouthSmile_R": 0.5}


def test_each_side_has_its_own_strength():
    weights = blendshape_weights({1: Activation(left=0.2, right=0.6)})
    assert weights == {"browInnerUp_L": 0.2, "browInnerUp_R": 0.6}


def test_shapes_without_sides_take_the_mean():
    weights = blendshape_weights({17: Activation(left=0.2, right=0.6)})
    assert weights["mouthShrugLower"] == pytest.approx(0.9 * 0.4)


def test_units_that_share_a_shape_add_up_and_stay_within_one():
    weights = blendshape_weights({9: both(1.0), 10: both(1.0), 4: both(1.0)})
    assert weights["browDown_L"] == 1.0
    assert all(0.0 < weight <= 1.0 for weight in weights.values())


def test_negative_strengths_do_nothing():
    assert blendshape_weights({12: both(-0.3)}) == {}


def test_a_jaw_that_drops_behind_closed_lips_is_corrected():
    closed = blendshape_weights({26: both(1.0)})
    assert closed["mouthClose"] == pytest.approx(closed["jawOpen"])


def test_parted_lips_need_no_correction():
    assert "mouthClose" not in blendshape_weights({26: both(1.0), 25: both(0.6)})
    slightly = blendshape_weights({26: both(1.0), 25: both(0.2)})
    assert 0.0 < slightly["mouthClose"] < slightly["jawOpen"]


def test_eyes_turn_together():
    weights = blendshape_weights({61: both(0.4)})
    assert weights == {"eyeLookOut_L": 0.4, "eyeLookIn_R": 0.4}


def test_every_expression_has_variants_of_known_units():
    assert set(VARIANTS) == set(EXPRESSIONS)
    for variants in VARIANTS.values():
        assert sum(variant.share for variant in variants) == pytest.approx(1.0)
        for variant in variants:
            assert set(variant.units) | set(variant.optional) <= set(SHAPES)
            assert not set(variant.units) & set(variant.optional)
            assert all(0.0 < strength <= 1.0 for strength in variant.units.values())
            assert all(0.0 < chance < 1.0 for chance, _ in variant.optional.values())


def test_no_two_expressions_share_a_variant():
    seen = [frozenset(variant.units) for variants in VARIANTS.values() for variant in variants]
    named = {
        expression: {frozenset(v.units) for v in VARIANTS[expression]} for expression in VARIANTS
    }
    shared = [units for units in seen if sum(units in sets for sets in named.values()) > 1]
    # Fear without 4 and 20 is told from surprise by the strength of 5 alone (FACS: 1+2+5Z).
    assert set(shared) == {frozenset({1, 2, 5})}


def test_all_shapes_are_listed():
    weights = blendshape_weights({unit: both(1.0) for unit in SHAPES})
    assert set(weights) | {"mouthClose"} == shape_names()
