"""How one synthetic subject's skin, brows, lips and eyes look.

Skin colour follows two pigments, melanin and haemoglobin, as in Tsumura et al.,
"Independent-component analysis of skin color image" (JOSA A 16(9), 1999): light that
enters skin is weakened exponentially by either. All parts of a face (cheeks, lips,
freckles, scars of age) then differ only by their amounts of the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fercore.synthesis.photographed_skin import choose_skin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fercore.structures import FloatArray
    from fercore.synthesis.person import Traits

Colour = tuple[float, float, float]

# Absorption per unit of pigment in R, G, B, tuned by eye against skin-tone charts.
_MELANIN = np.array([0.56, 0.70, 0.82], np.float32)
_HAEMOGLOBIN = np.array([0.04, 0.40, 0.36], np.float32)
_DERMIS = np.array([0.08, 0.20, 0.42], np.float32)

_MELANIN_RANGE = (0.30, 3.4)

_PAINTED_SHARE = 0.5  # of painted skins where photographs were made for another model

# Linear reflectances.
_HAIR_COLOURS: tuple[Colour, ...] = (
    (0.008, 0.007, 0.007),
    (0.020, 0.013, 0.009),
    (0.050, 0.028, 0.016),
    (0.100, 0.058, 0.030),
    (0.200, 0.130, 0.070),
    (0.130, 0.045, 0.018),
    (0.230, 0.220, 0.210),
)
_HAIR_ODDS_LIGHT = (0.10, 0.25, 0.25, 0.15, 0.12, 0.06, 0.07)
_HAIR_ODDS_FAIR_YOUNG = (0.12, 0.27, 0.27, 0.16, 0.12, 0.06, 0.0)
_HAIR_ODDS_DARK_YOUNG = (0.65, 0.30, 0.05, 0.0, 0.0, 0.0, 0.0)
_HAIR_ODDS_DARK = (0.60, 0.30, 0.05, 0.0, 0.0, 0.0, 0.05)
_IRIS_COLOURS: tuple[Colour, ...] = (
    (0.045, 0.022, 0.010),
    (0.090, 0.050, 0.022),
    (0.120, 0.105, 0.050),
    (0.110, 0.150, 0.150),
    (0.120, 0.185, 0.260),
)
_IRIS_ODDS_LIGHT = (0.25, 0.25, 0.15, 0.15, 0.20)
_IRIS_ODDS_DARK = (0.85, 0.14, 0.01, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Skin:
    """The looks of one subject; amounts are 0..1 unless a unit or a range is given."""

    melanin: float  # 0.3 (very light) .. 3.4 (very dark)
    haemoglobin: float  # 0.35..1.0, how rosy
    yellowness: float  # -0.12..0.15, extra absorption of blue
    blush: float  # redness of cheeks and nose
    eye_shadow: float  # darkness around the eyes
    freckles: float  # density of dark spots
    blotches: float  # strength of uneven pigment
    age_lines: float  # visibility of lines in forehead and cheeks
    stubble: float  # 0 for none
    oiliness: float  # strength of highlights
    hair_colour: Colour  # linear reflectance of hair and brows
    hairline_mm: float  # height of the hairline above the brows
    brow_thickness: float  # 0.6..1.5 of the usual
    brow_density: float  # how much skin the hairs cover
    brow_lift: float  # -1..1, flat or strongly arched
    brow_shift: float  # -1..1, nearer to the eyes or farther up
    lip_redness: float  # 0.4..2, of the usual
    lip_darkness: float  # extra melanin in the lips
    lash_darkness: float  # how clearly the lid margins show
    iris_colour: Colour  # linear reflectance
    pupil: float  # 0.25..0.5 of the iris's radius
    tooth_shade: float  # 0 white .. 1 yellow
    texture_seed: int  # hairs, pores, spots
    photo: str = ""  # name of the photographed skin beneath; empty: painted by pigments alone

    def reflectance(self, melanin: FloatArray, haemoglobin: FloatArray) -> FloatArray:
        """Return linear RGB (..., 3) of skin with extra amounts (...) of the two pigments."""
        tint = _DERMIS + np.array([0.0, 0.3, 1.0], np.float32) * np.float32(self.yellowness)
        absorbed = (
            tint
            + np.maximum(self.melanin + melanin, 0.03)[..., None] * _MELANIN
            + np.maximum(self.haemoglobin + haemoglobin, 0.0)[..., None] * _HAEMOGLOBIN
        )
        return np.asarray(np.exp(-absorbed), np.float32)


def sample_skin(
    rng: np.random.Generator, traits: Traits | None = None, photos: Sequence[str] = ()
) -> Skin:
    """Draw one subject's looks; all tones from very light to very dark occur.

    Where the face model knows a person's `traits` the looks follow them. `photos` are the
    names of photographed skins to choose from; see `fercore.synthesis.subjects.subject_skin`.
    """
    skin = _any_skin(rng)
    if traits is not None:
        skin = _suited(skin, traits, rng)
    if not photos or (traits is None and rng.random() < _PAINTED_SHARE):
        return skin
    return replace(skin, photo=choose_skin(photos, skin.melanin, traits, rng))


def pigments_of(colour: FloatArray) -> tuple[float, float]:
    """Return the melanin and haemoglobin that explain a linear RGB (3,) of skin best."""
    absorbed = -np.log(np.clip(colour, 1e-3, 1)) - _DERMIS
    amounts = np.linalg.lstsq(np.stack([_MELANIN, _HAEMOGLOBIN], axis=1), absorbed, rcond=None)[0]
    return float(amounts[0]), float(amounts[1])


def pigment_filter(melanin: FloatArray, haemoglobin: FloatArray) -> FloatArray:
    """Return the factors (..., 3) on linear RGB of extra amounts (...) of the two pigments."""
    absorbed = melanin[..., None] * _MELANIN + haemoglobin[..., None] * _HAEMOGLOBIN
    return np.asarray(np.exp(-absorbed), np.float32)


def _suited(skin: Skin, traits: Traits, rng: np.random.Generator) -> Skin:
    """Make looks follow sex, age and ancestry."""
    typical = 2.4 * traits.african + 0.85 * traits.asian + 0.55 * traits.caucasian
    melanin = float(np.clip(typical * np.exp(rng.normal(0, 0.2)), *_MELANIN_RANGE))
    fair = traits.caucasian > 0.6 and melanin < 1.2
    male = traits.sex == "M"
    grey = traits.age_years > 48 and rng.random() < (traits.age_years - 48) / 35
    beard = skin.stubble or (float(rng.uniform(0.1, 0.7)) if rng.random() < 0.3 else 0.0)
    coloured = _HAIR_ODDS_FAIR_YOUNG if fair else _HAIR_ODDS_DARK_YOUNG
    worn = max(traits.age_years - 40, 0.0) / 32
    return replace(
        skin,
        melanin=melanin,
        freckles=skin.freckles if fair else 0.1,
        age_lines=float(np.clip(worn + rng.normal(0, 0.12), 0, 1)),
        stubble=beard if male else 0.0,
        hair_colour=_greying(rng) if grey else _pick(rng, _HAIR_COLOURS, coloured),
        hairline_mm=0.85 * skin.hairline_mm + (float(rng.uniform(0, 22)) * worn if male else 0.0),
        brow_thickness=float(rng.uniform(1.1, 1.8) if male else rng.uniform(0.8, 1.4)),
        lash_darkness=float(rng.uniform(0.3, 0.7) if male else rng.uniform(0.55, 1.0)),
        lip_redness=skin.lip_redness * (0.8 if male else 1.0),
        iris_colour=_pick(rng, _IRIS_COLOURS, _IRIS_ODDS_LIGHT if fair else _IRIS_ODDS_DARK),
    )


def _any_skin(rng: np.random.Generator) -> Skin:
    tone = float(rng.uniform())
    low, high = _MELANIN_RANGE
    fair = rng.random() > 1.8 * tone
    bearded = rng.random() < 0.35
    return Skin(
        melanin=low + (high - low) * tone**1.4,
        haemoglobin=float(rng.uniform(0.4, 0.95)),
        yellowness=float(rng.uniform(-0.12, 0.15)),
        blush=float(rng.uniform(0.1, 1.0)),
        eye_shadow=float(rng.uniform(0.0, 1.0)),
        freckles=float(rng.uniform(0.3, 1.0)) if fair and rng.random() < 0.3 else 0.1,
        blotches=float(rng.uniform(0.1, 1.0)),
        age_lines=float(rng.beta(1.2, 2.5)),
        stubble=float(rng.uniform(0.15, 0.9)) if bearded else 0.0,
        oiliness=float(rng.uniform(0.1, 1.0)),
        hair_colour=_pick(rng, _HAIR_COLOURS, _HAIR_ODDS_LIGHT if fair else _HAIR_ODDS_DARK),
        hairline_mm=float(rng.uniform(40.0, 66.0)),
        brow_thickness=float(rng.uniform(0.6, 1.5)),
        brow_density=float(rng.uniform(0.45, 1.0)),
        brow_lift=float(rng.uniform(-1.0, 1.0)),
        brow_shift=float(rng.uniform(-1.0, 1.0)),
        lip_redness=float(rng.uniform(0.4, 1.2) if rng.random() < 0.8 else rng.uniform(1.2, 2.0)),
        lip_darkness=float(rng.uniform(0.0, 0.5)),
        lash_darkness=float(rng.uniform(0.35, 1.0)),
        iris_colour=_pick(rng, _IRIS_COLOURS, _IRIS_ODDS_LIGHT if fair else _IRIS_ODDS_DARK),
        pupil=float(rng.uniform(0.27, 0.5)),
        tooth_shade=float(rng.uniform(0.0, 1.0)),
        texture_seed=int(rng.integers(2**31)),
    )


def _greying(rng: np.random.Generator) -> Colour:
    """Draw a grey, from pepper and salt to nearly white."""
    grey = float(rng.uniform(0.06, 0.22))
    return grey, 0.96 * grey, 0.92 * grey


def _pick(rng: np.random.Generator, colours: tuple[Colour, ...], odds: tuple[float, ...]) -> Colour:
    """Draw a colour and vary its brightness by a quarter."""
    colour = colours[int(rng.choice(len(colours), p=odds))]
    gain = float(rng.uniform(0.75, 1.25))
    return colour[0] * gain, colour[1] * gain, colour[2] * gain
