import numpy as np
import pytest
import tiny_face_model as tiny

from fercore.expressions import EXPRESSIONS, Expression
from fercore.synthesis.action_units import SHAPES
from fercore.synthesis.person import LEVELS, act, sample_style
from fercore.synthesis.subjects import (
    load_face_model,
    random_stream,
    sample_subject,
    scan_vertices,
    subject_code,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_face_model(tiny.write_npz(tmp_path_factory.mktemp("model") / "model.npz"))


def scan(model, seed=3, expression=Expression.FEAR, level=3, key=0):
    subject = sample_subject(model, 1, random_stream(seed, 1))
    return scan_vertices(model, subject, expression, level, random_stream(seed, 1, key))


def mean_strength(level, expression=Expression.HAPPINESS, unit=12, people=200):
    rng = np.random.default_rng(5)
    acts = [act(sample_style(rng), expression, level, rng) for _ in range(people)]
    return np.mean([units[unit].mean if unit in units else 0.0 for units in acts])


def test_codes_alternate_and_run_on_from_9001():
    assert [subject_code(number) for number in (1, 2, 3, 10)] == [
        "F9001",
        "M9002",
        "F9003",
        "M9010",
    ]
    assert subject_code(999) == "F9999"


@pytest.mark.parametrize("number", [0, -1, 1000])
def test_numbers_without_a_code_are_refused(number):
    with pytest.raises(ValueError, match="1 to 999"):
        subject_code(number)


def test_the_same_seed_gives_the_same_scan(model):
    assert np.array_equal(scan(model), scan(model))


def test_seed_scan_and_expression_make_a_difference(model):
    first = scan(model)
    assert not np.allclose(first, scan(model, seed=4))
    assert not np.allclose(first, scan(model, key=1))
    assert not np.allclose(first, scan(model, expression=Expression.HAPPINESS))


def test_scans_are_float32_of_the_models_size(model):
    vertices = scan(model)
    assert vertices.shape == model.neutral_mm.shape
    assert vertices.dtype == np.float32
    assert np.isfinite(vertices).all()


def test_scanning_leaves_model_and_subject_as_they_were(model):
    neutral, subject = model.neutral_mm.copy(), sample_subject(model, 1, random_stream(0, 1))
    face = subject.face_mm.copy()
    scan_vertices(model, subject, Expression.ANGER, 4, random_stream(0, 2))
    assert np.array_equal(model.neutral_mm, neutral)
    assert np.array_equal(subject.face_mm, face)


def test_people_differ_as_the_identity_modes_say(model):
    faces = [sample_subject(model, 1, random_stream(seed, 0)).face_mm for seed in range(300)]
    expected = np.sqrt(np.square(model.identity_mm).sum(axis=0))
    assert np.allclose(np.std(faces, axis=0).mean(), expected.mean(), rtol=0.1)


def test_heads_turn_and_shift_a_little(model):
    middles = np.array([scan(model, key=key).mean(axis=0) for key in range(60)])
    spread = middles.std(axis=0)
    assert (spread > 2.0).all()
    assert (spread < 20.0).all()


def test_levels_grow_but_overlap():
    strengths = [mean_strength(level) for level in LEVELS]
    assert strengths == sorted(strengths)
    rng = np.random.default_rng(6)
    style = sample_style(rng)
    third = [act(style, Expression.HAPPINESS, 3, rng)[12].mean for _ in range(100)]
    fourth = [act(style, Expression.HAPPINESS, 4, rng)[12].mean for _ in range(100)]
    assert max(third) > np.median(fourth)
    assert min(fourth) < np.median(third)


def test_a_neutral_face_is_nearly_at_rest():
    rng = np.random.default_rng(7)
    resting = [act(sample_style(rng), None, 0, rng) for _ in range(200)]
    assert np.mean([units[12].mean for units in resting]) < 0.15
    assert mean_strength(4) > 0.4


def test_expressions_show_their_own_units():
    assert mean_strength(4, Expression.SURPRISE, 2) > 3 * mean_strength(4, Expression.ANGER, 2)
    assert mean_strength(4, Expression.DISGUST, 9) > 0.2


def test_one_side_is_stronger_and_stays_so():
    rng = np.random.default_rng(8)
    style = sample_style(rng)
    unit = max(style.tone, key=lambda tone_unit: abs(style.asymmetry[tone_unit]))
    sides = [act(style, None, 0, rng)[unit] for _ in range(50)]
    leans = [np.sign(side.left - side.right) for side in sides]
    assert abs(np.mean(leans)) > 0.8


def test_all_units_an_act_uses_are_known():
    rng = np.random.default_rng(9)
    for expression in EXPRESSIONS:
        for level in LEVELS:
            assert set(act(sample_style(rng), expression, level, rng)) <= set(SHAPES)


@pytest.mark.parametrize("level", [0, 5])
def test_an_expression_needs_a_level(level):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="level must be one of"):
        act(sample_style(rng), Expression.FEAR, level, rng)
