from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fercore.faces.head_angle import HeadAngle
from fercore.faces.quality import (
    MAX_DISTANCE_M,
    MAX_TILT_DEG,
    MAX_TURN_DEG,
    MIN_SHARE_OF_COLOUR,
    MIN_SHARPNESS,
    MIN_VALID_FRACTION,
    UNKNOWN_QUALITY,
    Grade,
    Quality,
    contradiction,
    depth_defect,
    is_turned,
    measure,
)
from fercore.structures import FaceBox, FacePair, Prediction, Verdicts

if TYPE_CHECKING:
    from fercore.faces.quality import Indicator
    from fercore.structures import FloatArray, UInt8Array

BOX = FaceBox(10, 10, 110, 110, 0.9)


def textured(size: int = 96, level: int = 128) -> UInt8Array:
    """Return a face-like picture: broad light and fine detail."""
    random = np.random.default_rng(0)
    broad = np.linspace(-20, 20, size)[None, :] + np.linspace(-15, 15, size)[:, None]
    grey = level + broad + random.normal(0, 12, (size, size))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def pair_of(
    rgb: UInt8Array | None = None,
    depth_m: FloatArray | None = None,
    valid_fraction: float = 0.9,
) -> FacePair:
    return FacePair(textured() if rgb is None else rgb, depth_m, valid_fraction, BOX, 0.0)


def indicator(quality: Quality, name: str) -> Indicator:
    return next(found for found in quality.indicators() if found.name == name)


def level(depth: float) -> FloatArray:
    return np.full((64, 64), depth, np.float32)


def turned(yaw: float = 0, pitch: float = 0, roll: float = 0) -> Quality:
    return Quality(0.5, 0.9, 1.0, 128, None, HeadAngle(yaw, pitch, roll))


def test_a_good_picture_has_only_good_words() -> None:
    indicators = measure(pair_of(depth_m=level(0.5)), 0.002, HeadAngle(3, -4, 0.4)).indicators()
    names = ["Distance", "Angle", "Depth", "Sharpness", "Light", "Timing"]
    assert [i.name for i in indicators] == names
    assert {(i.grade, i.word) for i in indicators} == {(Grade.GOOD, "good")}
    assert [i.figure for i in indicators[:2]] == ["0.50 m", "+3/-4/+0°"]


@pytest.mark.parametrize(
    ("quality", "name", "word"),
    [
        (Quality(0.1, 0.9, 1.0, 128, None), "Distance", "too near"),
        (Quality(1.5, 0.9, 1.0, 128, None), "Distance", "too far"),
        (turned(yaw=-31), "Angle", "turned away"),
        (turned(pitch=28), "Angle", "looking down"),
        (turned(pitch=-28), "Angle", "looking up"),
        (turned(roll=16), "Angle", "tilted"),
        (turned(yaw=26, roll=40), "Angle", "tilted"),
        (turned(yaw=60, roll=16), "Angle", "turned away"),
        (Quality(0.5, 0.1, 1.0, 128, None), "Depth", "too little"),
        (Quality(None, 0.0, 1.0, 128, None), "Depth", "none"),
        (Quality(0.5, 0.9, 0.02, 128, None), "Sharpness", "blurred"),
        (Quality(0.5, 0.9, 1.0, 20, None), "Light", "too dark"),
        (Quality(0.5, 0.9, 1.0, 240, None), "Light", "too bright"),
        (Quality(0.5, 0.9, 1.0, 128, -0.02), "Timing", "depth out of step"),
    ],
)
def test_every_fault_has_a_word_and_says_what_would_be_good(
    quality: Quality, name: str, word: str
) -> None:
    found = indicator(quality, name)
    assert (found.grade, found.word) == (Grade.POOR, word)
    assert any(character.isdigit() for character in found.wanted)


def test_limits_themselves_are_good() -> None:
    angle = HeadAngle(MAX_TURN_DEG, -MAX_TURN_DEG, MAX_TILT_DEG)
    quality = Quality(MAX_DISTANCE_M, MIN_VALID_FRACTION, MIN_SHARPNESS, 45, 0.012, angle)
    assert all(i.grade is Grade.GOOD for i in quality.indicators())
    assert not is_turned(angle)
    assert is_turned(angle._replace(pitch_deg=-MAX_TURN_DEG - 1))


def test_without_a_face_nothing_is_known() -> None:
    assert measure(None) == UNKNOWN_QUALITY
    assert {i.grade for i in UNKNOWN_QUALITY.indicators()} == {Grade.UNKNOWN}
    assert len(UNKNOWN_QUALITY.indicators()) == 5
    assert "Timing" not in {i.name for i in UNKNOWN_QUALITY.indicators()}


def test_distance_is_of_the_middle_and_ignores_what_is_unknown() -> None:
    depth_m = level(1.3)
    depth_m[16:48, 16:48] = 0.6
    depth_m[20:30, 20:40] = np.nan
    assert measure(pair_of(depth_m=depth_m)).distance_m == pytest.approx(0.6)
    assert measure(pair_of(depth_m=level(np.nan))).distance_m is None
    assert measure(pair_of()).distance_m is None


@pytest.mark.parametrize("size", [96, 112, 224])
def test_a_blurred_face_is_told_from_a_sharp_one(size: int) -> None:
    import cv2

    sharp = cv2.resize(textured(96), (size, size), interpolation=cv2.INTER_LINEAR)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 3.0 * size / 96)
    clear, dull = (measure(pair_of(picture)).sharpness for picture in (sharp, blurred))
    assert clear is not None and dull is not None
    assert dull < MIN_SHARPNESS < clear


def test_an_even_picture_is_neither_sharp_nor_blurred() -> None:
    even = np.full((96, 96, 3), 100, np.uint8)
    assert measure(pair_of(even)).sharpness is None
    assert measure(pair_of(np.zeros((4, 4, 3), np.uint8))).sharpness is None


def test_brightness_is_the_faces_own() -> None:
    assert measure(pair_of(textured(level=20))).brightness == pytest.approx(20, abs=6)
    rgb = np.full((96, 96, 3), 255, np.uint8)
    rgb[19:77, 19:77] = textured(58, 100)
    assert measure(pair_of(rgb)).brightness == pytest.approx(100, abs=6)


def test_depth_defects_are_those_that_silence_the_depth_heads() -> None:
    assert depth_defect(pair_of(depth_m=level(0.5))) == ""
    assert "20 %" in depth_defect(pair_of(depth_m=level(0.5), valid_fraction=0.2))
    assert depth_defect(pair_of()) == "no depth from this source"


def surprised(share: float) -> Prediction:
    """Return a prediction of surprise, the rest calm."""
    return Prediction(np.array([0, 0, 0, 0, 0, share, 1 - share], np.float32), 0.0)


@pytest.mark.parametrize(
    ("by_depth", "by_colour", "level", "is_doubted"),
    [
        (0.9, 0.02, 128, True),
        (0.9, MIN_SHARE_OF_COLOUR + 0.01, 128, False),
        (0.2, 0.02, 128, False),  # both say calm
        (0.9, 0.02, 20, False),  # too dark for colour to be asked
    ],
)
def test_depth_is_doubted_where_well_seen_colour_contradicts_it(
    by_depth: float, by_colour: float, level: int, is_doubted: bool
) -> None:
    verdicts = Verdicts(surprised(by_depth), surprised(by_colour), surprised(by_depth))
    said = contradiction(verdicts, pair_of(textured(level=level)))
    doubt = "depth says surprise, to which colour gives 2 %: not believed"
    assert said == (doubt if is_doubted else "")


def test_a_depth_verdict_that_is_not_sure_contradicts_nobody() -> None:
    even = Prediction(np.full(7, 1 / 7, np.float32), 0.0)
    assert contradiction(Verdicts(None, surprised(1.0), even), pair_of(textured())) == ""
    assert contradiction(Verdicts(None, None, surprised(0.9)), pair_of(textured())) == ""
