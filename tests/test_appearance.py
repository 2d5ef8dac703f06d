from dataclasses import replace

import numpy as np
import pytest
from toy_face import toy_face_model

from fercore.synthesis.appearance import sample_skin
from fercore.synthesis.canvas import BROWS, FACE_SIZE, canvas_for, moved
from fercore.synthesis.lighting import (
    even_lighting,
    fan,
    irradiance,
    sample_lighting,
)
from fercore.synthesis.painting import paint


@pytest.fixture(scope="module")
def canvas():
    return canvas_for(toy_face_model())


def skins(count):
    return [sample_skin(np.random.default_rng(seed)) for seed in range(count)]


def luminance(palette, place):
    column, row = (round(float(value)) for value in place)
    return palette[row - 4 : row + 5, column - 4 : column + 5, :3].astype(float).mean()


def test_the_same_seed_gives_the_same_person():
    assert sample_skin(np.random.default_rng(3)) == sample_skin(np.random.default_rng(3))
    assert sample_skin(np.random.default_rng(3)) != sample_skin(np.random.default_rng(4))


def test_skin_tones_run_from_light_to_dark():
    nothing = np.zeros(1, np.float32)
    greens = np.array([skin.reflectance(nothing, nothing)[0, 1] for skin in skins(200)])
    assert greens.max() > 0.4
    assert greens.min() < 0.1
    assert ((greens > 0.0) & (greens < 1.0)).all()


def test_skin_reflects_red_most_and_blue_least():
    nothing = np.zeros(1, np.float32)
    for skin in skins(50):
        red, green, blue = skin.reflectance(nothing, nothing)[0]
        assert red > green > blue


def test_pigments_darken_as_pigments_do():
    skin = skins(1)[0]
    none, some = np.zeros(1, np.float32), np.ones(1, np.float32)
    plain = skin.reflectance(none, none)[0]
    rosy = skin.reflectance(none, some)[0]
    brown = skin.reflectance(some, none)[0]
    assert (brown < plain).all()
    assert rosy[1] / plain[1] < 0.8 < rosy[0] / plain[0]


def test_a_palette_shows_brows_lips_and_irises(canvas):
    skin = replace(
        skins(1)[0],
        melanin=0.5,
        hair_colour=(0.01, 0.01, 0.01),
        brow_density=1.0,
        lip_redness=1.0,
        stubble=0.0,
    )
    palette = paint(canvas, skin)
    points = canvas.landmarks
    brow = moved(points[BROWS[0]][3], 0, 6)
    assert luminance(palette, brow) < 0.75 * luminance(palette, moved(points[30], 0, -40))
    lip = 0.5 * (points[57] + points[66])
    cheek = 0.5 * (points[3] + points[31])
    red, green, _ = palette[round(lip[1]), round(lip[0]), :3].astype(float)
    cheek_red, cheek_green, _ = palette[round(cheek[1]), round(cheek[0]), :3].astype(float)
    assert red / green > 1.1 * cheek_red / cheek_green
    pupil, white = palette[768 + 128, 1024 + 128, :3], palette[768 + 128, 1024 + 30, :3]
    assert pupil.max() < 60 < 150 < white.min()


def test_brows_are_less_glossy_than_skin(canvas):
    skin = replace(skins(1)[0], brow_density=1.0)
    gloss = paint(canvas, skin)[..., 3].astype(float)
    column, row = np.round(canvas.landmarks[20]).astype(int)
    assert gloss[row : row + 12, column].min() < 0.7 * np.median(gloss[:FACE_SIZE, :FACE_SIZE])


def test_a_palette_depends_on_the_person_alone(canvas):
    skin = skins(1)[0]
    assert (paint(canvas, skin) == paint(canvas, skin)).all()
    assert (paint(canvas, skin) != paint(canvas, skins(2)[1])).any()


def test_stubble_darkens_the_chin_and_not_the_forehead(canvas):
    skin = replace(skins(1)[0], melanin=0.5, hair_colour=(0.01, 0.01, 0.01), stubble=0.0)
    shaved, bearded = paint(canvas, skin), paint(canvas, replace(skin, stubble=0.9))
    chin = 0.5 * (canvas.landmarks[8] + canvas.landmarks[57])
    forehead = moved(canvas.landmarks[27], 0, -130)
    assert luminance(bearded, chin) < 0.93 * luminance(shaved, chin)
    assert luminance(bearded, forehead) == pytest.approx(luminance(shaved, forehead), rel=0.05)


def test_light_comes_from_the_front_half():
    directions = fan()
    assert np.linalg.norm(directions, axis=1) == pytest.approx(np.ones(len(directions)), abs=1e-5)
    assert directions[:, 2].min() > -0.2


def test_a_surface_that_sees_nothing_is_dark_but_not_black():
    lighting = sample_lighting(np.random.default_rng(0))
    frontal = np.maximum(fan()[:, 2], 0)
    light = irradiance(lighting, np.stack([frontal, np.zeros(len(fan()), np.float32)]))
    assert (light[1] > 0).all()
    assert (light[0] > 2 * light[1]).all()


def test_the_scanners_light_is_more_even_than_a_studio():
    left, right = (np.maximum(fan() @ side, 0) for side in ((-0.8, 0, 0.6), (0.8, 0, 0.6)))

    def imbalance(lighting):
        sides = irradiance(lighting, np.stack([left, right]).astype(np.float32)).mean(axis=1)
        return abs(np.log(sides[0] / sides[1]))

    rngs = [np.random.default_rng(seed) for seed in range(20)]
    studio = np.median([imbalance(sample_lighting(rng)) for rng in rngs])
    scanner = np.median([imbalance(even_lighting(rng)) for rng in rngs])
    assert scanner < 0.5 * studio
